package seal

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/policy"
)

// What strip and others make of a sealed program still runs under its filter.
func TestTools(t *testing.T) {
	for _, b := range builds {
		plain := b.program(t)
		seal := sealed(t, plain, allBut(policy.KillProcess, "sync"))
		for _, tool := range [][]string{
			{"strip", "-o", "{out}", "{in}"},
			{"strip", "--strip-debug", "-o", "{out}", "{in}"},
			{"objcopy", "{in}", "{out}"},
			{"objcopy", "--add-gnu-debuglink={in}", "{in}", "{out}"},
			{"objcopy", "--compress-debug-sections", "{in}", "{out}"},
			{"eu-strip", "-o", "{out}", "{in}"},
			{"eu-elfcompress", "-o", "{out}", "{in}"},
			{"patchelf", "--set-rpath", "/a/path/that/is/longer/than/what/was/there", "--output", "{out}", "{in}"},
			{"patchelf", "--add-needed", "libm.so.6", "--output", "{out}", "{in}"},
			{"patchelf", "--remove-rpath", "--output", "{out}", "{in}"},
			{"patchelf", "--set-interpreter", "{dir}/an-interpreter-with-a-longer-path", "--output", "{out}", "{in}"},
		} {
			t.Run(b.name+"/"+strings.Join(tool[:2], ""), func(t *testing.T) {
				need(t, tool[0])
				dir := t.TempDir()
				apply := func(in, out string) (string, error) {
					args := make([]string, len(tool)-1)
					for i, a := range tool[1:] {
						args[i] = strings.NewReplacer("{out}", out, "{in}", in, "{dir}", dir).Replace(a)
					}
					text, err := exec.Command(tool[0], args...).CombinedOutput()
					return string(text), err
				}
				if f := open(t, plain); f.Interp != "" {
					copyFile(t, f.Interp, filepath.Join(dir, "an-interpreter-with-a-longer-path"))
				}
				out, other := filepath.Join(dir, "out"), filepath.Join(dir, "other")
				if _, err := apply(plain, other); err != nil {
					t.Skip("not something that the tool does to such files")
				}
				want := start(t, other, "hello", "x")
				if text, err := apply(seal, out); err != nil || strings.Contains(text, "arning") {
					t.Fatalf("%v: %s", err, text)
				}
				if got := start(t, out, "hello", "x"); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if want.code != 3 {
					t.Skip("the tool breaks such files, sealed or not")
				}
				if got := start(t, out, "call", nrSync); got.code != sigsys {
					t.Errorf("not filtered: %+v", got)
				}
				data, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				s, err := Read(out, data)
				if err != nil {
					t.Fatal(err)
				}
				again := filepath.Join(dir, "again")
				write(t, again, s.Plain())
				if got := start(t, again, "call", nrSync); got.out != "returned\n" {
					t.Errorf("filtered without a filter: %+v", got)
				}
				again = sealed(t, again, allBut(policy.Errno(77), "sync"))
				if got := start(t, again, "call", nrSync); got.out != "errno 77\n" {
					t.Errorf("sealed again: %+v", got)
				}
				if got := start(t, again, "hello", "x"); got != want {
					t.Errorf("sealed again: %+v, want %+v", got, want)
				}
				if n := len(open(t, again).phdrs); n > len(open(t, out).phdrs) {
					t.Errorf("%d program headers", n)
				}
				if _, err := s.Original(); err == nil {
					was, _ := os.ReadFile(seal)
					if !bytes.Equal(was, data) {
						t.Error("an original of a changed file")
					}
				}
			})
		}
	}
}

func open(t testing.TB, path string) *file {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, data)
}
