package image

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ehCIE is a CIE record with this augmentation, its data and instructions.
func ehCIE(aug string, data, insns []byte) []byte {
	b := append([]byte{0, 0, 0, 0, 1}, aug...)
	b = append(b, 0, 1, 0x78, 16)
	if strings.HasPrefix(aug, "z") {
		b = append(append(b, byte(len(data))), data...)
	}
	b = append(b, insns...)
	return append(u32s(uint32(len(b))), b...)
}

// ehFDE is an FDE whose CIE starts back bytes before its CIE pointer.
func ehFDE(back int, body ...byte) []byte {
	return append(u32s(uint32(4+len(body)), uint32(back)), body...)
}

func cat(bs ...[]byte) []byte { return slices.Concat(bs...) }

func le(n int, v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v))[:n] }

var defCFA = []byte{cfaDefCFA, 7, 8}

// All tests are at address 0x1000 with text base 0x100 and data base 0x200.
var ehTests = func() []struct {
	name  string
	bytes []byte
	want  []FDE
} {
	type T = struct {
		name  string
		bytes []byte
		want  []FDE
	}
	var out []T
	// Every format absolute and relative.
	for _, f := range []struct {
		enc byte
		v   func(v int64) []byte
	}{
		{peAbsptr, func(v int64) []byte { return le(8, v) }},
		{peUdata8, func(v int64) []byte { return le(8, v) }},
		{peSdata8, func(v int64) []byte { return le(8, v) }},
		{peUdata4, func(v int64) []byte { return le(4, v) }},
		{peSdata4, func(v int64) []byte { return le(4, v) }},
		{peUdata2, func(v int64) []byte { return le(2, v) }},
		{peSdata2, func(v int64) []byte { return le(2, v) }},
		{peUleb128, func(v int64) []byte { return []byte{byte(v)&0x7f | 0x80, byte(v >> 7)} }},
		{peSleb128, func(v int64) []byte { return []byte{byte(v)&0x7f | 0x80, byte(v>>7) & 0x7f} }},
	} {
		for _, r := range []struct {
			rel  byte
			base int64
		}{{peAbsptr, 0}, {pePcrel, -1}, {peTextrel, 0x100}, {peDatarel, 0x200}} {
			cie := ehCIE("zR", []byte{f.enc | r.rel}, defCFA)
			base := r.base
			if base < 0 {
				base = 0x1000 + int64(len(cie)) + 8
			}
			out = append(out, T{fmt.Sprintf("encoding %#x", f.enc|r.rel), cat(cie, ehFDE(len(cie)+4, cat(f.v(0x1234), f.v(16), []byte{0, 0x41, 0x0e, 16})...)),
				[]FDE{{Start: uint64(base + 0x1234), End: uint64(base + 0x1244), CFAOffset: 8}}})
		}
	}
	abs := []byte{peUdata4}
	one := func(name, aug string, data, insns, fde []byte, want ...FDE) {
		cie := ehCIE(aug, data, insns)
		out = append(out, T{name, cat(cie, ehFDE(len(cie)+4, fde...)), want})
	}
	at := func(b ...byte) []byte { return cat(le(4, 0x4000), le(4, 16), b) } // start and length, udata4
	fde := func(cfa int32) FDE { return FDE{Start: 0x4000, End: 0x4010, CFAOffset: cfa} }
	one("no augmentation", "", nil, defCFA, cat(le(8, 0x4000), le(8, 16)), fde(8))
	one("eh", "eh", nil, nil, nil)
	out[len(out)-1].bytes = func() []byte {
		b := cat(u32s(0), []byte{1, 'e', 'h', 0}, le(8, 77), []byte{1, 0x78, 16}, defCFA)
		b = append(u32s(uint32(len(b))), b...)
		return cat(b, ehFDE(len(b)+4, cat(le(8, 0x4000), le(8, 16))...))
	}()
	out[len(out)-1].want = []FDE{fde(8)}
	one("signal", "zRS", abs, defCFA, at(0), FDE{Start: 0x4000, End: 0x4010, Signal: true, CFAOffset: 8})
	one("personality, indirect", "zPLR", cat([]byte{peIndirect | pePcrel | peSdata4}, le(4, 99), []byte{peUdata4, peUdata4}), defCFA, at(4, 0, 0x30, 0, 0),
		FDE{Start: 0x4000, End: 0x4010, LSDA: 0x3000, CFAOffset: 8})
	one("aligned personality", "zPR", cat([]byte{peAligned}, make([]byte, 6), le(8, 5), abs), defCFA, at(0), fde(8))
	one("null LSDA", "zLR", []byte{pePcrel | peUdata4, peUdata4}, defCFA, at(4, 0, 0, 0, 0), fde(8))
	one("indirect LSDA", "zLR", []byte{peIndirect | peUdata4, peUdata4}, defCFA, at(4, 0, 0x30, 0, 0), FDE{Start: 0x4000, End: 0x4010, LSDA: NoLSDA, CFAOffset: 8})
	one("cut LSDA", "zLR", []byte{peUdata4, peUdata4}, defCFA, at(2, 0, 0x30), FDE{Start: 0x4000, End: 0x4010, LSDA: NoLSDA, CFAOffset: 8})
	one("B", "zRB", abs, defCFA, at(0), fde(8))
	one("unknown letter", "zRx", append(abs, 1, 2, 3), defCFA, at(0), fde(8))
	one("unknown letter first", "zxR", append([]byte{1}, abs...), defCFA, at(0))
	one("unknown letter, LSDA", "zRxL", append(abs, 9, peUdata4), defCFA, at(4, 1, 1, 1, 1), FDE{Start: 0x4000, End: 0x4010, LSDA: NoLSDA, CFAOffset: 8})
	one("not z", "R", nil, defCFA, at(0))
	one("null start", "zR", []byte{pePcrel | peSdata4}, defCFA, cat(le(4, 0), le(4, 16), []byte{0}))
	one("null length", "zR", abs, defCFA, cat(le(4, 0x4000), le(4, 0), []byte{0}))
	one("overflow", "zR", []byte{peUdata8}, defCFA, cat(le(8, -16), le(8, 32), []byte{0}))
	one("cut FDE", "zR", abs, defCFA, le(4, 0x4000))
	one("cut augmentation", "zR", abs, defCFA, at(200))
	// The CFA at the start.
	one("def_cfa_offset", "zR", abs, defCFA, at(0, cfaDefCFAOffset, 48, 0x41, cfaDefCFAOffset, 64), fde(48))
	one("advance 0", "zR", abs, defCFA, at(0, 0x40, cfaAdvanceLoc1, 0, cfaAdvanceLoc2, 0, 0, cfaAdvanceLoc4, 0, 0, 0, 0, cfaDefCFAOffset, 48), fde(48))
	one("advance 1", "zR", abs, defCFA, at(0, cfaAdvanceLoc1, 1, cfaDefCFAOffset, 48), fde(8))
	one("set_loc", "zR", abs, defCFA, at(0, cfaSetLoc, 0, 0, 0, 0, cfaDefCFAOffset, 48), fde(8))
	one("rbp", "zR", abs, defCFA, at(0, cfaDefCFARegister, 6), fde(-1))
	one("def_cfa", "zR", abs, defCFA, at(0, cfaOffset|6, 2, cfaOffset|3, 3, cfaDefCFA, 7, 0x80, 1), fde(128))
	one("def_cfa_sf", "zR", abs, defCFA, at(0, cfaDefCFASf, 7, 0x7e), fde(16))
	one("def_cfa_offset_sf", "zR", abs, defCFA, at(0, cfaDefCFAOffsetSf, 0x7d), fde(24))
	one("expression", "zR", abs, defCFA, at(0, cfaDefCFAExpression, 2, 0x77, 8), fde(-1))
	one("expression, then not", "zR", abs, defCFA, at(0, cfaDefCFAExpression, 2, 0x77, 8, cfaDefCFA, 7, 40), fde(40))
	one("remember", "zR", abs, defCFA, at(0, cfaRememberState, cfaDefCFAOffset, 99, cfaRestoreState), fde(8))
	one("restore alone", "zR", abs, defCFA, at(0, cfaRestoreState), fde(-1))
	one("skipped", "zR", abs, defCFA, at(0, cfaExpression, 3, 1, 9, cfaUndefined, 16, cfaSameValue, 3, cfaRegister, 3, 4, cfaGNUArgsSize, 16, cfaRestore|3, cfaRestoreExt, 3, cfaNop, cfaDefCFAOffset, 32), fde(32))
	one("unknown instruction", "zR", abs, defCFA, at(0, 0x3f), fde(-1))
	one("cut instruction", "zR", abs, defCFA, at(0, cfaDefCFA, 7), fde(-1))
	one("nops, then more", "zR", abs, defCFA, at(0, 0, 0, cfaDefCFAOffset, 48), fde(48))
	// Records.
	a := ehCIE("zR", abs, defCFA)
	f1 := ehFDE(len(a)+4, at(0)...)
	f2 := ehFDE(len(a)+len(f1)+4+4, cat(le(4, 0x5000), le(4, 16), []byte{0})...)
	both := []FDE{fde(8), {Start: 0x5000, End: 0x5010, CFAOffset: 8}}
	out = append(out, T{"terminator between", cat(a, f1, u32s(0), f2, u32s(0)), both})
	long := func(b []byte) []byte { return cat(u32s(0xffffffff), le(8, int64(le32(b))), b[4:]) }
	lf := ehFDE(len(a)+8+4, at(0)...)
	put32(lf, 4, uint32(len(a)+12+8-8))
	la := long(a)
	lf2 := ehFDE(len(la)+12, at(0)...)
	out = append(out, T{"64-bit lengths", cat(la, long(lf2)), []FDE{fde(8)}})
	return out
}()

