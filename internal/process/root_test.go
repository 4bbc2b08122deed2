package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRootResolve compares with what chroot(2) would do.
func TestRootResolve(t *testing.T) {
	outer, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		p := filepath.Join(outer, name)
		os.MkdirAll(filepath.Dir(p), 0o755)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		p := filepath.Join(outer, name)
		os.MkdirAll(filepath.Dir(p), 0o755)
		if err := os.Symlink(to, p); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", "outside")
	write("root/secret", "inside")
	write("root/a/b/file", "file")
	link("/secret", "root/abs")
	link("../../../../../../../../secret", "root/a/up")
	link("../../secret", "root/a/b/up")
	link(outer+"/secret", "root/hostabs")
	link("a/b", "root/dir")
	link("/a/b", "root/absdir")
	link("/", "root/self")
	link("self/self/self/a/up", "root/chain")
	link("loop2", "root/loop1")
	link("loop1", "root/loop2")
	link("..", "root/dotdot")
	link("b/", "root/a/bslash")
	link("/proc/self/root/secret", "root/magic")
	link("/self/proc", "root/proc")
	os.Symlink(filepath.Join(outer, "root"), filepath.Join(outer, "link"))
	for i := range 45 {
		to := "a/b/file"
		if i > 0 {
			to = "n" + string(rune('0'+(i-1)/10)) + string(rune('0'+(i-1)%10))
		}
		link(to, "root/n"+string(rune('0'+i/10))+string(rune('0'+i%10)))
	}
	for _, dir := range []string{"root", "link"} {
		r, err := newRootFS(filepath.Join(outer, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ path, real string }{
			{"/secret", "/secret"},
			{"secret", "/secret"},
			{"./secret", "/secret"},
			{"/../../secret", "/secret"},
			{"/../..", "/"},
			{"/", "/"},
			{"//a//b/./file", "/a/b/file"},
			{"/abs", "/secret"},
			{"/a/up", "/secret"},
			{"/a/b/up", "/secret"},
			{"/chain", "/secret"},
			{"/dir/file", "/a/b/file"},
			{"/absdir/file", "/a/b/file"},
			{"/absdir/../b/file", "/a/b/file"}, // physical, not lexical
			{"/dir/../../secret", "/secret"},
			{"/self/self/abs", "/secret"},
			{"/dotdot/dotdot/secret", "/secret"},
			{"/a/bslash/file", "/a/b/file"},
			{"/a/b/", "/a/b"},
			{"/n39", "/a/b/file"},
			{"/hostabs", ""},
			{"/magic", ""},
			{"/loop1", ""},
			{"/loop1/x", ""},
			{"/secret/", ""},
			{"/secret/.", ""},
			{"/secret/..", ""},
			{"/none/../secret", ""},
			{"/a/b/file/x", ""},
			{"/n44", ""},
			{"/" + strings.Repeat("a/../", 900) + "secret", ""},
			{"/" + strings.Repeat("a/../", 700) + "secret", "/secret"},
			{"/sec\x00ret", ""},
		} {
			e, err := r.stat(tt.path)
			if tt.real == "" {
				if err == nil {
					t.Errorf("%.40s: %s", tt.path, e.real)
				}
				continue
			}
			if err != nil || e.real != tt.real {
				t.Errorf("%.40s: %q, %v", tt.path, e.real, err)
			}
		}
		if _, err := r.stat("/loop1"); !errors.Is(err, syscall.ELOOP) {
			t.Error(err)
		}
		if _, err := r.stat("/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		for _, p := range []string{"/abs", "/a/up", "/chain", "/../secret"} {
			if data, err := r.readFile(p); string(data) != "inside" {
				t.Errorf("%s: %q %v", p, data, err)
			}
		}
		if got := r.glob("/se*"); len(got) != 2 || got[0] != "/secret" || got[1] != "/self" {
			t.Error(got)
		}
		if got := r.glob("/*/b/f?le"); strings.Join(got, " ") != "/a/b/file /self/b/file" && strings.Join(got, " ") != "/a/b/file" {
			t.Error(got)
		}
	}
}

// TestRootSpecial does not hang on a pipe, and reads no device.
func TestRootSpecial(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Skip(err)
	}
	r, err := newRootFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/fifo", "/"} {
		if _, err := r.readFile(p); err == nil {
			t.Error(p)
		}
	}
}

