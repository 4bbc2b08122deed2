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

// dlopenBindings runs a program of ours and collects the bindings of its modules.
func dlopenBindings(t *testing.T, program string, args ...string) map[binding]bool {
	t.Helper()
	cmd := bounded.Command(t, program, args...)
	cmd.Env = append(os.Environ(), "LD_DEBUG=bindings", "LD_BIND_NOW=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String()[max(0, errs.Len()-1000):])
	}
	found := map[binding]bool{}
	for line := range strings.Lines(errs.String()) {
		if m := bindingLine.FindStringSubmatch(line); m != nil && m[1] != "linux-vdso.so.1" {
			sym := m[5]
			if m[6] != "" {
				sym += "@" + m[6]
			}
			found[binding{clean(m[1]), clean(m[3]), sym}] = true
		}
	}
	return found
}

const opener = `#include <dlfcn.h>
#include <stdio.h>
int shared(){return 0;}
int main(int c, char **v) { for (int i = 1; i < c; i++) if (!dlopen(v[i], RTLD_NOW)) { puts(dlerror()); return 1; } return 0; }
`

func TestModules(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("dep/libdep.so", "int local(){return 1;} int shared(){return 1;} int dep(){return shared()+local();}")
	b.bare("mod1.so", "int dep(), shared(), local(); int one(){return dep()+shared()+local();} int local(){return 2;}", "-Ldep", "-ldep", newTags, "-Wl,-rpath,$ORIGIN/dep")
	b.bare("mod2.so", "int dep(), shared(), local(); int two(){return dep()+shared()+local();}", "-Ldep", "-ldep", newTags, "-Wl,-rpath,$ORIGIN/dep")
	prog := b.prog("prog", opener, "-rdynamic")
	p := load(t, prog, Options{Modules: []string{b.path("mod1.so")}})
	id2, err := p.Add(b.path("mod2.so"), "test", OriginDlopen)
	if err != nil {
		t.Fatal(err)
	}
	compareBindings(t, p, dlopenBindings(t, prog, b.path("mod1.so"), b.path("mod2.so")))
	compareBindings(t, p, dlopenBindings(t, prog, b.path("mod2.so"), b.path("mod1.so")))

	one, dep, two := find(t, p, "mod1.so"), find(t, p, "libdep.so"), p.Images[id2]
	if got := bases(p, one.Local); got != "mod1.so libdep.so" {
		t.Error(got)
	}
	if got := bases(p, two.Local); got != "mod2.so libdep.so" {
		t.Error(got)
	}
	if one.Origin != OriginModule || dep.Origin != OriginModule || two.Origin != OriginDlopen || one.Why != "--module" || two.Why != "test" || dep.NeededBy != one.ID {
		t.Errorf("%+v %+v %+v", one, dep, two)
	}
	for _, tt := range []struct {
		id        int
		sym, want string
	}{
		{one.ID, "shared", "prog"},
		{one.ID, "local", "mod1.so libdep.so"}, // its own, or that of mod2's libraries if those were opened RTLD_GLOBAL before
		{two.ID, "local", "libdep.so mod1.so"},
		{dep.ID, "local", "mod1.so libdep.so"}, // as mod1's, and as mod2's if that is opened first
		{dep.ID, "shared", "prog"},
	} {
		if got := bound(p, tt.id, tt.sym); got != tt.want {
			t.Errorf("%s: %s in %s, want %s", p.Images[tt.id].Path, tt.sym, got, tt.want)
		}
	}
	if slices.Contains(p.Global, one.ID) {
		t.Error("a module is in the global scope")
	}
	if id, err := p.Add(b.path("./mod1.so"), "again", OriginDlopen); id != one.ID || err != nil {
		t.Error(id, err)
	}
	if id, err := p.Add("libdep.so", "again", OriginDlopen); id != dep.ID || err != nil {
		t.Error(id, err) // by name: it is there
	}
	if id, err := p.Add("libc.so.6", "", OriginDlopen); err != nil || p.Images[id].Origin != OriginNeeded {
		t.Error(id, err)
	}
	var all []int
	for _, x := range p.LookupAll("local", nil) {
		all = append(all, x.Image)
	}
	if got := bases(p, all); got != "mod1.so libdep.so" {
		t.Error(got)
	}
	if got := p.LookupGlobal("local", "", nil); got != nil {
		t.Error(got)
	}
}

