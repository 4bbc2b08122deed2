package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/policy"
)

// A program sees the same headers in each way, and exceptions find their tables.
func TestHeaders(t *testing.T) {
	need(t, "g++")
	for _, args := range [][]string{
		{"-pie"}, {"-no-pie"}, {"-static", "-no-pie"}, {"-static-pie"}, {"-pie", "-fuse-ld=lld"}, {"-static", "-no-pie", "-fuse-ld=lld"}, {"-pie", "-fcf-protection=none", "-fuse-ld=gold"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "prog")
			if text, err := bounded.Command(t, "g++", append([]string{"-O1", "-o", out, "testdata/headers.cc"}, args...)...).CombinedOutput(); err != nil {
				if strings.Contains(string(text), "cannot find") {
					t.Skip("needs the linker")
				}
				t.Fatalf("%s", text)
			}
			want := start(t, out)
			if !strings.HasPrefix(want.out, "same, 1 notes or more") || !strings.HasSuffix(want.out, "thrown\n") {
				t.Fatalf("%+v", want)
			}
			if got := start(t, sealed(t, out, allBut(policy.KillProcess, "sync"))); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// A thread that a constructor started before the entry is held by the filter too; one that cannot
// be makes the program end.
func TestEarlyThread(t *testing.T) {
	need(t, "gcc")
	dir := t.TempDir()
	run(t, "gcc", "-shared", "-fPIC", "-pthread", "-o", dir+"/libearly.so", "testdata/early.c")
	run(t, "gcc", "-o", dir+"/late", "testdata/late.c", "-L"+dir, "-learly", "-Wl,-rpath,"+dir)
	plain := filepath.Join(dir, "late")
	if got := start(t, plain); got.out != "thread: returned\n" {
		t.Fatalf("%+v", got)
	}
	seal := sealed(t, plain, allBut(policy.Errno(1), "sync"))
	if got := start(t, seal); got.out != "thread: errno 1\n" {
		t.Errorf("%+v", got)
	}
	if got := start(t, sealed(t, plain, allBut(policy.KillProcess, "sync"))); got.code != sigsys {
		t.Errorf("%+v", got)
	}
	t.Setenv("EARLY_FILTER", "1")
	got := start(t, seal)
	if got.code != ExitCode || !strings.HasSuffix(got.errs, " is a thread with other filters\n") {
		t.Errorf("%+v", got)
	}
}

// The loader as a command.
func TestLoader(t *testing.T) {
	for _, i := range []int{0, 1, 6, 12} {
		b := builds[i]
		t.Run(b.name, func(t *testing.T) {
			plain := b.program(t)
			loader := open(t, plain).Interp
			seal := sealed(t, plain, allBut(policy.KillProcess, "sync"))
			if want, got := start(t, loader, plain, "hello", "x"), start(t, loader, seal, "hello", "x"); got != want || want.code != 3 {
				t.Errorf("%+v, want %+v", got, want)
			}
			if got := start(t, loader, seal, "call", nrSync); got.code != sigsys {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What is appended to a program stays at the end, and where formats look for it: from the end of the
// file, or from the end of the section headers (AppImage).
func TestAppended(t *testing.T) {
	plain := pie(t)
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 17, 5000, 1 << 20} {
		payload := bytes.Repeat([]byte("PAYLOAD."), n/8+1)[:n]
		path := write(t, filepath.Join(t.TempDir(), "prog"), append(bytes.Clone(data), payload...))
		seal := sealed(t, path, allBut(policy.KillProcess, "sync"))
		out, err := os.ReadFile(seal)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(out, payload) {
			t.Fatal("it is not at the end")
		}
		end := le.Uint64(out[ehShoff:]) + uint64(le.Uint16(out[ehShnum:]))*shdrLen
		if !bytes.Equal(out[end:], payload) {
			t.Errorf("the section headers end at %#x, the payload begins at %#x", end, len(out)-n)
		}
		if len(data)%8 == 0 && end%page != uint64(len(data))%page {
			t.Errorf("the payload was at %#x and is at %#x", len(data), end)
		}
		if got := start(t, seal, "hello"); got.code != 3 {
			t.Errorf("%+v", got)
		}
		// Or at its offset.
		if stay, err := Seal(path, append(bytes.Clone(data), payload...), allBut(policy.KillProcess, "sync"), Meta{Policy: []byte("{}")}, true); err != nil {
			t.Error(err)
		} else if !bytes.Equal(stay[len(data):][:n], payload) {
			t.Error("the payload moved")
		} else if got := start(t, write(t, path+".stay", stay), "hello"); got.code != 3 {
			t.Errorf("%+v", got)
		} else if s, err := Read(seal, stay); err != nil {
			t.Error(err)
		} else if back, err := s.Original(); err != nil || !bytes.Equal(back, append(bytes.Clone(data), payload...)) {
			t.Errorf("not the original: %v", err)
		}
		s, err := Read(seal, out)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := s.Original(); err != nil || !bytes.Equal(back, append(bytes.Clone(data), payload...)) {
			t.Errorf("not the original: %v", err)
		}
	}
}

// Files without section headers, and with broken ones.
func TestNoSections(t *testing.T) {
	for _, b := range builds {
		plain := b.program(t)
		want := start(t, plain, "hello", "x")
		data, err := os.ReadFile(plain)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func([]byte) []byte{
			"none": func(d []byte) []byte {
				clear(d[ehShoff : ehShoff+8])
				clear(d[ehShnum : ehShnum+4])
				return d
			},
			"cut": func(d []byte) []byte {
				return d[:open(t, plain).Segments[len(open(t, plain).Segments)-1].Off+open(t, plain).Segments[len(open(t, plain).Segments)-1].FileSize]
			},
			"outside": func(d []byte) []byte { le.PutUint64(d[ehShoff:], 1<<40); return d },
			"many":    func(d []byte) []byte { le.PutUint16(d[ehShnum:], 0xfeff); return d },
			"noise": func(d []byte) []byte {
				for i := le.Uint64(d[ehShoff:]); i < uint64(len(d)); i += 3 {
					d[i] ^= 0x55
				}
				return d
			},
		} {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				path := write(t, filepath.Join(t.TempDir(), "prog"), change(bytes.Clone(data)))
				in, _ := os.ReadFile(path)
				out, err := Seal(path, in, allBut(policy.KillProcess, "sync"), Meta{Policy: []byte("{}")}, false)
				if err != nil {
					if !strings.Contains(err.Error(), "no room for a program header") {
						t.Error(err)
					}
					return
				}
				seal := write(t, path+".sealed", out)
				if got := start(t, seal, "hello", "x"); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if got := start(t, seal, "call", nrSync); got.code != sigsys {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// What cannot be sealed says why.
func TestCannot(t *testing.T) {
	need(t, "gcc")
	dir := t.TempDir()
	run(t, "gcc", "-shared", "-fPIC", "-o", dir+"/libearly.so", "-Wl,-soname,libearly.so", "testdata/early.c")
	run(t, "gcc", "-c", "-o", dir+"/early.o", "testdata/early.c")
	script := write(t, dir+"/script", []byte("#!/bin/sh\n"))
	for path, want := range map[string]string{
		dir + "/libearly.so": "this is the shared library libearly.so; seal the programs that use it",
		dir + "/early.o":     "relocatable object",
		script:               "script",
		"stub.asm":           "not an ELF file",
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out, err := Seal(path, data, allBut(policy.KillProcess), Meta{Policy: []byte("{}")}, false)
		if out != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// A filter that Linux does not take.
	p := allBut(policy.KillProcess)
	for i := range p.Rules {
		for j := range 60 {
			p.Rules[i].Clauses = append(p.Rules[i].Clauses[:j:j], policy.Clause{Tests: []policy.Test{is(0, 64, uint64(i*1000+j)<<20|7)}, Action: policy.Errno(uint16(j + 1))})
		}
	}
	data, err := os.ReadFile(pie(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Seal("f", data, p, Meta{}, false); err == nil || !strings.Contains(err.Error(), "the kernel takes 4096") {
		t.Error(err)
	}
}

// Programs of Go, with and without its own linker.
func TestGo(t *testing.T) {
	need(t, "go")
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "main.go"), []byte(`package main

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

func main() {
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { _ = make([]byte, 1<<20) })
	}
	wg.Wait()
	if len(os.Args) > 1 {
		_, _, e := syscall.Syscall(syscall.SYS_SYNC, 0, 0, 0)
		fmt.Println(int(e))
	}
	defer func() { fmt.Println(recover()) }()
	panic("panics")
}
`))
	for _, args := range [][]string{{}, {"-buildmode=pie"}, {"-ldflags=-s -w"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "prog")
			cmd := bounded.Command(t, "go", append(append([]string{"build", "-o", out}, args...), source)...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			seal := sealed(t, out, allBut(policy.Errno(88), "sync"))
			if got := start(t, seal); got.out != "panics\n" || got.code != 0 {
				t.Errorf("%+v", got)
			}
			if got := start(t, seal, "sync"); got.out != "88\npanics\n" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Programs of Rust, which unwind through their own tables.
func TestRust(t *testing.T) {
	need(t, "rustc")
	dir := t.TempDir()
	source := write(t, filepath.Join(dir, "main.rs"), []byte(`
fn main() {
    let t = std::thread::spawn(|| std::panic::catch_unwind(|| { let v: Vec<u8> = vec![0; 3000000]; v[v.len() + 1] }).is_err());
    println!("{}", t.join().unwrap());
}
`))
	for _, args := range [][]string{{}, {"-Cpanic=unwind", "-Copt-level=2", "-Cstrip=symbols"}, {"-Crelocation-model=static"}, {"-Ctarget-feature=+crt-static"}} {
		out := filepath.Join(dir, "prog")
		if text, err := bounded.Command(t, "rustc", append(append([]string{"-o", out}, args...), source)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		want := start(t, out)
		if got := start(t, sealed(t, out, allBut(policy.KillProcess, "sync"))); got.out != "true\n" || got.code != want.code {
			t.Errorf("%q: %+v, want %+v", args, got, want)
		}
	}
}

// From when the filter holds: glibc's loader runs the constructors of libraries before the
// program's entry, musl's program after it. Inspect says so.
func TestBegins(t *testing.T) {
	for _, c := range []struct {
		compiler, args string
		code           int
		begins         string
	}{
		{"gcc", "", 5, "entry"}, {"musl-gcc", "", sigsys, "entry"}, {"gcc", "-static", 5, "exec"}, {"musl-gcc", "-static", 5, "exec"},
	} {
		t.Run(c.compiler+c.args, func(t *testing.T) {
			need(t, c.compiler)
			dir := t.TempDir()
			library := write(t, dir+"/lib.c", []byte("#include <sys/syscall.h>\n#include <unistd.h>\n__attribute__((constructor)) static void c(void) { syscall(SYS_sync); }\nint five(void) { return 5; }\n"))
			program := write(t, dir+"/prog.c", []byte("int five(void);\n#ifdef STATIC\nint five(void) { return 5; }\n#endif\nint main(void) { return five(); }\n"))
			args := []string{"-o", dir + "/prog", program, "-DSTATIC", c.args}
			if c.args == "" {
				run(t, c.compiler, "-shared", "-fPIC", "-o", dir+"/libfive.so", library)
				args = []string{"-o", dir + "/prog", program, "-L" + dir, "-lfive", "-Wl,-rpath," + dir}
			}
			run(t, c.compiler, args...)
			seal := sealed(t, dir+"/prog", allBut(policy.KillProcess, "sync"))
			if got := start(t, seal); got.code != c.code {
				t.Errorf("%+v, want %d", got, c.code)
			}
			s, _ := read(t, seal)
			begins, before := s.Begins()
			if begins != c.begins || strings.Contains(before, "constructors") != (c.code == 5 && c.args == "") {
				t.Errorf("%s, %q", begins, before)
			}
		})
	}
}

// glibc's loader runs some code of the program itself before the entry: Inspect says so.
func TestBeginsEarly(t *testing.T) {
	need(t, "gcc")
	const call = "static int sync_(void) { int r; __asm__ volatile(\"syscall\" : \"=a\"(r) : \"a\"(162) : \"rcx\", \"r11\", \"memory\"); return r; }\n"
	for _, c := range []struct{ name, source, want string }{
		{"constructor", "__attribute__((constructor)) static void early(void) { sync_(); }\nint main(void) { return 5; }\n", ""},
		{"preinit", "__attribute__((used, section(\".preinit_array\"))) static int (*const early)(void) = sync_;\nint main(void) { return 5; }\n", "DT_PREINIT_ARRAY"},
		{"static ifunc", "static int five(void) { return 5; }\nstatic void *pick(void) { sync_(); return five; }\nstatic int f(void) __attribute__((ifunc(\"pick\")));\nint main(void) { return f(); }\n", "(ifunc)"},
		{"ifunc", "static int five(void) { return 5; }\nstatic void *pick(void) { sync_(); return five; }\nint f(void) __attribute__((ifunc(\"pick\")));\nint main(void) { return f(); }\n", "(ifunc)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			run(t, "gcc", "-o", dir+"/prog", write(t, dir+"/prog.c", []byte(call+c.source)), "-Wl,-z,now", "-rdynamic")
			out := sealed(t, dir+"/prog", allBut(policy.KillProcess, "sync"))
			code := 5
			if c.want == "" {
				code = sigsys
			}
			if got := start(t, out); got.code != code {
				t.Errorf("%+v, want %d", got, code)
			}
			s, _ := read(t, out)
			if _, before := s.Begins(); strings.Contains(before, "own") != (c.want != "") || !strings.Contains(before, c.want) {
				t.Errorf("%q, want %q", before, c.want)
			}
		})
	}
}