// TestRoot loads a program of another system.
func TestRoot(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	b.dir = b.path("outer/root")
	os.MkdirAll(b.dir, 0o755)
	rootfs(b)
	b.bare("opt/conf/libc1.so", "int c1;", "-Wl,-soname,libc1.so")
	b.bare("opt/rp/libr.so", "int r;", "-Wl,-soname,libr.so")
	b.bare("lib64/libd.so", "int d;", "-Wl,-soname,libd.so")
	b.bare("../libout.so", "int o;", "-Wl,-soname,libout.so")
	b.prog("bin/prog2", "int main(){}", "opt/conf/libc1.so", "opt/rp/libr.so", "lib64/libd.so", newTags, "-Wl,-rpath,/opt/rp")
	b.write("etc/ld.so.conf", "include ld.so.conf.d/*.conf # more\n/no/such\n")
	b.write("etc/ld.so.conf.d/a.conf", "\t/opt/conf=libc6  \n")
	b.write("etc/ld.so.conf.d/b.conf", "include /etc/ld.so.conf\n")
	os.Symlink("/bin", b.path("sbin"))

	for _, name := range []string{"/bin/prog2", "/sbin/../bin/prog2", "bin/prog2", "/../../bin/prog2"} {
		p := load(t, name, Options{Root: b.dir})
		if got := bases(p, p.Global); got != "prog2 libc1.so libr.so libd.so libc.so.6 ld-linux-x86-64.so.2" {
			t.Errorf("%s: %s", name, got)
		}
		for _, img := range p.Images {
			if strings.Contains(img.Path, "outer") || img.DebugRoot != "" {
				t.Error(img.Path, img.DebugRoot)
			}
		}
		var in []string
		for _, i := range p.InputList(1) {
			if i.Kind != "elf" {
				in = append(in, i.Path)
			}
			if (i.SHA256 == "") != (i.Kind == "ld.so.cache" || i.Kind == "ld.so.preload") {
				t.Errorf("%+v", i)
			}
		}
		if got := strings.Join(in, " "); got != "/etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d/a.conf /etc/ld.so.conf.d/b.conf /etc/ld.so.preload" {
			t.Error(got)
		}
	}
	if p := load(t, "prog", Options{Root: b.dir}); p.Images[0].Path != "/bin/prog" {
		t.Error(p.Images[0].Path)
	}

	// Nothing outside serves.
	os.Symlink("../../libout.so", b.path("lib64/libout.so"))
	os.Symlink(filepath.Dir(b.dir)+"/libout.so", b.path("lib/libout.so"))
	b.prog("bin/prog3", "int main(){}", "../libout.so")
	if _, err := Load("/bin/prog3", Options{Root: b.dir, LibraryPath: []string{"/..", "/../..", filepath.Dir(b.dir)}}); err == nil || !strings.Contains(err.Error(), "libout.so: not found, needed by /bin/prog3") {
		t.Error(err)
	}
	if _, err := Load(b.dir+"/bin/prog3", Options{Root: b.dir}); err == nil || !strings.Contains(err.Error(), "try /bin/prog3") {
		t.Error(err)
	}
	if _, err := Load("curl", Options{Root: b.dir}); err == nil || !strings.Contains(err.Error(), b.dir) {
		t.Error(err)
	}
	p := load(t, "/bin/prog", Options{Root: b.dir})
	if _, err := p.ReadConfig("/../../libout.so.c", "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := p.Add("/../../libout.so", "", OriginDlopen); err == nil {
		t.Error("added a file outside of the root")
	}
}

// TestRootCache follows a cache with hwcaps entries, and legacy directories.
func TestRootCache(t *testing.T) {
	ldso(t)
	b := newBuilder(t)
	rootfs(b)
	libs := map[string]string{
		"opt/libx.so": "x", "opt/glibc-hwcaps/x86-64-v3/libx.so": "x", "opt/haswell/libx.so": "x",
		"lib64/liby.so": "y", "lib64/tls/haswell/liby.so": "y", "lib64/glibc-hwcaps/x86-64-v2/liby.so": "y",
		"lib64/libx.so": "x",
	}
	for file, name := range libs {
		b.bare(file, "int "+name+";", "-Wl,-soname,lib"+name+".so")
	}
	b.prog("bin/prog", "int main(){}", "opt/libx.so", "lib64/liby.so")
	b.write("etc/ld.so.cache", string(makeCache([]rawEntry{
		{x64, "libx.so", "/opt/glibc-hwcaps/x86-64-v3/libx.so", cacheExtension},
		{x64, "libx.so", "/opt/haswell/libx.so", 1 << 50},
		{x64, "libx.so", "/opt/libx.so", 0},
		{x64, "liby.so", "/gone/liby.so", 0},
	}, []string{"x86-64-v3"}, false)))
	for _, tt := range []struct{ cpu, want string }{
		{"", "/opt/libx.so /opt/glibc-hwcaps/x86-64-v3/libx.so /opt/haswell/libx.so /lib64/liby.so /lib64/glibc-hwcaps/x86-64-v2/liby.so /lib64/tls/haswell/liby.so"},
		{"x86-64", "/opt/libx.so /lib64/liby.so"},
		{"x86-64-v2", "/opt/libx.so /lib64/glibc-hwcaps/x86-64-v2/liby.so"},
		{"x86-64-v3", "/opt/glibc-hwcaps/x86-64-v3/libx.so /lib64/glibc-hwcaps/x86-64-v2/liby.so"},
	} {
		p := load(t, "/bin/prog", Options{Root: b.dir, CPU: tt.cpu})
		var got []string
		for _, id := range p.Global[1:] {
			if f := p.Images[id].Path; strings.Contains(f, "libx") || strings.Contains(f, "liby") {
				got = append(got, f)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q", tt.cpu, got)
		}
	}
	// A damaged cache is none.
	b.write("etc/ld.so.cache", "glibc-ld.so.cache1.1 and nothing more")
	p := load(t, "/bin/prog", Options{Root: b.dir, CPU: "x86-64"})
	if x := find(t, p, "libx.so"); x.Path != "/lib64/libx.so" {
		t.Error(x.Path)
	}
}