func TestPersonalities(t *testing.T) {
	direct := ehCIE("zPR", cat([]byte{peUdata4}, le(4, 0x4000), []byte{peUdata4}), nil)
	indirect := ehCIE("zPR", cat([]byte{peIndirect | pePcrel | peSdata4}, le(4, 0x20), []byte{peUdata4}), nil)
	none := ehCIE("zPR", []byte{peOmit, peUdata4}, nil)
	e := ehFrame{b: cat(direct, indirect, direct, none), addr: 0x1000, want: -1}
	want := []Personality{{Addr: 0x4000}, {Addr: 0x1000 + uint64(len(direct)) + 18 + 0x20, Indirect: true}}
	if p := e.walk(); p != "" || !slices.Equal(e.persons, want) {
		t.Errorf("%q\n got %+v\nwant %+v", p, e.persons, want)
	}
}

func TestEHFrame(t *testing.T) {
	for _, tt := range ehTests {
		for _, slow := range []bool{false, true} {
			e := ehFrame{b: tt.bytes, addr: 0x1000, bases: ehBases{text: 0x100, data: 0x200}, want: -1, slow: slow}
			if p := e.walk(); p != "" || !reflect.DeepEqual(e.out, tt.want) {
				t.Errorf("%s: %q\n got %+v\nwant %+v", tt.name, p, e.out, tt.want)
			}
		}
	}
	good := sampleEHFrame(0x1000, 0x4000, 64, 0x2000)
	for _, tt := range []struct {
		want string
		edit func(b []byte) []byte
	}{
		{"record at 0x1000: length 0x3", func(b []byte) []byte { put32(b, 0, 3); return b }},
		{"record at 0x1018: length 0x100", func(b []byte) []byte { put32(b, 24, 0x100); return b }},
		{"FDE at 0x1018: no CIE at 0x1001", func(b []byte) []byte { put32(b, 28, 27); return b }},
		{"FDE at 0x1018: no CIE at", func(b []byte) []byte { put32(b, 28, 0xffffffff); return b }},
		{"record at 0x1030: truncated", func(b []byte) []byte { return append(b[:48], 0xff, 0xff, 0xff, 0xff) }},
		{"record at 0x1030: length 0xffffffffffffffff", func(b []byte) []byte {
			return append(b[:48], bytes8(0xff, 12)...)
		}},
	} {
		e := ehFrame{b: tt.edit(slices.Clone(good)), addr: 0x1000, want: -1}
		if p := e.walk(); !strings.HasPrefix(p, tt.want) {
			t.Errorf("problem %q, want %q", p, tt.want)
		}
	}
}

