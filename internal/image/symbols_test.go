package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// Symbols and versions against readelf.
func TestSymbolsReadelf(t *testing.T) {
	need(t, "readelf")
	types := []string{"NOTYPE", "OBJECT", "FUNC", "SECTION", "FILE", "COMMON", "TLS", "", "", "", "IFUNC"}
	binds := []string{"LOCAL", "GLOBAL", "WEAK", "", "", "", "", "", "", "", "UNIQUE"}
	for _, p := range libraries(t) {
		t.Run(p, func(t *testing.T) {
			f := open(t, p)
			n := 0
			for _, line := range strings.Split(run(t, "readelf", "-W", "--dyn-syms", p), "\n") {
				w := strings.Fields(line)
				var i int
				if len(w) < 7 {
					continue
				}
				if c, _ := fmt.Sscanf(w[0], "%d:", &i); c != 1 {
					continue
				}
				n++
				if i >= f.NumSymbols() {
					t.Fatalf("symbol %d of %d", i, f.NumSymbols())
				}
				s := f.Symbol(i)
				var size uint64
				fmt.Sscan(w[2], &size)
				if s.Value != hexVal(w[1]) || s.Size != size || types[s.Type] != w[3] || binds[s.Bind] != w[4] || (s.Shndx == 0) != (w[6] == "UND") {
					t.Errorf("symbol %d: %+v, readelf has %q", i, s, line)
				}
				full := ""
				if len(w) > 7 {
					full = w[7]
				}
				name, ver, _ := strings.Cut(full, "@")
				hidden := ver != "" && ver[0] != '@' && s.Shndx != 0
				ver = strings.TrimPrefix(ver, "@")
				gotVer, gotHidden := f.SymbolVersion(i)
				if s.Shndx == shnAbs && s.Value == 0 && name == gotVer {
					continue // the symbols that name versions
				}
				if f.SymbolName(i) != name || gotVer != ver {
					t.Errorf("symbol %d: %q version %q, readelf has %q", i, f.SymbolName(i), gotVer, full)
				}
				if f.SymbolNeededFile(i) != "" && s.Shndx != 0 {
					continue // a copied object: readelf shows one @, but nothing is hidden
				}
				if gotHidden != hidden {
					t.Errorf("symbol %d %s: hidden is %v", i, full, gotHidden)
				}
			}
			if n != f.NumSymbols() {
				t.Errorf("%d symbols, readelf has %d", f.NumSymbols(), n)
			}
		})
	}
}

// Each global definition is found under its name and version.
func TestLookupOwn(t *testing.T) {
	for _, p := range libraries(t) {
		f := open(t, p)
		for i := 1; i < f.NumSymbols(); i++ {
			s := f.Symbol(i)
			name := f.SymbolName(i)
			ver, hidden := f.SymbolVersion(i)
			if s.Shndx == 0 || s.Bind == STBLocal || s.Other&3 != 0 || s.Type == STTSection || s.Value == 0 && s.Type != STTTLS && s.Shndx != shnAbs || name == "" {
				continue
			}
			if f.Type == ETExec || !f.dyn.gnu.ok && !f.dyn.sysv.ok {
				continue
			}
			j, ok := f.Lookup(name, ver)
			if !ok || f.Symbol(j) != s {
				if f.dyn.gnu.ok && i < int(f.dyn.gnu.symOff) {
					continue // executables hash only what libraries use
				}
				t.Errorf("%s: Lookup(%q, %q) = %d, %v; want %d", p, name, ver, j, ok, i)
			}
			if j, ok := f.LookupNewest(name); ver != "" && !hidden && (!ok || f.Symbol(j) != s) {
				t.Errorf("%s: LookupNewest(%q) = %d, %v; want %d", p, name, j, ok, i)
			}
		}
	}
}

const versionsAsm = `
	.macro fn name
	.globl \name
	.type \name, @function
\name:	nop
	nop
	.size \name, 2
	.endm
	.text
	fn a1
	fn a2
	fn b1
	fn b2
	fn c
	fn d1
	fn e1
	fn h1
	.globl i
	.type i, @gnu_indirect_function
i:	lea 1f(%rip), %rax
1:	ret
	.ifdef VERSIONS
	.symver a1, a@V1
	.symver a2, a@@V2
	.symver b1, b@V1
	.symver b2, b@V2
	.symver d1, d@@V1
	.symver e1, e@@V3
	.symver h1, h@V3
	.else
	fn a
	fn b
	fn d
	fn e
	fn h
	.endif
	.section .tdata, "awT", @progbits
	.globl tls
	.type tls, @object
	.size tls, 8
tls:	.quad 5
	.globl abs0
	.set abs0, 0
`

const versionsMap = "V1 { global: i; };\nV2 {} V1;\nV3 {} V2;\n"

