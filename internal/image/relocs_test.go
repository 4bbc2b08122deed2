package image

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Relocations against readelf.
func TestRelocsReadelf(t *testing.T) {
	need(t, "readelf")
	for _, p := range libraries(t) {
		t.Run(p, func(t *testing.T) { relocsReadelf(t, open(t, p)) })
	}
	t.Run("RELR", func(t *testing.T) {
		f := open(t, buildRelr(t))
		if f.dyn.relr.size == 0 {
			t.Skip("the linker makes no RELR relocations")
		}
		relocsReadelf(t, f)
		n := 0
		for _, r := range f.RelocsIn(f.dyn.relr.addr, ^uint64(0)) {
			if r.Type == RX8664Relative {
				n++
				if le64(f.Bytes(r.Addr)) != r.Addend {
					t.Errorf("RELR at %#x: addend %#x", r.Addr, r.Addend)
				}
			}
		}
		if n < 200 {
			t.Errorf("%d relative relocations, want 200", n)
		}
	})
}

func buildRelr(t *testing.T) string {
	return build(t, map[string]string{"r.c": `
int x[300];
int *p[200] = {
#define F(n) &x[n], &x[n+1], &x[n+2], &x[n+3], &x[n+4], &x[n+5], &x[n+6], &x[n+7], &x[n+8], &x[n+9],
	F(0) F(10) F(20) F(30) F(40) F(50) F(60) F(70) F(80) F(90) F(100) F(110) F(120) F(130) F(140) F(150) F(160) F(170) F(180) F(190)
};
struct { int *a; long pad[9]; int *b; } sparse = {&x[7], {0}, &x[8]};
int f(int i) { return *p[i] + *sparse.a; }
`}, "gcc", "-O1", "-shared", "-fPIC", "-Wl,-Bsymbolic,-z,pack-relative-relocs", "r.c")
}

func relocsReadelf(t *testing.T, f *File) {
	key := func(r Reloc) [2]uint64 { return [2]uint64{r.Addr, uint64(r.Type) | uint64(r.Sym)<<32} }
	got := map[[2]uint64]int{}
	relative := map[uint64]bool{}
	for _, r := range f.Relocs {
		got[key(r)]++
		if r.Type == RX8664Relative {
			relative[r.Addr] = true
		}
	}
	n := 0
	relr := false
	for _, line := range strings.Split(run(t, "readelf", "-W", "-r", f.Path), "\n") {
		w := strings.Fields(line)
		if strings.HasPrefix(line, "Relocation section") {
			relr = strings.Contains(line, "relr")
			continue
		}
		if relr && len(w) == 1 && len(w[0]) == 16 {
			n++
			if !relative[hexVal(w[0])] {
				t.Errorf("missing RELR relocation at %s", w[0])
			}
			continue
		}
		if len(w) < 3 || len(w[0]) != 16 || len(w[1]) != 16 {
			continue
		}
		n++
		info := hexVal(w[1])
		r := Reloc{Addr: hexVal(w[0]), Type: uint32(info), Sym: uint32(info >> 32)}
		if got[key(r)]--; got[key(r)] < 0 {
			t.Errorf("missing %q", line)
		}
	}
	if n != len(f.Relocs) {
		t.Errorf("%d relocations, readelf has %d", len(f.Relocs), n)
	}
	if !slices.IsSortedFunc(f.Relocs, func(a, b Reloc) int { return cmpU64(a.Addr, b.Addr) }) {
		t.Error("not sorted")
	}
}

func TestRelocsIn(t *testing.T) {
	for _, p := range libraries(t) {
		f := open(t, p)
		for i, r := range f.Relocs {
			got := f.RelocsIn(r.Addr, r.Addr+1)
			if len(got) == 0 || got[0].Addr != r.Addr {
				t.Fatalf("%s: RelocsIn(relocation %d) = %v", p, i, got)
			}
		}
		if len(f.RelocsIn(0, ^uint64(0))) != len(f.Relocs) || f.RelocsIn(f.High, f.Low) != nil {
			t.Error("RelocsIn of everything, or of nothing")
		}
	}
}

// The bytes of a file with text relocations are relocated.
func TestTextrel(t *testing.T) {
	p := build(t, map[string]string{"t.s": `
	.text
	.globl f
	.type f, @function
f:	movabs $target, %rax
	jmp *%rax
	.size f, .-f
	.type target, @function
target:	ret
	.section .note.GNU-stack, "", @progbits
`}, "gcc", "-shared", "-nostdlib", "-Wl,-z,notext", "t.s")
	f := open(t, p)
	b := slices.Clone(f.Data)
	put64(b, bytes.Index(b, []byte{0x48, 0xb8})+2, 0) // the linker has put the value there already
	f, err := Parse(p, b)
	if err != nil {
		t.Fatal(err)
	}
	i, ok := f.Lookup("f", "")
	if !ok || f.DynFlags&DFTextrel == 0 {
		t.Fatalf("flags %#x", f.DynFlags)
	}
	at := f.Symbol(i).Value + 2
	rs := f.RelocsIn(at, at+1)
	if len(rs) != 1 || rs[0].Type != RX8664Relative || rs[0].Addend != f.Symbol(i).Value+12 {
		t.Fatalf("relocations %+v", rs)
	}
	if got := le64(f.Bytes(at)); got != rs[0].Addend {
		t.Errorf("the operand is %#x, want %#x", got, rs[0].Addend)
	}
	if !bytes.Contains(f.Data, []byte{0x48, 0xb8, 0, 0, 0, 0}) {
		t.Error("Data was changed")
	}
}

// A static executable has IRELATIVE relocations in sections only.
func TestStaticRelocs(t *testing.T) {
	p := build(t, map[string]string{"m.c": `
static int real(void) { return 0; }
static void *pick(void) { return real; }
int f(void) __attribute__((ifunc("pick")));
int main(void) { return f(); }
`}, "gcc", "-O1", "-static", "-no-pie", "m.c")
	f := open(t, p)
	n := 0
	for _, r := range f.Relocs {
		if r.Type != RX8664IRelative || !f.Exec(r.Addend) {
			t.Errorf("relocation %+v", r)
		}
		if name, _, _ := f.FuncName(r.Addend); name == "f" {
			n++
		}
	}
	if n != 1 || f.HasDynamic {
		t.Errorf("%d resolvers are that of f, dynamic: %v", n, f.HasDynamic)
	}
	if f.InitArray == (Range{}) || f.FiniArray == (Range{}) || f.Init == 0 || f.Fini == 0 {
		t.Errorf("arrays %x %x, functions %#x %#x", f.InitArray, f.FiniArray, f.Init, f.Fini)
	}
}
