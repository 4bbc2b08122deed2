package image

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLSDA(t *testing.T) {
	const start, end = 0x4000, 0x4100
	type pads = []LandingPad
	for _, tt := range []struct {
		name  string
		bytes []byte
		want  pads
		ok    bool
	}{
		{"common", []byte{peOmit, peOmit, peUleb128, 8, 0x10, 4, 0x40, 0, 0x20, 4, 0, 0}, pads{{0x4010, 0x4014, 0x4040}}, true},
		{"type table", []byte{peOmit, 0x9b, 25, peUleb128, 4, 1, 2, 3, 1, 9, 9}, pads{{0x4001, 0x4003, 0x4003}}, true},
		{"empty", []byte{peOmit, peOmit, peUleb128, 0}, nil, true},
		{"LPStart", []byte{peUdata2, 0, 0x50, peOmit, peUleb128, 4, 0, 4, 6, 0}, pads{{0x4000, 0x4004, 0x5006}}, true},
		{"LPStart pcrel", []byte{pePcrel | peUdata2, 0, 0x10, peOmit, peUleb128, 4, 0, 4, 6, 0}, pads{{0x4000, 0x4004, 0x3007}}, true},
		{"udata4", []byte{peOmit, peOmit, peUdata4, 13, 8, 0, 0, 0, 4, 0, 0, 0, 0x80, 0, 0, 0, 1}, pads{{0x4008, 0x400c, 0x4080}}, true},
		{"indirect LPStart", []byte{peIndirect | peUdata2, 0, 0x50, peOmit, peUleb128, 0}, nil, false},
		{"encoding", []byte{peOmit, peOmit, pePcrel | peUdata4, 0}, nil, false},
		{"unknown format", []byte{peOmit, peOmit, 7, 4, 0, 4, 6, 0}, nil, false},
		{"cut table", []byte{peOmit, peOmit, peUleb128, 9, 0, 4, 6, 0}, nil, false},
		{"cut row", []byte{peOmit, peOmit, peUleb128, 3, 0, 4, 6}, nil, false},
		{"outside", []byte{peOmit, peOmit, peUleb128, 5, 0x80, 2, 4, 6, 0}, nil, false},
		{"too long", []byte{peOmit, peOmit, peUleb128, 5, 1, 0x80, 2, 6, 0}, nil, false},
		{"nothing", nil, nil, false},
		{"many rows", append([]byte{peOmit, peOmit, peUleb128, 0x80, 0x20}, make([]byte, 0x1000)...), nil, false},
	} {
		got, ok := parseLSDA(nil, ehReader{b: tt.bytes, addr: 0x2000}, ehBases{}, start, end)
		if ok != tt.ok || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %x, %v; want %x, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

const padsCC = `
struct S { ~S(); };
void g(int);
int f(int n) {
	try { S s; g(n); } catch (int i) { return i; } catch (...) { g(2); }
	return n;
}
int cold(int n) {
	S s;
	if (__builtin_expect(n == 12345, 0)) { try { g(1); g(2); throw n; } catch (long) { return 3; } }
	g(n);
	return n;
}
`

// The landing pads of compiled C++ are the labels of its assembly.
func TestLandingPadsGCC(t *testing.T) {
	need(t, "g++")
	s := build(t, map[string]string{"p.cc": padsCC}, "g++", "-O2", "-fPIC", "-S", "p.cc")
	// -L keeps the local labels.
	lib := build(t, map[string]string{}, "g++", "-shared", "-x", "assembler", s, "-x", "none", "-Wa,-L", "-Wl,--discard-none")
	f := open(t, lib)
	labels := map[string]uint64{}
	for i := range f.fullSym.len() {
		s := f.fullSym.at(i)
		labels[f.fullSym.name(s)] = s.value
	}
	asm := run(t, "cat", s)
	want := map[uint64]bool{}
	rows := regexp.MustCompile(`(?m)^\t\.uleb128 (\.LEHB\d+)-\.\w+\n\t\.uleb128 .*\n\t\.uleb128 (\.L\d+)-`).FindAllStringSubmatch(asm, -1)
	for _, m := range rows {
		if a := labels[m[2]]; a == 0 {
			t.Fatalf("no label %s", m[2])
		} else {
			want[a] = true
		}
	}
	got := map[uint64]bool{}
	for i := range f.FDEs {
		pads, ok := f.LandingPads(&f.FDEs[i])
		if !ok {
			t.Errorf("FDE at %#x: not understood", f.FDEs[i].Start)
		}
		for _, p := range pads {
			got[p.Pad] = true
		}
	}
	if len(want) < 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("landing pads %v, want %v\n%s", got, want, strings.Join(slices.Concat(rows...), " "))
	}
}

// Every LSDA of real libraries is understood, and its pads are in functions.
func TestLandingPads(t *testing.T) {
	for _, p := range libraries(t) {
		f := open(t, p)
		n := 0
		for i := range f.FDEs {
			d := &f.FDEs[i]
			pads, ok := f.LandingPads(d)
			if !ok {
				t.Errorf("%s: LSDA of the FDE at %#x is not understood", p, d.Start)
			}
			for _, pad := range pads {
				n++
				if f.FDEAt(pad.Pad) == nil || !f.Exec(pad.Pad) {
					t.Errorf("%s: pad %#x of the FDE at %#x is in no function", p, pad.Pad, d.Start)
				}
			}
		}
		t.Logf("%s: %d landing pads", p, n)
	}
}
