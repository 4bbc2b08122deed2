package image

import (
	"reflect"
	"testing"
)

// seedFiles are small files that have all that Parse looks at.
func seedFiles() [][]byte {
	var out [][]byte

	out = append(out, newTiny().bytes())
	st := newTiny()
	st.typ = etExec
	out = append(out, st.bytes())

	// Symbols by DT_HASH, versions, relocations of all kinds.
	b := newTiny().withSymbols("f", "g")
	b.tag(dtNeeded, b.str("libc.so.6"))
	b.tag(dtSoname, b.str("libx.so"))
	b.tag(dtRunpath, b.str("$ORIGIN:/lib"))
	need := append(u16s(1, 1), u32s(uint32(b.str("libc.so.6")), 16, 0)...)
	need = append(append(append(need, u32s(7)...), u16s(0, 3)...), u32s(uint32(b.str("V0")), 0)...)
	b.tag(dtVerneed, b.add(need))
	b.tag(dtVerneedNum, 1)
	def := append(u16s(1, 1, 1, 1), u32s(0, 20, 28)...)
	def = append(def, u32s(uint32(b.str("libx.so")), 0)...)
	def = append(append(def, u16s(1, 0, 2, 1)...), u32s(0, 20, 0)...)
	def = append(def, u32s(uint32(b.str("V1")), 0)...)
	b.tag(dtVerdef, b.add(def))
	b.tag(dtVerdefNum, 2)
	b.tag(dtVersym, b.add(u16s(0, 3, 2, 0x8002)))
	b.data()
	slots := b.add(b.words(b.entry, b.entry, b.entry, 0, 0, 0))
	b.tag(dtRela, b.add(b.words(slots+24, 8, b.entry, slots+32, 2<<32|6, 0)))
	b.tag(dtRelaSz, 48)
	b.tag(dtJmpRel, b.add(b.words(slots+40, 1<<32|7, 0)))
	b.tag(dtPltRelSz, 24)
	b.tag(dtRelr, b.add(b.words(slots, 7)))
	b.tag(dtRelrSz, 16)
	b.tag(dtInitArray, slots)
	b.tag(dtInitArraySz, 8)
	b.tag(dtInit, b.entry)
	b.bss = 64
	out = append(out, b.bytes())

	// DT_GNU_HASH with two chains, DT_TEXTREL, a build id.
	g := newTiny()
	syms := make([]byte, symSize)
	for _, n := range []string{"a", "b"} {
		syms = append(syms, sym(g.str(n), STBGlobal<<4|STTFunc, 1, g.entry, 8)...)
	}
	g.tag(dtSymtab, g.add(syms))
	g.tag(dtGNUHash, g.add(u32s(1, 1, 1, 6, 0xffffffff, 0xffffffff, 1, GNUHash("a")&^1, GNUHash("b")|1)))
	g.tag(dtRela, g.add(g.words(g.entry, 8, 0x1234)))
	g.tag(dtRelaSz, 24)
	g.tag(dtTextrel, 0)
	note := append(u32s(4, 4, 3), "GNU\x00\x01\x02\x03\x04"...)
	g.phdr(ptNote, g.add(note), uint64(len(note)))
	out = append(out, g.bytes())

	// .eh_frame through its header, with an LSDA.
	e := newTiny()
	lsda := e.add([]byte{peOmit, peOmit, peUleb128, 4, 0, 4, 6, 0})
	at := tinyBase + uint64(len(e.buf))
	eh := sampleEHFrame(at, e.entry, 8, lsda)
	e.add(eh)
	hdr := append([]byte{1, pePcrel | peSdata4, peUdata4, peOmit}, u32s(0, 1)...)
	h := e.add(hdr)
	put32(e.buf, int(h-tinyBase)+4, uint32(at-h-4))
	e.phdr(ptGNUEHFrame, h, uint64(len(hdr)))
	out = append(out, e.bytes())

	// A Go function table without sections.
	p := newTiny()
	tab := p.words(0x08010000fffffff1, 1, 0, p.entry, 72, 0, 0, 0, 80)
	tab = append(tab, "main.f\x00\x00"...)
	tab = append(tab, u32s(0, 12, 8, 0, 0)...)
	p.add(tab)
	out = append(out, p.bytes())
	return out
}

// sampleEHFrame is a CIE ("zRL", pcrel sdata4) and an FDE, to be put at addr.
func sampleEHFrame(addr, start, size, lsda uint64) []byte {
	cie := append(u32s(20, 0), 1, 'z', 'R', 'L', 0, 1, 0x78, 16, 2, 0x1b, 0x1b, 0x0c, 7, 8, 0, 0)
	fde := u32s(20, uint32(len(cie)+4), uint32(start-addr-uint64(len(cie))-8), uint32(size))
	fde = append(fde, 4)
	fde = append(fde, u32s(uint32(lsda-addr-uint64(len(cie))-17))...)
	return append(append(append(cie, fde...), 0, 0, 0), u32s(0)...)
}

