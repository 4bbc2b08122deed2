package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

const (
	oldTags = "-Wl,--disable-new-dtags" // DT_RPATH
	newTags = "-Wl,--enable-new-dtags"  // DT_RUNPATH
)

// machineLevel is the x86-64 level of the machine that the tests run on, as ld.so sees it.
func machineLevel(t testing.TB) string {
	out, err := bounded.Command(t, ldso(t), "--help").Output()
	if err != nil {
		t.Skip(err)
	}
	m := regexp.MustCompile(`(x86-64-v[234]) \(supported, searched\)`).FindStringSubmatch(string(out))
	if m == nil {
		return "x86-64"
	}
	return m[1]
}

// TestSearch compares the files that are found with those that ld.so finds.
func TestSearch(t *testing.T) {
	level := machineLevel(t)
	tests := []struct {
		name string
		lib  []string // LD_LIBRARY_PATH
		cwd  string
		make func(b *builder) // makes "prog"
	}{
		{name: "rpath before LD_LIBRARY_PATH", lib: []string{"%D/b"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			b.bare("b/libx.so", "int x;")
			b.prog("prog", "int main(){}", "-La", "-lx", oldTags, "-Wl,-rpath,%D/a")
		}},
		{name: "runpath after LD_LIBRARY_PATH", lib: []string{"%D/none", "%D/b"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			b.bare("b/libx.so", "int x;")
			b.prog("prog", "int main(){}", "-La", "-lx", newTags, "-Wl,-rpath,%D/a")
		}},
		{name: "rpath is inherited", make: func(b *builder) {
			b.bare("a/liby.so", "int y;")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-ly")
			b.prog("prog", "int main(){}", "-La", "-lx", oldTags, "-Wl,-rpath,%D/a")
		}},
		{name: "runpath is not inherited", make: func(b *builder) {
			b.bare("a/liby.so", "int y;")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-ly")
			b.prog("prog", "int main(){}", "-La", "-lx", newTags, "-Wl,-rpath,%D/a")
		}},
		{name: "a runpath hides the rpath of those above", make: func(b *builder) {
			b.bare("a/liby.so", "int y;")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-ly", newTags, "-Wl,-rpath,%D/none")
			b.prog("prog", "int main(){}", "-La", "-lx", oldTags, "-Wl,-rpath,%D/a")
		}},
		{name: "rpath of the chain before the program", make: func(b *builder) {
			b.bare("a/libz.so", "int z;")
			b.bare("b/libz.so", "int z;")
			b.bare("a/liby.so", "int y;", "-La", "-Wl,--no-as-needed", "-lz")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-ly", oldTags, "-Wl,-rpath,%D/b")
			b.prog("prog", "int main(){}", "-La", "-lx", oldTags, "-Wl,-rpath,%D/a")
		}},
		{name: "origin", make: func(b *builder) {
			b.bare("lib/libz.so", "int z;")
			b.bare("lib/sub/liby.so", "int y;", "-Llib", "-Wl,--no-as-needed", "-lz", newTags, "-Wl,-rpath,$ORIGIN/..")
			b.bare("lib/libx.so", "int x;", "-Llib/sub", "-Wl,--no-as-needed", "-ly", newTags, "-Wl,-rpath,${ORIGIN}/sub")
			b.prog("prog", "int main(){}", "-Llib", "-lx", newTags, "-Wl,-rpath,$ORIGINX:$ORIGIN/lib")
		}},
		{name: "origin of a program behind a link", make: func(b *builder) {
			b.bare("real/libx.so", "int x;")
			b.bare("libx.so", "int x;")
			b.prog("real/prog", "int main(){}", "-Lreal", "-lx", newTags, "-Wl,-rpath,$ORIGIN")
			os.Symlink("real/prog", b.path("prog"))
		}},
		{name: "origin of a library behind a link", make: func(b *builder) {
			b.bare("real/liby.so", "int y;")
			b.bare("liby.so", "int y;")
			b.bare("real/libx.so", "int x;", "-Lreal", "-Wl,--no-as-needed", "-ly", newTags, "-Wl,-rpath,$ORIGIN")
			os.Symlink("real/libx.so", b.path("libx.so"))
			b.prog("prog", "int main(){}", "-L.", "-lx", newTags, "-Wl,-rpath,$ORIGIN")
		}},
		{name: "lib and platform", make: func(b *builder) {
			b.bare("a/lib/x86_64-linux-gnu/libx.so", "int x;")
			b.bare("b/x86_64/libx.so", "int x;")
			b.bare("b/x86_64/liby.so", "int y;")
			b.bare("b/haswell/liby.so", "int y;")
			b.prog("prog", "int main(){}", "-La/lib/x86_64-linux-gnu", "-lx", "-Lb/x86_64", "-ly", newTags, "-Wl,-rpath,%D/a/$LIB:%D/b/${PLATFORM}")
		}},
		{name: "empty element", cwd: "cwd", make: func(b *builder) {
			b.bare("cwd/libx.so", "int x;")
			b.bare("b/libx.so", "int x;")
			b.prog("prog", "int main(){}", "-Lb", "-lx", newTags, "-Wl,-rpath,%D/none::%D/b")
		}},
		{name: "relative", cwd: "cwd", lib: []string{"sub"}, make: func(b *builder) {
			b.bare("cwd/sub/libx.so", "int x;")
			b.bare("b/libx.so", "int x;")
			b.prog("prog", "int main(){}", "-Lb", "-lx")
		}},
		{name: "path as name", cwd: "cwd", make: func(b *builder) {
			b.bare("cwd/libx.so", "int x;", "-Wl,-soname,./libx.so")
			b.bare("liby.so", "int y;", "-Wl,-soname,$ORIGIN/liby.so")
			b.prog("prog", "int main(){}", "cwd/libx.so", "liby.so")
		}},
		{name: "other class and machine", lib: []string{"%D/c", "%D/m", "%D/d", "%D/a"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			data, _ := os.ReadFile(b.path("a/libx.so"))
			data[4] = 1 // ELFCLASS32
			data[18] = 3
			b.write("c/libx.so", string(data))
			data[4], data[18] = 2, 183 // EM_AARCH64
			b.write("m/libx.so", string(data))
			b.prog("prog", "int main(){}", "-La", "-lx")
		}},
		{name: "unreadable", lib: []string{"%D/p", "%D/a"}, make: func(b *builder) {
			if os.Getuid() == 0 {
				b.t.Skip("root reads everything")
			}
			b.bare("a/libx.so", "int x;")
			b.write("p/libx.so", "")
			os.Chmod(b.path("p/libx.so"), 0)
			b.prog("prog", "int main(){}", "-La", "-lx")
		}},
		{name: "soname of a loaded file", lib: []string{"%D/a"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;", "-Wl,-soname,liby.so")
			b.bare("b/liby.so", "int y;")
			b.bare("a/libz.so", "int z;", "-Lb", "-Wl,--no-as-needed", "-ly")
			os.Link(b.path("a/libx.so"), b.path("a/libw.so"))
			b.prog("prog", "int main(){}", "a/libx.so", "-La", "-lz")
		}},
		{name: "one file of two names", lib: []string{"%D/a"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			os.Link(b.path("a/libx.so"), b.path("a/liby.so"))
			os.Symlink("libx.so", b.path("a/libz.so"))
			b.prog("prog", "int main(){}", "-La", "-ly", "-lx", "-lz")
		}},
		{name: "cycle", lib: []string{"%D/a"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			b.bare("a/liby.so", "int y;", "-La", "-Wl,--no-as-needed", "-lx")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-ly")
			b.prog("prog", "int main(){}", "-La", "-lx")
		}},
		{name: "diamond", lib: []string{"%D/a"}, make: func(b *builder) {
			b.bare("a/libw.so", "int w;")
			b.bare("a/libz.so", "int z;")
			b.bare("a/liby.so", "int y;", "-La", "-Wl,--no-as-needed", "-lw", "-lz")
			b.bare("a/libx.so", "int x;", "-La", "-Wl,--no-as-needed", "-lz", "-lw")
			b.prog("prog", "int main(){}", "-La", "-lx", "-ly")
		}},
		{name: "missing", make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			b.prog("prog", "int main(){}", "-La", "-lx")
		}},
		{name: "hwcaps", lib: []string{"%D/v", "%D/a"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;")
			b.bare("a/liby.so", "int y;")
			b.bare("a/libw.so", "int y;")
			b.bare("v/liby.so", "int y;")
			b.bare("v/glibc-hwcaps/x86-64-v2/libx.so", "int x;")
			b.bare("v/glibc-hwcaps/x86-64-v3/liby.so", "int y;")
			b.bare("v/glibc-hwcaps/x86-64-v2/liby.so", "int y;")
			b.bare("a/glibc-hwcaps/x86-64-v3/libx.so", "int x;")
			b.bare("a/glibc-hwcaps/x86-64-v4/libw.so", "int x;")
			b.prog("prog", "int main(){}", "-La", "-lx", "-ly", "-lw")
		}},
		{name: "nodefaultlib", make: func(b *builder) {
			b.prog("prog", "int main(){}", "-Wl,-z,nodefaultlib")
		}},
		{name: "nodefaultlib with rpath", make: func(b *builder) {
			libc, _ := filepath.EvalSymlinks("/lib/x86_64-linux-gnu/libc.so.6")
			b.prog("prog", "int main(){}", "-Wl,-z,nodefaultlib", newTags, "-Wl,-rpath,"+filepath.Dir(libc))
		}},
		{name: "no dependencies", make: func(b *builder) {
			b.prog("prog", "void _start(){}", "-nostdlib", "-pie")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuilder(t)
			tt.make(b)
			lib := b.expand(tt.lib)
			if tt.cwd != "" {
				t.Chdir(b.path(tt.cwd))
			} else {
				t.Chdir("/")
			}
			env := "LD_LIBRARY_PATH=" + strings.Join(lib, ":")
			prog := b.path("prog")
			want, missing, ok := traced(t, prog, env)
			if !ok {
				t.Fatal("ld.so says nothing")
			}
			for i := range want {
				want[i], _ = filepath.Abs(want[i])
			}
			p, err := Load(prog, Options{LibraryPath: lib, CPU: level})
			if len(missing) > 0 {
				var m *MissingError
				if !errors.As(err, &m) || m.Library != missing[0] {
					t.Fatalf("got %v, want %s to be missing", err, missing[0])
				}
				t.Log(err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			got := loaded(p)
			if len(want) == 0 {
				got = nil // the loader is in no scope
			}
			if slices.ContainsFunc(p.Images, func(i *Image) bool { return len(i.Alternates) > 0 }) {
				got = nil // $PLATFORM has several values on one level
				for _, id := range p.Global[1:] {
					if f := p.Images[id].Path; slices.Contains(want, f) {
						got = append(got, f)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
			u := load(t, prog, Options{LibraryPath: lib})
			for _, f := range want {
				if !slices.ContainsFunc(u.Images, func(i *Image) bool { return i.Path == f }) {
					t.Errorf("the union does not have %s", f)
				}
			}
		})
	}
}

// TestHwcapsUnion says which file each machine has.
func TestHwcapsUnion(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("a/libx.so", "int f(){return 1;} int base(){return 1;}")
	b.bare("a/liby.so", "int f(){return 2;} int base(){return 2;} int g(){return 3;}")
	b.bare("a/glibc-hwcaps/x86-64-v2/libx.so", "int f(){return 4;}")
	b.bare("a/glibc-hwcaps/x86-64-v4/libx.so", "int f(){return 5;} extern int g(); int h(){return g();}")
	prog := b.prog("prog", "extern int f(), base(); int main(){return f()+base();}", "-La", "-lx", "-ly", newTags, "-Wl,-rpath,$ORIGIN/a")
	for _, tt := range []struct{ cpu, libx, f, base string }{
		{"x86-64", "/a/libx.so", "libx.so", "libx.so"},
		{"x86-64-v2", "/a/glibc-hwcaps/x86-64-v2/libx.so", "libx.so", "liby.so"},
		{"x86-64-v3", "/a/glibc-hwcaps/x86-64-v2/libx.so", "libx.so", "liby.so"},
		{"x86-64-v4", "/a/glibc-hwcaps/x86-64-v4/libx.so", "libx.so", "liby.so"},
	} {
		p := load(t, prog, Options{CPU: tt.cpu})
		if got := p.Images[p.Global[1]]; !strings.HasSuffix(got.Path, tt.libx) || len(got.Alternates) != 0 {
			t.Errorf("%s: %s", tt.cpu, got.Path)
		}
		if f, base := bound(p, 0, "f"), bound(p, 0, "base"); f != tt.f || base != tt.base {
			t.Errorf("%s: f in %s, base in %s", tt.cpu, f, base)
		}
	}
	p := load(t, prog, Options{})
	x := find(t, p, "/a/libx.so")
	if len(x.Alternates) != 2 || !strings.Contains(p.Images[x.Alternates[0]].Path, "v2") || !strings.Contains(p.Images[x.Alternates[1]].Path, "v4") {
		t.Errorf("alternates: %v", x.Alternates)
	}
	if got := bases(p, p.Global); got != "prog libx.so libx.so libx.so liby.so libc.so.6 ld-linux-x86-64.so.2" {
		t.Error(got)
	}
	if got := bases(p, p.Images[0].Needs); got != "libx.so libx.so libx.so liby.so libc.so.6" {
		t.Error(got)
	}
	// Every machine has f in libx; base is in libx only on the simplest.
	if f, base := bound(p, 0, "f"), bound(p, 0, "base"); f != "libx.so libx.so libx.so" || base != "libx.so liby.so" {
		t.Errorf("f in %s, base in %s", f, base)
	}
	if g := bound(p, x.Alternates[1], "g"); g != "liby.so" {
		t.Error(g)
	}
	if _, err := Load(prog, Options{CPU: "i386"}); err == nil {
		t.Error("CPU i386 is accepted")
	}
}

func TestMissing(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("a/libx.so", "int x;")
	b.bare("a/liby.so", "int y;")
	b.bare("b/libz.so", "int z;", "-La", "-Wl,--no-as-needed", "-ly")
	prog := b.prog("prog", "int main(){}", "-La", "-Lb", "-lx", "-lz", newTags, "-Wl,-rpath,$ORIGIN/b")
	_, err := Load(prog, Options{LibraryPath: []string{b.path("none")}})
	var m *MissingError
	if !errors.As(err, &m) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if m.Library != "libx.so" || m.NeededBy != prog || !slices.Equal(m.Others, []string{"liby.so"}) || m.Searched[0] != b.path("none") || m.Searched[1] != b.path("b") {
		t.Errorf("%+v", m)
	}
	msg := strings.ReplaceAll(err.Error(), b.dir, "")
	for _, part := range []string{"libx.so: not found, needed by /prog", "searched /none, /b, /etc/ld.so.cache, ", "also missing: liby.so", "--library-path", "--root"} {
		if !strings.Contains(msg, part) {
			t.Errorf("%q is not in %q", part, msg)
		}
	}

	b.write("bad/libx.so", "INPUT(-lfoo)\n")
	_, err = Load(prog, Options{LibraryPath: []string{b.path("bad"), b.path("a")}})
	if err == nil || !strings.Contains(err.Error(), "bad/libx.so") || !strings.Contains(err.Error(), "needed by "+prog) {
		t.Error(err)
	}

	data, _ := os.ReadFile(b.path("a/libx.so"))
	data[18] = 183
	b.write("arm/libx.so", string(data))
	_, err = Load(prog, Options{LibraryPath: []string{b.path("arm")}})
	if !errors.As(err, &m) || len(m.Rejected) != 1 || !strings.Contains(err.Error(), "AArch64") {
		t.Error(err)
	}
}

func TestProgramErrors(t *testing.T) {
	b := newBuilder(t)
	b.write("script", "#!/usr/bin/env -S python3 -u\n")
	b.write("text", "hello")
	os.Chmod(b.path("text"), 0o755)
	t.Chdir(b.dir)
	os.Symlink("loop", b.path("loop"))
	var script *ScriptError
	var prog *ProgramError
	var missing *MissingError
	noInterp := b.prog("nointerp", "int main(){}", "-Wl,-dynamic-linker,/none/ld.so")
	for _, tt := range []struct {
		name string
		as   any
		is   error
		text string
	}{
		{"./none", &prog, fs.ErrNotExist, "./none: not found"},
		{"gofind-none", &prog, fs.ErrNotExist, "gofind-none: not found on PATH"},
		{"text", &prog, fs.ErrNotExist, "write ./text"},
		{"./text/x", &prog, nil, "./text/x: not found"},
		{"", &prog, fs.ErrNotExist, "name a program"},
		{b.dir, &prog, nil, "is a directory"},
		{"/dev/null", &prog, nil, "not a regular file"},
		{"./loop", &prog, nil, "too many symbolic links"},
		{"./script", &script, nil, "python3"},
		{"./text", nil, nil, "not an ELF file"},
		{noInterp, &missing, fs.ErrNotExist, "/none/ld.so: not found, needed by " + noInterp + " (interpreter)"},
	} {
		_, err := Load(tt.name, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if tt.as != nil && !errors.As(err, tt.as) {
			t.Errorf("%s: %T", tt.name, err)
		}
		if tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %#v", tt.name, err)
		}
		t.Log(err)
	}
	if _, err := Load("x", Options{Root: b.path("none")}); err == nil {
		t.Error("a root that does not exist is accepted")
	}
	if _, err := Load("x", Options{Root: b.path("text")}); err == nil {
		t.Error("a file as root is accepted")
	}
}

// TestPath finds a program by name as a shell does.
func TestPath(t *testing.T) {
	b := newBuilder(t)
	prog := b.prog("bin/gofind-test-prog", "int main(){}", "-static")
	t.Setenv("PATH", "relative:"+b.path("bin"))
	if p := load(t, "gofind-test-prog", Options{}); p.Images[0].Path != prog {
		t.Error(p.Images[0].Path)
	}
}

// TestDeterministic loads with one and with many workers.
func TestDeterministic(t *testing.T) {
	ldso(t)
	describe := func(p *Process) string {
		var s strings.Builder
		for _, img := range p.Images {
			fmt.Fprintln(&s, img.ID, img.Path, img.Real, img.Origin, img.NeededBy, img.Needs, img.Alternates, img.Local)
		}
		fmt.Fprintln(&s, p.Global, p.Inputs)
		return s.String()
	}
	for _, name := range []string{"curl", "gdb", "git"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		want := describe(load(t, path, Options{}))
		for range 5 {
			if got := describe(load(t, path, Options{})); got != want {
				t.Errorf("%s:\n%s\n%s", name, got, want)
			}
		}
	}
}