// The same program is linked against a library without versions (so that its
// references have none) and prints what the real library gives it.
const versionsC = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
extern void a(void), b(void), c(void), d(void), e(void), h(void);
#pragma weak a
#pragma weak b
#pragma weak h
static void show(const char *how, const char *name, void *p, ElfW(Addr) base) {
	if (p) printf("%s %s %lx\n", how, name, (unsigned long)p - base); else printf("%s %s none\n", how, name);
}
int main(int argc, char **argv) {
	struct link_map *m = dlopen(argv[1], RTLD_NOW);
	if (!m) { puts(dlerror()); return 1; }
	char *names[] = {"a", "b", "c", "d", "e", "h", "missing", 0};
	for (int i = 0; names[i]; i++) show("dlsym", names[i], dlsym(m, names[i]), m->l_addr);
	char *vers[] = {"V1", "V2", "V3", 0};
	for (int i = 0; i < 6; i++) for (int j = 0; vers[j]; j++) {
		char what[20];
		sprintf(what, "dlvsym:%s", vers[j]);
		show(what, names[i], dlvsym(m, names[i], vers[j]), m->l_addr);
	}
	show("ref", "a", a, m->l_addr); show("ref", "b", b, m->l_addr); show("ref", "c", c, m->l_addr);
	show("ref", "d", d, m->l_addr); show("ref", "e", e, m->l_addr); show("ref", "h", h, m->l_addr);
	return 0;
}
`

// Lookup against ld.so itself, for libraries with either hash table.
func TestLookupLdSo(t *testing.T) {
	for _, style := range []string{"gnu", "sysv", "both"} {
		t.Run(style, func(t *testing.T) {
			lib := build(t, map[string]string{"v.s": versionsAsm, "v.map": versionsMap}, "gcc",
				"-shared", "-nostdlib", "-Wa,--defsym,VERSIONS=1", "-Wl,-soname,libv.so", "-Wl,--hash-style="+style, "-Wl,--version-script,DIR/v.map", "v.s")
			stub := build(t, map[string]string{"v.s": versionsAsm}, "gcc", "-shared", "-nostdlib", "-Wl,-soname,libv.so", "v.s")
			prog := build(t, map[string]string{"p.c": versionsC}, "gcc", "-O1", "-fPIC", "-pie", "p.c", stub, "-ldl")
			real := filepath.Join(filepath.Dir(lib), "libv.so")
			if err := os.Rename(lib, real); err != nil {
				t.Fatal(err)
			}
			cmd := bounded.Command(t, prog, real)
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Dir(real))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			f := open(t, real)
			lines := 0
			for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
				lines++
				w := strings.Fields(line)
				var i int
				var ok bool
				switch how, ver, _ := strings.Cut(w[0], ":"); how {
				case "dlsym":
					i, ok = f.LookupNewest(w[1])
				case "dlvsym":
					if w[1] == "c" { // dlvsym, unlike a reference, insists on the version
						continue
					}
					i, ok = f.Lookup(w[1], ver)
				case "ref":
					i, ok = f.Lookup(w[1], "")
				}
				got := "none"
				if ok {
					got = fmt.Sprintf("%x", f.Symbol(i).Value)
				}
				if got != w[2] {
					t.Errorf("%s: got %s", line, got)
				}
			}
			if lines < 30 {
				t.Errorf("only %d lines:\n%s", lines, out)
			}
			if i, ok := f.Lookup("tls", ""); !ok || f.Symbol(i).Type != STTTLS {
				t.Error("no TLS symbol at offset 0")
			}
			if i, ok := f.Lookup("i", "V1"); !ok || f.Symbol(i).Type != STTGNUIFunc {
				t.Error("no IFUNC symbol")
			}
			if i, ok := f.Lookup("abs0", ""); !ok || f.Symbol(i).Shndx != shnAbs {
				t.Error("no absolute symbol of value 0")
			}
			if _, ok := f.Lookup("c", "V7"); !ok {
				t.Error("an unversioned definition does not serve a versioned reference")
			}
		})
	}
}

// A program with a copy relocation defines the object with the library's version.
func TestCopyReloc(t *testing.T) {
	p := build(t, map[string]string{"p.c": "#include <stdio.h>\nint main(void) { return fputs(\"\", stdout); }\n"}, "gcc", "-O1", "-fno-pic", "-no-pie", "p.c")
	f := open(t, p)
	i, ok := f.Lookup("stdout", "GLIBC_2.2.5")
	if !ok || f.SymbolNeededFile(i) != "libc.so.6" || f.Type != ETExec {
		t.Fatalf("Lookup(stdout) = %d, %v", i, ok)
	}
	rs := f.RelocsIn(f.Symbol(i).Value, f.Symbol(i).Value+1)
	if len(rs) != 1 || rs[0].Type != RX8664Copy || f.SymbolName(int(rs[0].Sym)) != "stdout" {
		t.Errorf("relocations %+v", rs)
	}
	found := false
	for _, v := range f.Verneed {
		found = found || v.File == "libc.so.6" && len(v.Versions) > 0
	}
	if !found {
		t.Errorf("Verneed %+v", f.Verneed)
	}
}

func TestHashes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		gnu, sysv uint32
	}{{"", 5381, 0}, {"printf", 0x156b2bb8, 0x077905a6}, {"exit", 0x7c967e3f, 0x0006cf04}, {"flapenguin.me", 0x8ae9f18e, 0x03987915}} {
		if g, s := GNUHash(tt.name), sysvHashOf(tt.name); g != tt.gnu || s != tt.sysv {
			t.Errorf("%s: %#x %#x, want %#x %#x", tt.name, g, s, tt.gnu, tt.sysv)
		}
	}
}
