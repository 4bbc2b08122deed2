package process

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
	"github.com/gofind-dev/gofind/internal/image"
)

// binding is one line of LD_DEBUG=bindings.
type binding struct{ from, to, symbol string }

var bindingLine = regexp.MustCompile("binding file (.*) \\[(-?\\d+)\\] to (.*) \\[(-?\\d+)\\]: (?:normal|protected) symbol `([^']*)'(?: \\[([^\\]]*)\\])?")

// bindings asks the real ld.so for every symbol binding of a program, without
// running it, as ldd -r does.
func bindings(t testing.TB, program string, env ...string) map[binding]bool {
	t.Helper()
	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := bounded.Command(t, ldso(t), program)
	cmd.Env = append(os.Environ(), "LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes", "LD_BIND_NOW=yes", "LD_DEBUG=bindings")
	cmd.Env = append(cmd.Env, env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Run()
	found := map[binding]bool{}
	sc := bufio.NewScanner(&errs)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if m := bindingLine.FindStringSubmatch(sc.Text()); m != nil && m[1] != "linux-vdso.so.1" {
			sym := m[5]
			if m[6] != "" {
				sym += "@" + m[6]
			}
			found[binding{clean(m[1]), clean(m[3]), sym}] = true
		}
	}
	return found
}

// clean resolves the directory of a path.
func clean(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return p
}

// TestBindingsSystem compares what Resolve says for every reference that ld.so binds.
func TestBindingsSystem(t *testing.T) {
	ldso(t)
	for _, name := range []string{"cat", "bash", "nginx", "curl", "haproxy", "cmake", "git", "vim", "gdb", "ffmpeg", "openssl", "redis-server"} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			p, err := Load(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.Libc != "glibc" {
				t.Skip("not for glibc")
			}
			compareBindings(t, p, bindings(t, path))
		})
	}
}

func compareBindings(t *testing.T, p *Process, want map[binding]bool) {
	t.Helper()
	if len(want) == 0 {
		t.Error("ld.so says nothing")
	}
	byPath := map[string]int{}
	for _, img := range p.Images {
		byPath[img.Real] = img.ID
	}
	type key struct {
		image  int
		symbol string
	}
	answers := map[key]map[string]bool{}
	copied := map[key]bool{}
	for _, img := range p.Images {
		for _, r := range img.Relocs {
			if r.Sym == 0 {
				continue
			}
			sym := img.SymbolName(int(r.Sym))
			if v, _ := img.SymbolVersion(int(r.Sym)); v != "" {
				sym += "@" + v
			}
			k := key{img.ID, sym}
			if answers[k] == nil {
				answers[k] = map[string]bool{}
			}
			ts := p.Resolve(img.ID, int(r.Sym), nil)
			if r.Type == image.RX8664Copy {
				copied[k] = true
				ts = p.CopySource(img.ID, int(r.Sym))
			}
			for _, x := range ts {
				answers[k][p.Images[x.Image].Real] = true
			}
		}
	}
	bad := 0
	for b := range want {
		id, ok := byPath[b.from]
		if !ok {
			t.Errorf("%s is not an image", b.from)
			continue
		}
		if p.Images[id].Origin == OriginLoader || id == 0 && answers[key{id, b.symbol}] == nil {
			continue // what the loader looks up by name has no relocation
		}
		if answers[key{id, b.symbol}][b.to] {
			continue
		}
		// The address of a function that a non-PIE program takes is that of its PLT entry.
		if b.to == p.Images[0].Real && p.Images[0].Type == image.ETExec && len(answers[key{id, b.symbol}]) > 0 {
			continue
		}
		if bad++; bad < 10 {
			t.Errorf("%s: %s binds to %s, not %v", b.from, b.symbol, b.to, answers[key{id, b.symbol}])
		}
	}
	t.Logf("%d bindings, %d differ", len(want), bad)
	for k, a := range answers {
		for to := range a {
			if len(a) > 1 && !copied[k] && !want[binding{p.Images[k.image].Real, to, k.symbol}] {
				t.Logf("%s: %s also binds to %s", p.Images[k.image].Path, k.symbol, to)
			}
		}
	}
}

