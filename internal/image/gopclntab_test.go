package image

import (
	"debug/elf"
	"debug/gosym"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// goFuncs is what the standard library finds.
func goFuncs(t *testing.T, path string) []gosym.Func {
	t.Helper()
	e, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := e.Section(".gopclntab")
	if s == nil {
		t.Skip("no section .gopclntab")
	}
	data, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	text := e.Section(".text").Addr
	if a := le64(data[24:]); a != 0 {
		text = a // before Go 1.26
	}
	if syms, err := e.Symbols(); err == nil {
		for _, s := range syms {
			if s.Name == "runtime.text" {
				text = s.Value
			}
		}
	}
	tab, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil {
		t.Fatal(err)
	}
	return tab.Funcs
}

func checkGo(t *testing.T, f *File, want []gosym.Func) {
	t.Helper()
	if !f.IsGo() {
		t.Fatal("not Go")
	}
	var starts []uint64
	for _, fn := range want {
		starts = append(starts, fn.Entry)
	}
	starts = slices.Compact(starts)
	if got := f.GoFuncs(); !slices.Equal(got, starts) {
		t.Fatalf("%d functions from %#x, want %d from %#x", len(got), got[0], len(starts), starts[0])
	}
	tab := f.gopclntab()
	for i := range want {
		if got := tab.name(i); got != want[i].Name {
			t.Fatalf("function %d is %q, want %q", i, got, want[i].Name)
		}
		if want[i].End > want[i].Entry {
			if k, ok := tab.find(want[i].End - 1); !ok || tab.entry(k) != want[i].Entry {
				t.Fatalf("the end of function %d is in %d", i, k)
			}
		}
	}
}

const helloGo = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hi\") }\n"

const cgoGo = "package main\n\n// int one(void) { return 1; }\nimport \"C\"\n\nfunc main() { println(C.one()) }\n"

// The function table of programs built in all ways: sections and symbols or
// not, position-independent or not, linked by the system's linker.
func TestGo(t *testing.T) {
	need(t, "go")
	for _, tt := range []struct {
		name, src string
		args      []string
	}{
		{"plain", helloGo, nil},
		{"stripped", helloGo, []string{"-ldflags=-s -w"}},
		{"pie", helloGo, []string{"-buildmode=pie"}},
		{"pie-stripped", helloGo, []string{"-buildmode=pie", "-ldflags=-s -w"}},
		{"external", helloGo, []string{"-ldflags=-linkmode=external"}},
		{"cgo", cgoGo, nil},
		{"c-shared", cgoGo, []string{"-buildmode=c-shared"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			os.WriteFile(filepath.Join(dir, "h.go"), []byte(tt.src), 0o666)
			out := filepath.Join(dir, "h")
			cgo := "0"
			if tt.src == cgoGo || tt.name == "external" {
				if testing.Short() {
					t.Skip("slow: builds the runtime with cgo")
				}
				need(t, "gcc")
				cgo = "1"
			}
			cmd := bounded.Command(t, "go", append(append([]string{"build", "-o", out}, tt.args...), filepath.Join(dir, "h.go"))...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=-mod=mod", "GOTOOLCHAIN=local")
			if msg, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			want := goFuncs(t, out)
			f := open(t, out)
			checkGo(t, f, want)
			ver := strings.Fields(runtime.Version())[0]
			if got := f.GoVersion(); got != ver {
				t.Errorf("version %q, want %q", got, ver)
			}
			b := slices.Clone(f.Data)
			put64(b, 40, 0)
			g, err := Parse(out, b)
			if err != nil {
				t.Fatal(err)
			}
			checkGo(t, g, want)
			if got := g.GoVersion(); got != ver {
				t.Errorf("without sections: version %q, want %q", got, ver)
			}
			for i, a := range want {
				if i%100 == 0 {
					if name, off, ok := g.FuncName(a.Entry + 1); !ok || name != a.Name || off != 1 {
						t.Errorf("FuncName(%s+1) = %q, %d, %v", a.Name, name, off, ok)
					}
				}
			}
		})
	}
}

// This test's own binary, and programs of other Go versions if installed.
func TestGoInstalled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{self, "/usr/bin/caddy", "/usr/bin/etcd", "/usr/sbin/nats-server"} {
		if f, err := Open(p); err == nil {
			defer f.Close()
			checkGo(t, f, goFuncs(t, p))
		}
	}
	if f, err := Open(libc); err == nil {
		defer f.Close()
		if f.IsGo() || f.GoVersion() != "" || f.GoFuncs() != nil {
			t.Error("libc is Go")
		}
	}
}

// Before Go 1.18 the build information points to a string.
func TestOldGoVersion(t *testing.T) {
	b := newTiny()
	tab := append(b.words(0x08010000fffffff0, 1, 0, b.entry, 72, 0, 0, 0, 80), "f\x00\x00\x00\x00\x00\x00\x00"...)
	b.add(append(tab, u32s(0, 12, 8, 0, 0)...))
	b.data()
	for len(b.buf)%16 != 0 {
		b.buf = append(b.buf, 0)
	}
	at := b.add([]byte("\xff Go buildinf:\x08\x00"))
	b.add(b.words(at+32, 0, at+48, 7))
	b.add([]byte("go1.17x"))
	f, err := Parse("x", b.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if v := f.GoVersion(); v != "go1.17x" {
		t.Errorf("version %q", v)
	}
}

// The layouts of older versions, by hand.
func TestOldGo(t *testing.T) {
	for _, tt := range []struct {
		name string
		tab  func(b *tiny, at uint64) []byte
	}{
		{"1.2", func(b *tiny, at uint64) []byte {
			// magic, n, functab (entry, offset)*, end, then the func structs and names
			w := b.words(0x08010000fffffffb, 2, b.entry, 64, b.entry+4, 80, b.entry+8, 0)
			w = append(w, b.words(b.entry, 96)...)
			w = append(w, b.words(b.entry+4, 98)...)
			return append(w, "f\x00gg\x00"...)
		}},
		{"1.16", func(b *tiny, at uint64) []byte {
			w := b.words(0x08010000fffffffa, 2, 0, 64, 0, 0, 0, 72)
			w = append(w, "f\x00gg\x00\x00\x00\x00"...)
			w = append(w, b.words(b.entry, 40, b.entry+4, 56, b.entry+8)...)
			w = append(w, b.words(b.entry, 0)...)
			return append(w, b.words(b.entry+4, 2)...)
		}},
		{"1.18", func(b *tiny, at uint64) []byte {
			w := b.words(0x08010000fffffff0, 2, 0, b.entry, 72, 0, 0, 0, 80)
			w = append(w, "f\x00gg\x00\x00\x00\x00"...)
			w = append(w, u32s(0, 20, 4, 28, 8)...)
			return append(w, u32s(0, 0, 4, 2)...)
		}},
	} {
		b := newTiny()
		b.add(nil)
		b.add(tt.tab(b, tinyBase+uint64(len(b.buf))))
		entry := b.entry
		f, err := Parse("x", b.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got := f.GoFuncs(); !slices.Equal(got, []uint64{entry, entry + 4}) {
			t.Errorf("%s: functions %#x", tt.name, got)
			continue
		}
		if name, off, ok := f.FuncName(entry + 5); name != "gg" || off != 1 || !ok {
			t.Errorf("%s: FuncName = %q, %d, %v", tt.name, name, off, ok)
		}
		if _, _, ok := f.FuncName(entry + 8); ok {
			t.Errorf("%s: a name after the end", tt.name)
		}
	}
}