func bytes8(v byte, n int) []byte { return slices.Repeat([]byte{v}, n) }

// FDEAt against a scan, with and without overlaps, near and far.
func TestFDEAt(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		n := 1 + rng.IntN(60)
		far := uint64(1) << rng.IntN(45)
		var fs []FDE
		a := far
		for range n {
			size := 1 + rng.Uint64N(300)
			fs = append(fs, FDE{Start: a, End: a + size})
			if round%2 == 0 {
				a += size
			}
			if rng.IntN(3) == 0 {
				a += rng.Uint64N(far)
			}
			a += rng.Uint64N(3)
		}
		sortByAddr(fs, func(d *FDE) uint64 { return d.Start })
		fs = dedupFDEs(fs)
		f := File{FDEs: fs}
		f.fdeIdx.build(fs)
		for _, d := range fs {
			for _, a := range []uint64{d.Start - 1, d.Start, (d.Start + d.End) / 2, d.End - 1, d.End, d.End + far/2} {
				var want *FDE
				for i := range fs {
					if a >= fs[i].Start && a < fs[i].End && (want == nil || fs[i].Start >= want.Start) {
						want = &fs[i]
					}
				}
				got := f.FDEAt(a)
				if (got == nil) != (want == nil) || got != nil && got.Start != want.Start {
					t.Fatalf("round %d: FDEAt(%#x) = %v, want %v", round, a, got, want)
				}
			}
		}
	}
}