// TestBindings compares small programs, each with a rule of the symbol search.
func TestBindings(t *testing.T) {
	ldso(t)
	const rpath = "-Wl,-rpath,%D"
	v1, v2 := "V1 { global: f; local: *; };\n", "V1 { }; V2 { global: f; } V1;\n"
	tests := []struct {
		name string
		make func(b *builder)
		opts Options
	}{
		{name: "first wins even if weak", make: func(b *builder) {
			b.bare("libx.so", "__attribute__((weak)) int f(){return 1;} int x;")
			b.bare("liby.so", "int f(){return 2;} int g(){return f();}")
			b.prog("prog", "extern int f(), g(); int main(){return f()+g();}", "-L.", "-lx", "-ly", rpath)
		}},
		{name: "program interposes", make: func(b *builder) {
			b.bare("libx.so", "int f(){return 1;} int g(){return f();} int (*p)() = f;")
			b.prog("prog", "extern int g(); int f(){return 3;} int main(){return f()+g();}", "-L.", "-lx", rpath, "-rdynamic")
		}},
		{name: "preload interposes", make: func(b *builder) {
			b.bare("libx.so", "int f(){return 1;}")
			b.bare("libp.so", "int f(){return 2;} void *malloc(long n){return 0;}")
			b.bare("libq.so", "int f(){return 2;} void *calloc(long n){return 0;}")
			b.prog("prog", "extern int f(); int main(){return f();}", "-L.", "-lx", rpath)
		}, opts: Options{Preload: []string{"%D/libp.so:libq.so", "libx.so"}}},
		{name: "versions", make: func(b *builder) {
			b.write("v1", v1)
			b.write("v2", v2)
			b.write("v12", "V1 { global: f; local: *; }; V2 { global: f; } V1;\n")
			b.bare("libx.so", "int f(){return 1;}", "-Wl,--version-script=v1")
			b.bare("prev/libx.so", "int f1(){return 1;} int f2(){return 2;} __asm__(\".symver f1,f@V1\\n.symver f2,f@@V2\");", "-Wl,--version-script=v12")
			b.bare("libold.so", "int f(); int old(){return f();}", "-L.", "-lx")
			b.bare("libnew.so", "int f(); int new(){return f();}", "-Lprev", "-lx")
			b.bare("libnone.so", "int f(); int none(){return f();}")
			b.prog("prog", "int old(), new(), none(); int main(){return old()+new()+none();}", "-L.", "-lold", "-lnew", "-lnone", "-Lprev", "-lx", "-Wl,-rpath,%D/prev:%D")
		}},
		{name: "hidden version is no default", make: func(b *builder) {
			b.write("v12", "V0 {}; V1 { global: f; local: *; } V0;\n")
			b.bare("libx.so", "int f1(){return 1;} __asm__(\".symver f1,f@V1\");", "-Wl,--version-script=v12")
			b.bare("liby.so", "int f(){return 2;}")
			b.bare("libnone.so", "int f(); int none(){return f();}")
			b.prog("prog", "int none(); int main(){return none();}", "-L.", "-lx", "-ly", "-lnone", rpath)
		}},
		{name: "interposed version", make: func(b *builder) {
			b.write("v1", v1)
			b.write("v2", v2)
			b.bare("libx.so", "int f(){return 1;}", "-Wl,--version-script=v1")
			b.bare("libv2.so", "int f(){return 2;}", "-Wl,--version-script=v2")
			b.bare("libv0.so", "int f(){return 2;}")
			b.prog("prog", "int f(); int main(){return f();}", "-L.", "-lx", rpath)
		}, opts: Options{Preload: []string{"%D/libv2.so", "%D/libv0.so"}}},
		{name: "copy", make: func(b *builder) {
			b.bare("libx.so", "int data[4] = {1}; int *g(){return data;}")
			b.bare("libp.so", "int data[4] = {2};")
			b.prog("prog", "extern int data[4]; int *g(); int main(){return data[0]+*g();}", "-L.", "-lx", rpath, "-no-pie", "-fno-pic", "-mcmodel=small")
		}, opts: Options{Preload: []string{"%D/libp.so"}}},
		{name: "address of a function in a program at a fixed address", make: func(b *builder) {
			b.bare("libx.so", "int f(){return 1;} int (*g())(){return f;}")
			b.prog("prog", "int f(); int (*g())(); int (*p)() = f; int main(){return f() + (g() == p);}", "-L.", "-lx", rpath, "-no-pie", "-fno-pic")
		}},
		{name: "symbolic", make: func(b *builder) {
			b.bare("libx.so", "int f(){return 1;} extern int h(); int g(){return f()+h();}", "-Wl,-z,lazy")
			data := "int f(){return 2;} int (*p)() = f; int k(){return p();}"
			b.bare("libs.so", data, "-Wl,-Bsymbolic-functions", "-Wl,-Bsymbolic")
			b.bare("libd.so", data)
			b.prog("prog", "int f(){return 0;} int h(){return 0;} extern int g(), k(); int main(){return g()+k();}", "-L.", "-lx", "-ls", rpath, "-rdynamic")
		}},
		{name: "visibility", make: func(b *builder) {
			b.bare("libx.so", "__attribute__((visibility(\"protected\"))) int f(){return 1;} __attribute__((visibility(\"hidden\"))) int h(){return 1;} int (*p)() = f, (*q)() = h; int g(){return f()+h();}")
			b.bare("liby.so", "int h(){return 2;}")
			b.prog("prog", "int f(){return 0;} extern int g(), h(); int main(){return g()+h();}", "-L.", "-lx", "-ly", rpath, "-rdynamic")
		}},
		{name: "weak reference", make: func(b *builder) {
			b.bare("libx.so", "int x;")
			b.bare("liby.so", "int there;")
			b.prog("prog", "extern int nothing __attribute__((weak)), there __attribute__((weak)); int main(){return &nothing != 0 && &there != 0;}", "-L.", "-lx", "-ly", rpath)
		}},
		{name: "sysv hash", make: func(b *builder) {
			b.write("v1", v1)
			b.bare("libx.so", "int f(){return 1;} int g(){return f();}", "-Wl,--hash-style=sysv", "-Wl,--version-script=v1")
			b.bare("liby.so", "int f(){return 1;} int g(){return f();}", "-Wl,--hash-style=sysv")
			b.prog("prog", "int f(), g(); int main(){return f()+g();}", "-L.", "-lx", "-ly", rpath)
		}},
		{name: "filter", make: func(b *builder) {
			b.bare("libimpl.so", "int f(){return 1;} int dep();  int x(){return dep();}", "-L.")
			b.bare("libflt.so", "int f(){return 2;} int g(){return f();}", "-Wl,-F,libimpl.so", "-Wl,-soname,libflt.so")
			b.bare("liby.so", "int f(){return 3;}")
			b.prog("prog", "int f(), g(); int main(){return f()+g();}", "-L.", "-lflt", "-ly", rpath, "-Wl,--disable-new-dtags")
		}},
		{name: "auxiliary", make: func(b *builder) {
			b.bare("libdep.so", "int dep(){return 1;} int g(){return 4;}")
			b.bare("libimpl.so", "int f(){return 1;} int dep(); int x(){return dep();}", "-L.", "-ldep")
			b.bare("libimpl2.so", "int f2(){return 1;}")
			b.bare("libaux.so", "int f(){return 2;} int f2(){return 2;} int g(){return f()+f2();}", "-Wl,-f,libimpl.so", "-Wl,-f,libnone.so", "-Wl,-f,libimpl2.so", "-Wl,-soname,libaux.so")
			b.prog("prog", "int f(), g(); int main(){return f()+g();}", "-L.", "-laux", "-limpl2", rpath, "-Wl,--disable-new-dtags")
		}},
		{name: "tls", make: func(b *builder) {
			b.bare("libx.so", "__thread int t = 1; int *g(){return &t;}")
			b.bare("libp.so", "__thread int t = 2;")
			b.prog("prog", "extern __thread int t; int *g(); int main(){return t+*g();}", "-L.", "-lx", rpath)
		}, opts: Options{Preload: []string{"%D/libp.so"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuilder(t)
			tt.make(b)
			opts := tt.opts
			opts.Preload = b.expand(opts.Preload)
			var env []string
			if len(opts.Preload) > 0 {
				env = append(env, "LD_PRELOAD="+strings.Join(opts.Preload, " "))
			}
			p := load(t, b.path("prog"), opts)
			files, _, _ := traced(t, b.path("prog"), env...)
			if got := loaded(p); !slices.Equal(got, files) {
				t.Errorf("files:\n got %q\nwant %q", got, files)
			}
			want := bindings(t, b.path("prog"), env...)
			compareBindings(t, p, want)
			for k := range want {
				if !strings.Contains(k.from, "libc.so") && !strings.Contains(k.from, "ld-linux") {
					t.Logf("%s: %s in %s", filepath.Base(k.from), k.symbol, filepath.Base(k.to))
				}
			}
			if t.Failed() {
				t.Log(bases(p, p.Global))
			}
		})
	}
}
