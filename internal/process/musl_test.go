package process

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

const muslLoader = "/lib/ld-musl-x86_64.so.1"

// muslListed asks musl's loader, as its ldd does.
func muslListed(t *testing.T, program string, env ...string) []string {
	t.Helper()
	cmd := bounded.Command(t, muslLoader, "--list", program)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var files []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if _, rest, ok := strings.Cut(line, " => "); ok {
			line = rest
		}
		f, _, ok := strings.Cut(line, " (0x")
		if !ok {
			t.Fatalf("%q", line)
		}
		if r, err := filepath.EvalSymlinks(f); err == nil {
			f = r
		}
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	slices.Sort(files)
	return files
}

func TestMusl(t *testing.T) {
	if _, err := os.Stat(muslLoader); err != nil {
		t.Skip(err)
	}
	tests := []struct {
		name string
		lib  []string
		pre  []string
		make func(b *builder)
		want string // the global scope
	}{
		{name: "libc only", make: func(b *builder) {
			b.prog("prog", "int main(){}")
		}, want: "prog ld-musl-x86_64.so.1"},
		{name: "libraries that are the loader", make: func(b *builder) {
			b.bare("libpthread.so.0", "int x;", "-Wl,-soname,libpthread.so.0")
			b.bare("libdl.so", "int x;", "-Wl,-soname,libdl.so")
			b.bare("libx.so", "int x;", "-Wl,-soname,libx.so")
			b.prog("prog", "int main(){}", "libpthread.so.0", "libdl.so", "libx.so", "-Wl,-rpath,%D")
		}, want: "prog ld-musl-x86_64.so.1 libx.so"},
		{name: "library path before rpath", lib: []string{"%D/b"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;", "-Wl,-soname,libx.so")
			b.bare("b/libx.so", "int x;", "-Wl,-soname,libx.so")
			b.prog("prog", "int main(){}", "a/libx.so", oldTags, "-Wl,-rpath,%D/a")
		}, want: "prog libx.so ld-musl-x86_64.so.1"},
		{name: "runpath is inherited", make: func(b *builder) {
			b.bare("a/liby.so", "int y;", "-Wl,-soname,liby.so")
			b.bare("a/libx.so", "int x;", "-Wl,-soname,libx.so", "-Wl,--no-as-needed", "a/liby.so")
			b.prog("prog", "int main(){}", "a/libx.so", newTags, "-Wl,-rpath,$ORIGIN/a")
		}, want: "prog libx.so ld-musl-x86_64.so.1 liby.so"},
		{name: "other tokens void the path", lib: []string{"%D/b"}, make: func(b *builder) {
			b.bare("a/libx.so", "int x;", "-Wl,-soname,libx.so")
			b.bare("b/libx.so", "int x;", "-Wl,-soname,libx.so")
			b.bare("lib64/liby.so", "int x;", "-Wl,-soname,liby.so")
			b.bare("b/liby.so", "int x;", "-Wl,-soname,liby.so")
			b.prog("prog", "int main(){}", "a/libx.so", "b/liby.so", newTags, "-Wl,-rpath,$ORIGIN/a:$ORIGIN/$LIB")
		}, want: "prog libx.so liby.so ld-musl-x86_64.so.1"},
		{name: "preload", pre: []string{"%D/libp.so", "%D/libq.so"}, make: func(b *builder) {
			b.bare("libp.so", "void *malloc(unsigned long n){return 0;}")
			b.bare("libq.so", "int q;")
			b.prog("prog", "#include <stdlib.h>\nint main(){return malloc(3) != 0;}")
		}, want: "prog libp.so libq.so ld-musl-x86_64.so.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuilderCC(t, "musl-gcc")
			tt.make(b)
			t.Chdir("/")
			lib, pre := b.expand(tt.lib), b.expand(tt.pre)
			p := load(t, b.path("prog"), Options{LibraryPath: lib, Preload: pre})
			if p.Libc != "musl" {
				t.Error(p.Libc)
			}
			if got := bases(p, p.Global); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var got []string
			for _, id := range p.Global[1:] {
				got = append(got, p.Images[id].Real)
			}
			slices.Sort(got)
			want := muslListed(t, b.path("prog"), "LD_LIBRARY_PATH="+strings.Join(lib, ":"), "LD_PRELOAD="+strings.Join(pre, ":"))
			if !slices.Equal(got, want) {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
			if libc := bound(p, 0, "__libc_start_main"); libc != "ld-musl-x86_64.so.1" {
				t.Error(libc)
			}
			if len(pre) > 0 {
				if m := bound(p, 0, "malloc"); m != "libp.so" {
					t.Error(m)
				}
			}
		})
	}
}

// TestMuslRoot is a system like Alpine's: DT_NEEDED libc.musl-x86_64.so.1, and
// no file in the directories that glibc would search.
func TestMuslRoot(t *testing.T) {
	loader, err := os.ReadFile(muslLoader)
	if err != nil {
		t.Skip(err)
	}
	b := newBuilderCC(t, "musl-gcc")
	b.write("lib/ld-musl-x86_64.so.1", string(loader))
	os.Symlink("ld-musl-x86_64.so.1", b.path("lib/libc.musl-x86_64.so.1"))
	b.bare("stub.so", "int x;", "-Wl,-soname,libc.musl-x86_64.so.1")
	b.bare("usr/local/lib/libx.so", "int x;", "-Wl,-soname,libx.so", "-Wl,--no-as-needed", "stub.so")
	b.bare("lib/libcrypt.so.1", "int x;", "-Wl,-soname,libcrypt.so.1")
	b.prog("bin/prog", "int main(){}", "stub.so", "usr/local/lib/libx.so", "lib/libcrypt.so.1")
	p := load(t, "/bin/prog", Options{Root: b.dir})
	if got := bases(p, p.Global); got != "prog ld-musl-x86_64.so.1 libx.so libcrypt.so.1" {
		t.Error(got)
	}
	os.Remove(b.path("lib/libcrypt.so.1"))
	p = load(t, "/bin/prog", Options{Root: b.dir})
	if got := bases(p, p.Global); got != "prog ld-musl-x86_64.so.1 libx.so" {
		t.Error(got)
	}
	b.write("etc/ld-musl-x86_64.path", "/opt\n/lib:/usr/lib\n")
	if _, err := Load("/bin/prog", Options{Root: b.dir}); err == nil || !strings.Contains(err.Error(), "libx.so: not found, needed by /bin/prog; searched /opt, /lib, /usr/lib") {
		t.Error(err)
	}
}

// musl's loader as a program: half an answer would be wrong.
func TestMuslItself(t *testing.T) {
	const libc = "/usr/lib/x86_64-linux-musl/libc.so"
	if _, err := os.Stat(libc); err != nil {
		t.Skip(err)
	}
	p, err := Load(libc, Options{})
	if err == nil {
		p.Close()
	}
	if e := (*ProgramError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), libc) {
		t.Errorf("%v", err)
	}
}