// TestModulesFromModules is the case of a module that uses another's symbols.
func TestModulesFromModules(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("user.so", "int kit(), none(); __attribute__((weak)) int opt(); int f(){return kit()+none()+(opt?opt():0);}")
	b.bare("kit.so", "int kit(){return 1;}")
	b.bare("kit2.so", "int kit(){return 2;} int opt(){return 1;}")
	prog := b.prog("prog", opener)
	p := load(t, prog, Options{Modules: []string{b.path("user.so")}})
	user := find(t, p, "user.so").ID
	if got := bound(p, user, "kit"); got != "" {
		t.Error(got)
	}
	if got := len(p.Undefined(user)); got != 2 {
		t.Error(got)
	}
	if got := bound(p, user, "opt"); got != "" {
		t.Error(got)
	}
	for _, tt := range []struct{ file, want string }{{"kit.so", "kit.so"}, {"kit2.so", "kit.so kit2.so"}} {
		if _, err := p.Add(b.path(tt.file), "test", OriginDlopen); err != nil {
			t.Fatal(err)
		}
		changed := p.Changed()
		if len(changed) == 0 || changed[0].Image != user {
			t.Error(changed)
		}
		if p.Changed() != nil {
			t.Error("told twice")
		}
		if got := bound(p, user, "kit"); got != tt.want {
			t.Error(got)
		}
	}
	if got := bound(p, user, "opt"); got != "kit2.so" {
		t.Error(got)
	}
	if got := len(p.Undefined(user)); got != 1 {
		t.Error(got)
	}
}

// TestAddFails leaves the process as it was.
func TestAddFails(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("libdep2.so", "int x;")
	b.bare("libdep.so", "int x;", "-L.", "-Wl,--no-as-needed", "-ldep2", newTags, "-Wl,-rpath,$ORIGIN")
	b.bare("mod.so", "int x;", "-L.", "-Wl,--no-as-needed", "-ldep", newTags, "-Wl,-rpath,$ORIGIN")
	os.Remove(b.path("libdep2.so"))
	prog := b.prog("prog", opener)
	p := load(t, prog, Options{})
	n := len(p.Images)
	var m *MissingError
	for range 2 {
		_, err := p.Add(b.path("mod.so"), "plugin.conf", OriginDlopen)
		if !errors.As(err, &m) || m.Library != "libdep2.so" || m.NeededBy != b.path("libdep.so") || len(p.Images) != n {
			t.Fatal(err)
		}
	}
	_, err := p.Add("libgofind-none.so", "plugin.conf", OriginDlopen)
	if !errors.As(err, &m) || !strings.Contains(err.Error(), "needed by "+prog+" (plugin.conf)") {
		t.Error(err)
	}
	if _, err := Load(prog, Options{Modules: []string{"/none/x.so"}}); !errors.As(err, &m) {
		t.Error(err)
	}
	b.bare("libdep2.so", "int x;")
	if _, err := p.Add(b.path("mod.so"), "", OriginDlopen); err != nil || len(p.Images) != n+3 {
		t.Error(err)
	}
}

// TestAddFrom searches as the caller does.
func TestAddFrom(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("plugins/libplug.so", "int x;")
	b.bare("plugins/deep/libdeep.so", "int x;")
	b.bare("libx.so", "int x;", newTags, "-Wl,-rpath,$ORIGIN/plugins")
	prog := b.prog("prog", opener, "-L.", "-lx", newTags, "-Wl,-rpath,$ORIGIN")
	p := load(t, prog, Options{})
	if _, err := p.Add("libplug.so", "", OriginDlopen); err == nil {
		t.Error("found without the caller's path")
	}
	x := find(t, p, "libx.so").ID
	id, err := p.AddFrom(x, "libplug.so", "", OriginDlopen)
	if err != nil || p.Images[id].NeededBy != x {
		t.Error(err)
	}
	if id, err := p.AddFrom(x, "$ORIGIN/plugins/deep/libdeep.so", "", OriginDlopen); err != nil || p.Images[id].Path != b.path("plugins/deep/libdeep.so") {
		t.Error(err)
	}
}

func TestAudit(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.bare("libad.so", "int ad(){return 1;} int f(){return 5;}")
	b.lib("libaudit.so", "#include <stdlib.h>\nint ad(); unsigned la_version(unsigned v){return v;} void *use(){return malloc(ad());}", "-L.", "-lad", newTags, "-Wl,-rpath,$ORIGIN", "-Wl,-soname,libaudit.so")
	b.lib("libdepaudit.so", "unsigned la_version(unsigned v){return v;}")
	b.bare("libm0.so", "void *malloc(unsigned long n){return 0;}")
	prog := b.prog("prog", "#include <stdlib.h>\nint main(){return malloc(1)!=0;}", "-L.", "-lm0", newTags, "-Wl,-rpath,$ORIGIN", "-Wl,--audit,libaudit.so", "-Wl,--depaudit,"+b.path("libdepaudit.so")+":libnone.so")
	p := load(t, prog, Options{})
	a, ad, da := find(t, p, "libaudit.so"), find(t, p, "libad.so"), find(t, p, "libdepaudit.so")
	if a.Origin != OriginAudit || ad.Origin != OriginAudit || da.Origin != OriginAudit {
		t.Error(a.Origin, ad.Origin, da.Origin)
	}
	if got := bases(p, p.Global); got != "prog libm0.so libc.so.6 ld-linux-x86-64.so.2" {
		t.Error(got)
	}
	if got := bases(p, a.Local); got != "libaudit.so libad.so libc.so.6 ld-linux-x86-64.so.2" {
		t.Error(got)
	}
	libc := find(t, p, "libc.so.6").ID
	for _, tt := range []struct {
		id        int
		sym, want string
	}{
		{0, "malloc", "libm0.so"},
		{a.ID, "malloc", "libc.so.6"},
		{a.ID, "ad", "libad.so"},
		{libc, "malloc", "libm0.so libc.so.6"},
	} {
		if got := bound(p, tt.id, tt.sym); got != tt.want {
			t.Errorf("%s: %s in %q, want %q", p.Images[tt.id].Path, tt.sym, got, tt.want)
		}
	}
}