// exercise calls every method.
func exercise(f *File) {
	for i := range f.NumSymbols() {
		s := f.Symbol(i)
		name := f.SymbolName(i)
		ver, _ := f.SymbolVersion(i)
		f.SymbolNeededFile(i)
		f.Lookup(name, ver)
		f.Lookup(name, "")
		f.LookupNewest(name)
		f.Bytes(s.Value)
	}
	f.Lookup("no such name", "")
	for _, r := range f.Relocs {
		f.Symbol(int(r.Sym))
		f.SymbolVersion(int(r.Sym))
		f.pointer(r.Addr)
		f.RelocsIn(r.Addr, r.Addr+8)
	}
	f.RelocsIn(8, 0)
	f.RelocsIn(0, ^uint64(0))
	for i := range f.FDEs {
		d := &f.FDEs[i]
		f.FDEAt(d.Start)
		f.FDEAt(d.End)
		f.LandingPads(d)
	}
	for _, a := range []uint64{0, f.Entry, f.Low, f.High, ^uint64(0)} {
		want := f.Bytes(a)
		if !f.Exec(a) {
			want = nil
		}
		if len(f.Code(a)) != len(want) {
			panic("Code is not Bytes where Exec holds")
		}
		f.Writable(a)
		f.Section(a)
		f.FDEAt(a)
		f.FuncName(a)
	}
	f.DebugRoot = ""
	for _, a := range f.FuncStarts() {
		f.FuncName(a)
	}
	f.ExecRanges()
	f.DataSymbols()
	f.GoFuncs()
	f.GoVersion()
	if t, ok := f.GoType("syscall.SysProcAttr", "GidMappingsEnableSetgroups"); ok {
		for _, w := range t.Elements {
			f.GoReferrers().TypeOf(w)
		}
	}
	f.GoReferrers().TypeOf(f.Low)
	f.GoMethod(f.Low)
	f.GoFunctionType(f.Low)
	f.GoFunc(f.Low)
	f.SHA256()
}

func FuzzParse(f *testing.F) {
	for _, b := range seedFiles() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := Parse("x", b)
		if err != nil {
			if img != nil {
				t.Fatal("a file with an error")
			}
			return
		}
		for i := 1; i < len(img.Relocs); i++ {
			if img.Relocs[i-1].Addr > img.Relocs[i].Addr {
				t.Fatal("relocations are not sorted")
			}
		}
		for i, d := range img.FDEs {
			if d.End <= d.Start || i > 0 && img.FDEs[i-1].Start > d.Start {
				t.Fatalf("FDE %d: %+v", i, d)
			}
		}
		if len(img.Relocs)*24 > 4*len(b) || len(img.FDEs)*32 > 5*len(b) {
			t.Fatal("more memory than promised")
		}
		exercise(img)
	})
}

// FuzzEHFrame checks that the short cut for common FDEs changes nothing, and
// FDEAt against a scan of all FDEs.
func FuzzEHFrame(f *testing.F) {
	f.Add(sampleEHFrame(0x1000, 0x4000, 64, 0x2000), byte(0))
	f.Add(append(sampleEHFrame(0x1000, 0x4000, 64, 0x2000), sampleEHFrame(0x1034, 0x4010, 8, 0)...), byte(1))
	for _, tt := range ehTests {
		f.Add(tt.bytes, byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, want byte) {
		w := int(want) - 1
		bases := ehBases{text: 0x100, data: 0x200}
		fast := ehFrame{b: b, addr: 0x1000, bases: bases, want: w}
		slow := ehFrame{b: b, addr: 0x1000, bases: bases, want: w, slow: true}
		if p, q := fast.walk(), slow.walk(); p != q || !reflect.DeepEqual(fast.out, slow.out) {
			t.Fatalf("%q %+v\n%q %+v", p, fast.out, q, slow.out)
		}
		sortByAddr(fast.out, func(d *FDE) uint64 { return d.Start })
		fs := dedupFDEs(fast.out)
		file := File{FDEs: fs}
		file.fdeIdx.build(fs)
		for i := range fs {
			for _, a := range []uint64{fs[i].Start - 1, fs[i].Start, fs[i].End - 1, fs[i].End} {
				var best *FDE
				for j := range fs {
					if a >= fs[j].Start && a < fs[j].End && (best == nil || fs[j].Start >= best.Start) {
						best = &fs[j]
					}
				}
				got := file.FDEAt(a)
				if (got == nil) != (best == nil) || got != nil && (got.Start != best.Start || a >= got.End) {
					t.Fatalf("FDEAt(%#x) = %v, want %v in %v", a, got, best, fs)
				}
			}
			if i > 300 {
				break
			}
		}
	})
}

func FuzzLSDA(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 1, 4, 0, 4, 6, 0})
	f.Add([]byte{0xff, 0x9b, 25, 1, 12, 4, 5, 0, 0, 16, 8, 32, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0xff, 3, 13, 0, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		pads, ok := parseLSDA(nil, ehReader{b: b, addr: 0x2000}, ehBases{}, 0x4000, 0x4100)
		if !ok && pads != nil {
			t.Fatal("pads of an LSDA that is not understood")
		}
		if len(pads) > 0x100 {
			t.Fatal("too many pads")
		}
		for _, p := range pads {
			if p.Start < 0x4000 || p.End > 0x4100 || p.End < p.Start {
				t.Fatalf("call site %x", p)
			}
		}
	})
}
