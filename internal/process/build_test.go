package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// builder compiles small libraries and programs into a directory of the test's.
type builder struct {
	t   testing.TB
	dir string
	cc  string
}

func newBuilder(t testing.TB) *builder { return newBuilderCC(t, "gcc") }

func newBuilderCC(t testing.TB, cc string) *builder {
	t.Helper()
	path, err := exec.LookPath(cc)
	if err != nil {
		t.Skip(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &builder{t, dir, path}
}

// path is that of a file of the builder.
func (b *builder) path(name string) string { return filepath.Join(b.dir, name) }

// write makes a file, and its directory.
func (b *builder) write(name, text string) string {
	b.t.Helper()
	p := b.path(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *builder) compile(name, source string, flags ...string) string {
	b.t.Helper()
	out := b.path(name)
	src := b.write(name+".c", source)
	args := append([]string{"-w", "-O1", "-g0", "-o", out, src}, flags...)
	cmd := bounded.Command(b.t, b.cc, args...)
	cmd.Dir = b.dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, msg)
	}
	return out
}

// lib makes a shared library. Flags may have %D for the builder's directory.
func (b *builder) lib(name, source string, flags ...string) string {
	b.t.Helper()
	f := []string{"-shared", "-fPIC"}
	if !strings.Contains(strings.Join(flags, " "), "-soname") {
		f = append(f, "-Wl,-soname,"+filepath.Base(name))
	}
	return b.compile(name, source, append(f, b.expand(flags)...)...)
}

// bare is lib without libc and without a soname.
func (b *builder) bare(name, source string, flags ...string) string {
	b.t.Helper()
	return b.compile(name, source, append([]string{"-shared", "-fPIC", "-nostdlib"}, b.expand(flags)...)...)
}

// prog makes a program, with DT_NEEDED for each library whether it is used or not.
func (b *builder) prog(name, source string, flags ...string) string {
	b.t.Helper()
	f := []string{"-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,--unresolved-symbols=ignore-in-shared-libs"}
	return b.compile(name, source, append(f, b.expand(flags)...)...)
}

func (b *builder) expand(flags []string) []string {
	var out []string
	for _, f := range flags {
		out = append(out, strings.ReplaceAll(f, "%D", b.dir))
	}
	return out
}

// load is Load that must succeed.
func load(t testing.TB, program string, opts Options) *Process {
	t.Helper()
	p, err := Load(program, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// bases are the last elements of the paths of images.
func bases(p *Process, ids []int) string {
	var s []string
	for _, id := range ids {
		s = append(s, filepath.Base(p.Images[id].Path))
	}
	return strings.Join(s, " ")
}

// bound says what image id's reference to a symbol binds to.
func bound(p *Process, id int, symbol string) string {
	for i := range p.Images[id].NumSymbols() {
		if p.Images[id].SymbolName(i) == symbol {
			var ids []int
			for _, t := range p.Resolve(id, i, nil) {
				ids = append(ids, t.Image)
			}
			return bases(p, ids)
		}
	}
	return "no such symbol"
}

// image finds an image by the end of its path.
func find(t testing.TB, p *Process, suffix string) *Image {
	t.Helper()
	for _, img := range p.Images {
		if strings.HasSuffix(img.Path, suffix) {
			return img
		}
	}
	t.Fatalf("no image %s", suffix)
	return nil
}