// TestStatic has just the program, in all of its forms.
func TestStatic(t *testing.T) {
	b := newBuilder(t)
	for _, tt := range []struct {
		name  string
		flags []string
	}{{"static", []string{"-static"}}, {"static-pie", []string{"-static-pie"}}} {
		prog := b.prog(tt.name, "int main(){}", tt.flags...)
		p := load(t, prog, Options{Preload: []string{"/none.so"}})
		if len(p.Images) != 1 || p.Libc != "" || !slices.Equal(p.Global, []int{0}) || len(p.Inputs) != 0 {
			t.Errorf("%s: %d images, %q, %v", tt.name, len(p.Images), p.Libc, p.Inputs)
		}
		if got := p.InputList(0); len(got) != 1 || got[0].Path != prog || len(got[0].SHA256) != 64 {
			t.Error(got)
		}
	}
}

// TestLoaderAlone gives the loader, and a library, as the program.
func TestLoaderAlone(t *testing.T) {
	if p := load(t, ldso(t), Options{}); len(p.Images) != 1 {
		t.Error(len(p.Images))
	}
	b := newBuilder(t)
	p := load(t, b.lib("libx.so", "#include <stdlib.h>\nvoid *f(){return malloc(1);}"), Options{})
	if got := bases(p, p.Global); got != "libx.so libc.so.6 ld-linux-x86-64.so.2" || p.Libc != "glibc" {
		t.Error(got, p.Libc)
	}
}

func TestKlibc(t *testing.T) {
	list, _ := filepath.Glob("/usr/lib/klibc/bin/cat")
	if list == nil {
		t.Skip("no klibc here")
	}
	p := load(t, list[0], Options{})
	if len(p.Images) != 2 || p.Images[1].Origin != OriginLoader || p.Libc != "" {
		t.Errorf("%d images, %q", len(p.Images), p.Libc)
	}
}

func TestPreloadFile(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	rootfs(b)
	b.bare("lib/libp.so", "int x;")
	b.bare("opt/libq.so", "int x;")
	b.write("etc/ld.so.preload", "# comment libz.so\n/lib/libp.so:/opt/libq.so\tlibnone.so # more\n")
	p := load(t, "/bin/prog", Options{Root: b.dir})
	if got := bases(p, p.Global); got != "prog libp.so libq.so libc.so.6 ld-linux-x86-64.so.2" {
		t.Error(got)
	}
	if img := find(t, p, "libq.so"); img.Origin != OriginPreload || img.NeededBy != 0 {
		t.Errorf("%+v", img)
	}
	p = load(t, "/bin/prog", Options{Root: b.dir, NoHostConf: true})
	if got := bases(p, p.Global); got != "prog libc.so.6 ld-linux-x86-64.so.2" {
		t.Error(got)
	}
	if _, err := Load("/bin/prog", Options{Root: b.dir, Preload: []string{"libnone.so"}}); err == nil || !strings.Contains(err.Error(), "(preloaded)") {
		t.Error(err)
	}
}

// rootfs makes a small system: libc, its loader, and /bin/prog.
func rootfs(b *builder) {
	b.t.Helper()
	copyFile := func(from, to string) {
		data, err := os.ReadFile(from)
		if err != nil {
			b.t.Skip(err)
		}
		b.write(to, string(data))
	}
	copyFile(ldso(b.t), "lib64/ld-linux-x86-64.so.2")
	libc := ""
	for _, d := range defaultDirs {
		if _, err := os.Stat(d + "/libc.so.6"); err == nil && libc == "" {
			libc = d
		}
	}
	copyFile(libc+"/libc.so.6", strings.TrimPrefix(libc, "/")+"/libc.so.6")
	prog := b.prog("bin/prog", "int main(){}")
	os.Chmod(prog, 0o755)
}