func TestSortByAddr(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	type rec struct {
		addr uint64
		i    int
	}
	for _, n := range []int{0, 1, 2, 50, 199, 200, 5000} {
		for _, bits := range []int{1, 8, 21, 33, 64} {
			list := make([]rec, n)
			for i := range list {
				list[i] = rec{rng.Uint64() >> (64 - bits), i}
			}
			want := slices.Clone(list)
			slices.SortStableFunc(want, func(a, b rec) int { return cmpU64(a.addr, b.addr) })
			sortByAddr(list, func(r *rec) uint64 { return r.addr })
			if !slices.Equal(list, want) {
				t.Errorf("%d records of %d bits: wrong order", n, bits)
			}
		}
	}
}

// libraries are what the differential tests run over.
func libraries(t *testing.T) []string {
	var out []string
	for _, p := range append(benchFiles(), "/usr/bin/busybox", "/lib/ld-musl-x86_64.so.1") {
		if f, err := Open(p); err == nil {
			f.Close()
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		t.Skip("no known library is installed")
	}
	return out
}

// FDE ranges against readelf.
func TestEHFrameReadelf(t *testing.T) {
	need(t, "readelf")
	for _, p := range libraries(t) {
		t.Run(p, func(t *testing.T) {
			f := open(t, p)
			if f.EHFrameProblem != "" {
				t.Error(f.EHFrameProblem)
			}
			got := map[Range]bool{}
			for _, d := range f.FDEs {
				got[Range{d.Start, d.End}] = true
			}
			re := regexp.MustCompile(`(?m) FDE cie=.* pc=([0-9a-f]+)\.\.([0-9a-f]+)$`)
			n := 0
			for _, m := range re.FindAllStringSubmatch(run(t, "readelf", "-W", "--debug-dump=frames", p), -1) {
				r := Range{hexVal(m[1]), hexVal(m[2])}
				if r.Start == r.End {
					continue
				}
				n++
				if !got[r] {
					t.Errorf("missing FDE %#x", r)
				}
			}
			if n != len(f.FDEs) {
				t.Errorf("%d FDEs, readelf has %d", len(f.FDEs), n)
			}
		})
	}
}

// The CFA at each FDE's start against readelf's table of rules.
func TestCFAReadelf(t *testing.T) {
	need(t, "readelf")
	f := installed(t, libc)
	want := map[uint64]int32{}
	var pc uint64
	state := 0
	for _, line := range strings.Split(run(t, "readelf", "-W", "--debug-dump=frames-interp", libc), "\n") {
		if i := strings.Index(line, " FDE cie="); i >= 0 {
			pc = hexVal(line[strings.Index(line, "pc=")+3 : strings.Index(line, "..")])
			state = 1
		} else if fs := strings.Fields(line); state == 1 && len(fs) >= 2 && len(fs[0]) == 16 {
			state = 0
			off := int32(-1)
			if s, ok := strings.CutPrefix(fs[1], "rsp+"); ok {
				n, _ := strconv.Atoi(s)
				off = int32(n)
			}
			want[pc] = off
		}
	}
	if len(want) < 100 {
		t.Fatalf("readelf printed %d tables", len(want))
	}
	for _, d := range f.FDEs {
		if w, ok := want[d.Start]; ok && w != d.CFAOffset {
			t.Errorf("FDE at %#x: CFA offset %d, want %d", d.Start, d.CFAOffset, w)
		}
	}
}

func hexVal(s string) uint64 {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// Without section headers, everything that they only help with is the same.
func TestWithoutSections(t *testing.T) {
	for _, p := range libraries(t) {
		t.Run(p, func(t *testing.T) {
			f := open(t, p)
			b := slices.Clone(f.Data)
			put64(b, 40, 0)
			g, err := Parse(p, b)
			if err != nil {
				t.Fatal(err)
			}
			if g.Sections != nil {
				t.Fatal("sections")
			}
			if !f.HasDynamic {
				return // finds neither relocations nor .eh_frame without sections
			}
			if !reflect.DeepEqual(f.FDEs, g.FDEs) || f.EHFrameProblem != g.EHFrameProblem {
				t.Errorf("%d FDEs, %d without sections: %q", len(f.FDEs), len(g.FDEs), g.EHFrameProblem)
			}
			if !slices.Equal(f.Relocs, g.Relocs) {
				t.Error("relocations differ")
			}
			if f.NumSymbols() != g.NumSymbols() {
				t.Errorf("%d symbols, %d without sections", f.NumSymbols(), g.NumSymbols())
			}
			if f.BuildID != g.BuildID || f.InitArray != g.InitArray || !slices.Equal(f.Needed, g.Needed) {
				t.Error("other facts differ")
			}
		})
	}
}
