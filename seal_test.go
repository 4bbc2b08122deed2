package gofind_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofind-dev/gofind"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// sealFor makes a sealed copy of a program.
func sealFor(t *testing.T, program string, o gofind.SealOptions) (string, *gofind.Sealed) {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(program))
	s, err := gofind.Seal(context.Background(), program, out, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, s
}

// The analysis of a sealed program is that of the program, and of its stub.
func TestScanSealed(t *testing.T) {
	for _, program := range []string{"/usr/bin/cat", "/usr/bin/ls", "/usr/bin/bc", "/bin/busybox", "/usr/bin/diet"} {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		t.Run(filepath.Base(program), func(t *testing.T) {
			scan := func(path string) (*gofind.Result, []string) {
				r, err := gofind.Scan(context.Background(), path, gofind.Options{HostNone: true})
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, c := range r.Syscalls {
					names = append(names, c.ABI+" "+c.Name)
				}
				return r, names
			}
			was, want := scan(program)
			out, _ := sealFor(t, program, gofind.SealOptions{
				Policy: gofind.PolicyOptions{Scan: gofind.Options{HostNone: true}, Exec: []string{gofind.ExecAny}}})
			now, got := scan(out)
			for _, name := range []string{"seccomp", "prctl", "write", "exit_group"} {
				if !slices.Contains(got, "x86_64 "+name) {
					t.Errorf("the stub's %s was not found", name)
				}
				want = append(want, "x86_64 "+name)
			}
			slices.Sort(want)
			slices.Sort(got)
			if want = slices.Compact(want); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if now.Complete != was.Complete || len(now.Unresolved) != len(was.Unresolved) || len(now.Notes) != len(was.Notes) {
				t.Errorf("complete %t, %d unresolved, %d notes; was %t, %d, %d",
					now.Complete, len(now.Unresolved), len(now.Notes), was.Complete, len(was.Unresolved), len(was.Notes))
			}
			// Every syscall instruction of the stub runs, and its data are no code.
			if n := now.Stats.Sites.Live - was.Stats.Sites.Live; n != 9 {
				t.Errorf("%d syscall instructions of the stub", n)
			}
			if now.Stats.Sites.Data < was.Stats.Sites.Data || now.Stats.Sites.Dead != was.Stats.Sites.Dead {
				t.Errorf("%+v, was %+v", now.Stats.Sites, was.Stats.Sites)
			}
		})
	}
}

// What is sealed again is what is sealed at once, and says of itself what Seal said.
func TestSealAgain(t *testing.T) {
	const program = "/usr/bin/cat"
	if _, err := os.Stat(program); err != nil {
		t.Skip("no ", program)
	}
	once, said := sealFor(t, program, gofind.SealOptions{})
	read, err := gofind.Inspect(once)
	if err != nil {
		t.Fatal(err)
	}
	if read.SHA256 != said.SHA256 || read.Filter != said.Filter || len(read.Policy.Rules) != len(said.Policy.Rules) || !read.Intact || read.Begins != "entry" {
		t.Errorf("%+v\n%+v", read, said)
	}
	twice, _ := sealFor(t, once, gofind.SealOptions{})
	again, _ := sealFor(t, once, gofind.SealOptions{})
	a, _ := os.ReadFile(twice)
	b, _ := os.ReadFile(again)
	if !slices.Equal(a, b) || len(a) == 0 {
		t.Error("not the same bytes from the same file")
	}
	back := filepath.Join(t.TempDir(), "back")
	if err := gofind.Unseal(twice, back, false); err != nil {
		t.Fatal(err)
	}
	was, _ := os.ReadFile(program)
	if now, _ := os.ReadFile(back); !slices.Equal(now, was) {
		t.Error("not the original")
	}
	out, err := bounded.Command(t, twice, "--version").Output()
	for range 100 { // busy until what other tests forked has been executed
		if !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
		out, err = bounded.Command(t, twice, "--version").Output()
	}
	if err != nil || !strings.HasPrefix(string(out), "cat ") {
		t.Errorf("%v: %s", err, out)
	}
	changes, err := read.Check("")
	if err != nil || len(changes) != 0 {
		t.Errorf("%v, %v", changes, err)
	}
	read.Policy.Inputs[0].SHA256 = strings.Repeat("0", 64)
	if changes, err = read.Check(""); err != nil || len(changes) != 1 || changes[0].Path != read.Policy.Inputs[0].Path {
		t.Errorf("%v, %v", changes, err)
	}
}

// Errors of sealing make no file.
func TestSealErrors(t *testing.T) {
	small, err := hello() // one header, and its code directly behind it
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(small)
	guesses, err := guess()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(guesses)
	out := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		program string
		o       gofind.SealOptions
		want    string
	}{
		{small, gofind.SealOptions{}, "no room for a program header"},
		{guesses, gofind.SealOptions{}, "no room for a program header"},
		{small, gofind.SealOptions{Policy: gofind.PolicyOptions{Scan: gofind.Options{SinceMain: true}}}, "before main"},
		{"/no/such/program", gofind.SealOptions{}, "not found"},
		{os.TempDir(), gofind.SealOptions{}, "is a directory"},
	} {
		if s, err := gofind.Seal(context.Background(), c.program, out, c.o); s != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.program, err, c.want)
		}
		if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: there is a file", c.program)
		}
	}
}

// A sparse file is not read into memory, however large it says that it is.
func TestSealHuge(t *testing.T) {
	program, err := os.ReadFile("/usr/bin/cat")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "huge")
	if err := errors.Join(os.WriteFile(path, program, 0o755), os.Truncate(path, 1<<40)); err != nil {
		t.Skip(err)
	}
	_, sealing := gofind.Seal(context.Background(), path, path+".out", gofind.SealOptions{})
	_, inspecting := gofind.Inspect(path)
	for _, err := range []error{sealing, inspecting, gofind.Unseal(path, path+".out", true)} {
		if err == nil || !strings.Contains(err.Error(), "1099511627776 bytes") {
			t.Error(err)
		}
	}
}

// A hostile seal rests on a device or a pipe: that is no file that it was made from.
func TestCheckSpecial(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &gofind.Sealed{Policy: &gofind.Policy{Inputs: []gofind.Input{
		{Path: "/dev/zero", Kind: "elf", SHA256: "00"}, {Path: pipe, Kind: "elf", SHA256: "00"}, {Path: filepath.Dir(pipe), Kind: "elf", SHA256: "00"},
	}}}
	changes, err := s.Check("")
	if err != nil || len(changes) != 3 {
		t.Errorf("%v, %v", changes, err)
	}
}
