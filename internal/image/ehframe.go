package image

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Pointer encodings, DW_EH_PE_* (LSB 5.0 core generic, "DWARF Extensions",
// table "DWARF Exception Header Encoding").
const (
	peAbsptr, peUleb128, peUdata2, peUdata4, peUdata8 = 0x00, 0x01, 0x02, 0x03, 0x04
	peSigned, peSleb128, peSdata2, peSdata4, peSdata8 = 0x08, 0x09, 0x0a, 0x0b, 0x0c

	pePcrel, peTextrel, peDatarel, peFuncrel, peAligned = 0x10, 0x20, 0x30, 0x40, 0x50
	peIndirect, peOmit                                  = 0x80, 0xff
)

// Call frame instructions (DWARF 5 section 6.4.2 and table 7.29; GNU ones in
// LSB 5.0 core generic, "DWARF CFI Extensions").
const (
	cfaAdvanceLoc, cfaOffset, cfaRestore = 0x40, 0x80, 0xc0

	cfaNop, cfaSetLoc, cfaAdvanceLoc1, cfaAdvanceLoc2, cfaAdvanceLoc4      = 0x00, 0x01, 0x02, 0x03, 0x04
	cfaOffsetExt, cfaRestoreExt, cfaUndefined, cfaSameValue, cfaRegister   = 0x05, 0x06, 0x07, 0x08, 0x09
	cfaRememberState, cfaRestoreState, cfaDefCFA, cfaDefCFARegister        = 0x0a, 0x0b, 0x0c, 0x0d
	cfaDefCFAOffset, cfaDefCFAExpression, cfaExpression, cfaOffsetExtSf    = 0x0e, 0x0f, 0x10, 0x11
	cfaDefCFASf, cfaDefCFAOffsetSf, cfaValOffset, cfaValOffsetSf           = 0x12, 0x13, 0x14, 0x15
	cfaValExpression, cfaGNUWindowSave, cfaGNUArgsSize, cfaGNUNegOffsetExt = 0x16, 0x2d, 0x2e, 0x2f

	regRSP = 7 // DWARF number, x86-64 psABI figure 3.36
)

// ehBases are what relative encodings are relative to.
type ehBases struct{ text, data uint64 }

// ehReader reads encoded values. An error sticks and yields zeros.
type ehReader struct {
	b    []byte
	addr uint64 // of b[0]
	pos  int
	bad  bool
}

func (r *ehReader) byte() byte {
	if r.pos >= len(r.b) {
		r.bad = true
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

func (r *ehReader) skip(n uint64) {
	if n > uint64(len(r.b)-r.pos) {
		r.bad = true
		return
	}
	r.pos += int(n)
}

func (r *ehReader) take(n int) []byte {
	if n > len(r.b)-r.pos {
		r.bad = true
		return zero8[:]
	}
	r.pos += n
	return r.b[r.pos-n:]
}

var zero8 [8]byte

func (r *ehReader) uleb() (v uint64) {
	for s := uint(0); ; s += 7 {
		c := r.byte()
		if s < 64 {
			v |= uint64(c&0x7f) << s
		}
		if c&0x80 == 0 {
			return v
		}
	}
}

func (r *ehReader) sleb() int64 {
	var v uint64
	for s := uint(0); ; {
		c := r.byte()
		if s < 64 {
			v |= uint64(c&0x7f) << s
		}
		s += 7
		if c&0x80 == 0 {
			if s < 64 && c&0x40 != 0 {
				v |= ^uint64(0) << s
			}
			return int64(v)
		}
	}
}

// raw reads a value in format enc&15, sign-extended where that is signed.
func (r *ehReader) raw(enc byte) uint64 {
	switch enc & 15 {
	case peSdata4:
		return uint64(int32(le32(r.take(4))))
	case peAbsptr, peSigned, peUdata8, peSdata8:
		return le64(r.take(8))
	case peUleb128:
		return r.uleb()
	case peSleb128:
		return uint64(r.sleb())
	case peUdata2:
		return uint64(le16(r.take(2)))
	case peSdata2:
		return uint64(int16(le16(r.take(2))))
	case peUdata4:
		return uint64(le32(r.take(4)))
	}
	r.bad = true
	return 0
}

// pointer reads an encoded pointer. As in libgcc's
// read_encoded_value_with_base, a raw zero is a null pointer whatever it is
// relative to. Indirection is left to the caller.
func (r *ehReader) pointer(enc byte, bases ehBases, fn uint64) uint64 {
	if enc&^peIndirect == peAligned {
		r.skip(-(r.addr + uint64(r.pos)) & 7)
		return le64(r.take(8))
	}
	at := r.addr + uint64(r.pos)
	v := r.raw(enc)
	if v == 0 {
		return 0
	}
	switch enc & 0x70 {
	case peAbsptr:
	case pePcrel:
		v += at
	case peTextrel:
		v += bases.text
	case peDatarel:
		v += bases.data
	case peFuncrel:
		v += fn
	default:
		r.bad = true
	}
	return v
}

// cie is what the FDEs need of a common information entry.
type cie struct {
	fdeEnc, lsdaEnc byte
	hasAug, signal  bool
	common          bool   // the encodings that all compilers use: pcrel, sdata4
	bad             bool   // not understood: its FDEs are unusable
	codeAlign       uint64 // only for Frame
	dataAlign       int64
	cfa             cfaState
	offset          int32 // cfa as FDE.CFAOffset
	person          Personality
}

// cfaState is a CFA rule; ok is false for expressions and what is not known.
type cfaState struct {
	reg    uint64
	off    int64
	ok     bool
	stored bool // remember_state without restore_state
	savReg uint64
	savOff int64
	savOK  bool
}

func (s *cfaState) offset() int32 {
	if s.ok && s.reg == regRSP && s.off >= 0 && s.off <= 1<<31-1 {
		return int32(s.off)
	}
	return -1
}

// run evaluates instructions up to the first that advances the location.
func (s *cfaState) run(r *ehReader, c *cie, bases ehBases) {
	for r.pos < len(r.b) && !r.bad {
		op := r.byte()
		switch op & 0xc0 {
		case cfaAdvanceLoc:
			if op&0x3f != 0 {
				return
			}
			continue
		case cfaOffset:
			r.uleb()
			continue
		case cfaRestore:
			continue
		}
		switch op {
		case cfaNop, cfaGNUWindowSave:
		case cfaSetLoc:
			return
		case cfaAdvanceLoc1:
			if r.byte() != 0 {
				return
			}
		case cfaAdvanceLoc2:
			if le16(r.take(2)) != 0 {
				return
			}
		case cfaAdvanceLoc4:
			if le32(r.take(4)) != 0 {
				return
			}
		case cfaOffsetExt, cfaRegister, cfaOffsetExtSf, cfaValOffset, cfaValOffsetSf, cfaGNUNegOffsetExt:
			r.uleb()
			r.uleb()
		case cfaRestoreExt, cfaUndefined, cfaSameValue, cfaGNUArgsSize:
			r.uleb()
		case cfaRememberState:
			s.stored, s.savReg, s.savOff, s.savOK = true, s.reg, s.off, s.ok
		case cfaRestoreState:
			// Deeper nesting without an advance is not seen in practice.
			s.reg, s.off, s.ok = s.savReg, s.savOff, s.stored && s.savOK
			s.stored = false
		case cfaDefCFA:
			s.reg, s.off, s.ok = r.uleb(), int64(r.uleb()), true
		case cfaDefCFASf:
			s.reg, s.off, s.ok = r.uleb(), r.sleb()*c.dataAlign, true
		case cfaDefCFARegister:
			s.reg = r.uleb()
		case cfaDefCFAOffset:
			s.off = int64(r.uleb())
		case cfaDefCFAOffsetSf:
			s.off = r.sleb() * c.dataAlign
		case cfaDefCFAExpression:
			r.skip(r.uleb())
			s.ok = false
		case cfaExpression, cfaValExpression:
			r.uleb()
			r.skip(r.uleb())
		default:
			s.ok = false
			return
		}
	}
	if r.bad {
		s.ok = false
	}
}

// parseCIE reads a CIE from its version byte on.
func parseCIE(r ehReader, bases ehBases) cie {
	c := cie{lsdaEnc: peOmit}
	ver := r.byte()
	if ver != 1 && ver != 3 && ver != 4 {
		return cie{bad: true}
	}
	aug := cstr(r.b, uint64(r.pos))
	r.skip(uint64(len(aug)) + 1)
	if aug == "eh" { // GCC 2: a pointer to a language's table
		r.skip(8)
		aug = ""
	}
	if ver == 4 {
		addrSize, segSize := r.byte(), r.byte()
		if addrSize != 8 || segSize != 0 {
			return cie{bad: true}
		}
	}
	r.uleb()
	c.dataAlign = r.sleb()
	if ver == 1 {
		r.byte()
	} else {
		r.uleb()
	}
	if aug != "" {
		if aug[0] != 'z' {
			return cie{bad: true}
		}
		c.hasAug = true
		n := r.uleb()
		if r.bad || n > uint64(len(r.b)-r.pos) {
			return cie{bad: true}
		}
		end := r.pos + int(n)
		known := true
		for i := 1; i < len(aug); i++ {
			switch aug[i] {
			case 'R':
				c.fdeEnc = r.byte()
				c.bad = c.bad || !known
			case 'P':
				enc := r.byte()
				if enc != peOmit {
					c.person = Personality{Addr: r.pointer(enc, bases, 0), Indirect: enc&peIndirect != 0}
				}
			case 'L':
				c.lsdaEnc = r.byte()
				if !known {
					c.lsdaEnc = peIndirect // not decodable
				}
			case 'S':
				c.signal = true
			case 'B', 'G':
			default:
				known = false // its data are of unknown length, so R and L after it are lost
			}
		}
		if r.bad || r.pos > end {
			return cie{bad: true}
		}
		r.pos = end
	}
	c.cfa.run(&r, &c, bases)
	c.offset = c.cfa.offset()
	if c.fdeEnc == peOmit || c.fdeEnc&peIndirect != 0 || c.fdeEnc&0x70 == peFuncrel {
		c.bad = true
	}
	c.common = !c.bad && c.hasAug && c.fdeEnc == pePcrel|peSdata4 && (c.lsdaEnc == peOmit || c.lsdaEnc == pePcrel|peSdata4)
	return c
}

// maxPersonalities bounds the personality routines of one file: there is one a
// language, and one that does not name its own is not worth more.
const maxPersonalities = 1 << 10

// minFDE is the length of the shortest FDE that gcc and clang write, in bytes: real tables have no more than this lets
// room be made for.
const minFDE = 20

// ehFrame walks .eh_frame records (LSB 5.0 core generic, "Exception Frames").
type ehFrame struct {
	b     []byte
	addr  uint64 // of b[0]
	bases ehBases
	want  int   // -1: b is the section and zero terminators are skipped; else the end is the first terminator after this many FDEs
	out   []FDE // appended to
	slow  bool  // do not take the short cut (tests)

	persons []Personality // of all CIEs
}

// walk returns what stopped it before the end, "" if nothing did.
func (e *ehFrame) walk() string {
	b := e.b
	cies := make([]cie, 0, 16)
	index := make(map[int]int32)
	lastOff, last := math.MinInt, int32(0)
	n := 0
	for p := 0; p+4 <= len(b); {
		size := uint64(le32(b[p:]))
		body := p + 4
		if size == 0 {
			if e.want >= 0 && n >= e.want {
				return ""
			}
			p = body
			continue
		}
		if size == 0xffffffff {
			if len(b)-body < 8 {
				return fmt.Sprintf("record at %#x: truncated", e.addr+uint64(p))
			}
			size = le64(b[body:])
			body += 8
		}
		if size < 4 || size > uint64(len(b)-body) {
			return fmt.Sprintf("record at %#x: length %#x", e.addr+uint64(p), size)
		}
		end := body + int(size)
		rec := b[body:end:end]
		id := le32(rec)
		if id == 0 {
			c := parseCIE(ehReader{b: rec, addr: e.addr + uint64(body), pos: 4}, e.bases)
			lastOff, last = p, int32(len(cies))
			index[p] = last
			cies = append(cies, c)
			if c.person.Addr != 0 && !slices.Contains(e.persons, c.person) && len(e.persons) < maxPersonalities {
				e.persons = append(e.persons, c.person)
			}
			p = end
			continue
		}
		n++
		if off := body - int(id); off != lastOff {
			i, ok := index[off]
			if !ok {
				return fmt.Sprintf("FDE at %#x: no CIE at %#x", e.addr+uint64(p), e.addr+uint64(off))
			}
			lastOff, last = off, i
		}
		c := &cies[last]
		if c.common && !e.slow && len(rec) >= 13 && rec[12] < 0x80 {
			// Inlined: pointers of 4 bytes relative to their place.
			at := e.addr + uint64(body)
			start, length := int32(le32(rec[4:])), int32(le32(rec[8:]))
			next := 13 + int(rec[12])
			lsda := uint64(0)
			simple := next <= len(rec) && start != 0 && length > 0 && plainCFI(rec[next:])
			if simple && next > 13 && c.lsdaEnc != peOmit {
				if simple = next >= 17; simple {
					if v := int32(le32(rec[13:])); v != 0 {
						lsda = at + 13 + uint64(v)
					}
				}
			}
			if simple {
				fde := FDE{Start: at + 4 + uint64(start), LSDA: lsda, Signal: c.signal, CFAOffset: c.offset}
				fde.End = fde.Start + uint64(length)
				if fde.End > fde.Start {
					e.out = append(e.out, fde)
				}
				p = end
				continue
			}
		}
		if fde, ok := e.fde(c, ehReader{b: rec, addr: e.addr + uint64(body), pos: 4}); ok {
			e.out = append(e.out, fde)
		}
		p = end
	}
	return ""
}

// fde reads an FDE from its start address on.
func (e *ehFrame) fde(c *cie, r ehReader) (FDE, bool) {
	if c.bad {
		return FDE{}, false
	}
	d := FDE{Signal: c.signal, CFAOffset: c.offset}
	d.Start = r.pointer(c.fdeEnc, e.bases, 0)
	length := r.raw(c.fdeEnc)
	d.End = d.Start + length
	if r.bad || d.Start == 0 || d.End <= d.Start {
		return FDE{}, false
	}
	if c.hasAug {
		n := r.uleb()
		if r.bad || n > uint64(len(r.b)-r.pos) {
			return FDE{}, false
		}
		end := r.pos + int(n)
		if c.lsdaEnc != peOmit && n > 0 {
			if c.lsdaEnc&peIndirect != 0 {
				d.LSDA = NoLSDA
			} else if d.LSDA = r.pointer(c.lsdaEnc, e.bases, d.Start); r.bad || r.pos > end {
				d.LSDA = NoLSDA
			}
			r.bad = false
		}
		r.pos = end
	}
	if r.pos < len(r.b) {
		s := c.cfa
		s.run(&r, c, e.bases)
		d.CFAOffset = s.offset()
	}
	return d, true
}

// plainCFI reports whether instructions leave the CFA at the start alone: the
// first advances, or all are padding.
func plainCFI(b []byte) bool {
	if len(b) > 0 && b[0]&0xc0 == cfaAdvanceLoc && b[0] != cfaAdvanceLoc {
		return true
	}
	for _, c := range b {
		if c != cfaNop {
			return false
		}
	}
	return true
}

func (f *File) parseEHFrame() error {
	bases := ehBases{data: f.GotPLT}
	var out []FDE
	found := false
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Name != ".eh_frame" || s.NoBits {
			continue
		}
		b := f.Bytes(s.Start)[:s.End-s.Start]
		if !found {
			_, n, _ := f.readEHHdr(bases)
			out = make([]FDE, 0, min(n, uint64(len(b)/minFDE)))
		}
		found = true
		e := ehFrame{b: b, addr: s.Start, bases: bases, want: -1, out: out}
		f.EHFrameProblem = e.walk()
		out = e.out
		f.Personalities = append(f.Personalities, e.persons...)
	}
	if !found && f.ehHdr.Start != 0 {
		out = f.ehFrameFromHdr(bases)
	}
	// Only code counts. Linkers leave FDEs of dropped functions at address 0.
	var x *Segment
	k := 0
	for i := range out {
		d := &out[i]
		if x == nil || d.Start-x.Addr >= x.MemSize {
			s := f.execSegment(d.Start)
			if s == nil && d.Signal { // it may begin a byte before the segment
				s = f.execSegment(d.Start + 1)
			}
			if s == nil {
				continue
			}
			x = s
		}
		d.End = min(d.End, x.End())
		out[k] = *d
		k++
	}
	out = out[:k]
	sortByAddr(out, func(d *FDE) uint64 { return d.Start })
	f.FDEs = dedupFDEs(out)
	f.fdeIdx.build(f.FDEs)
	return nil
}

// readEHHdr reads PT_GNU_EH_FRAME (LSB 5.0 core generic, "The .eh_frame_hdr section"):
// where .eh_frame is, and how many FDEs it has, 0 if that is unknown.
func (f *File) readEHHdr(bases ehBases) (start, fdes uint64, problem string) {
	h := f.Bytes(f.ehHdr.Start)
	if len(h) < 4 || h[0] != 1 {
		return 0, 0, "truncated, or of an unknown version"
	}
	r := ehReader{b: h, addr: f.ehHdr.Start, pos: 4}
	hb := ehBases{text: bases.text, data: f.ehHdr.Start}
	start = r.pointer(h[1], hb, 0)
	if h[2] != peOmit {
		fdes = r.pointer(h[2], hb, 0)
	}
	if r.bad || h[1] == peOmit || h[1]&peIndirect != 0 || f.Bytes(start) == nil {
		return 0, 0, "does not point to .eh_frame"
	}
	return start, fdes, ""
}

// ehFrameFromHdr finds .eh_frame through PT_GNU_EH_FRAME, which does not say where it
// ends: a terminator ends it, once all FDEs that the header counts were seen.
func (f *File) ehFrameFromHdr(bases ehBases) []FDE {
	start, n, problem := f.readEHHdr(bases)
	if problem != "" {
		f.EHFrameProblem = fmt.Sprintf(".eh_frame_hdr at %#x: %s", f.ehHdr.Start, problem)
		return nil
	}
	b := f.Bytes(start)
	e := ehFrame{b: b, addr: start, bases: bases, want: int(min(n, uint64(len(b)))), out: make([]FDE, 0, min(n, uint64(len(b)/minFDE)))}
	f.EHFrameProblem = e.walk()
	f.Personalities = e.persons
	return e.out
}

// dedupFDEs drops duplicates, in favour of one with an LSDA, from a list by
// Start, and sorts those of the same Start by End.
func dedupFDEs(fs []FDE) []FDE {
	k := 0
	for i := 0; i < len(fs); {
		j := i + 1
		for j < len(fs) && fs[j].Start == fs[i].Start {
			j++
		}
		if j-i > 1 {
			slices.SortStableFunc(fs[i:j], func(a, b FDE) int {
				if a.End != b.End {
					return cmpU64(a.End, b.End)
				}
				return cmpU64(b.LSDA, a.LSDA)
			})
		}
		for ; i < j; i++ {
			if k == 0 || fs[k-1].Start != fs[i].Start || fs[k-1].End != fs[i].End {
				fs[k] = fs[i]
				k++
			}
		}
	}
	return fs[:k]
}

// fdeIndex finds the FDE at an address: a table by page to the first FDE that
// may be of interest, and a binary search within the page. If FDEs overlap,
// spans has the pieces of the address space by the FDE that starts last.
type fdeIndex struct {
	base  uint64
	shift uint
	pages []int32 // first FDE (or span) with Start >= page's address
	spans []fdeSpan
}

type fdeSpan struct {
	start uint64
	fde   int32 // -1: none
}

func (x *fdeIndex) build(fs []FDE) {
	if len(fs) == 0 {
		return
	}
	overlap := false
	for i := 1; i < len(fs) && !overlap; i++ {
		overlap = fs[i-1].End > fs[i].Start
	}
	starts := func(i int) uint64 { return fs[i].Start }
	n := len(fs)
	if overlap {
		x.spans = flatten(fs)
		starts = func(i int) uint64 { return x.spans[i].start }
		n = len(x.spans)
	}
	x.base = starts(0)
	span := starts(n-1) - x.base
	for x.shift = 8; span>>x.shift > uint64(2*n)+64; x.shift++ {
	}
	x.pages = make([]int32, span>>x.shift+2)
	p := 0
	for j := 0; j < n; j++ {
		for last := int((starts(j) - x.base) >> x.shift); p <= last; p++ {
			x.pages[p] = int32(j)
		}
	}
	x.pages[p] = int32(n)
}

// flatten cuts overlapping FDEs (sorted by Start) into disjoint spans.
func flatten(fs []FDE) []fdeSpan {
	var out []fdeSpan
	var open []int32 // FDEs around the current address, the innermost last
	put := func(a uint64, f int32) {
		if n := len(out); n > 0 && out[n-1].start == a {
			out[n-1].fde = f
		} else {
			out = append(out, fdeSpan{a, f})
		}
	}
	closeUpTo := func(a uint64) {
		for len(open) > 0 {
			end := fs[open[len(open)-1]].End
			if end > a {
				return
			}
			for len(open) > 0 && fs[open[len(open)-1]].End <= end {
				open = open[:len(open)-1]
			}
			if len(open) > 0 {
				put(end, open[len(open)-1])
			} else {
				put(end, -1)
			}
		}
	}
	for i := range fs {
		closeUpTo(fs[i].Start)
		put(fs[i].Start, int32(i))
		open = append(open, int32(i))
	}
	closeUpTo(^uint64(0))
	return out
}

// FDEAt returns the FDE that covers addr, nil if none; of several the one that
// starts last.
func (f *File) FDEAt(addr uint64) *FDE {
	x := &f.fdeIdx
	if len(x.pages) == 0 || addr < x.base {
		return nil
	}
	page := int(min((addr-x.base)>>x.shift, uint64(len(x.pages)-1)))
	lo := int(x.pages[page])
	if x.spans != nil {
		hi := len(x.spans)
		if page+1 < len(x.pages) {
			hi = int(x.pages[page+1])
		}
		i := lo + sort.Search(hi-lo, func(i int) bool { return x.spans[lo+i].start > addr }) - 1
		if i < 0 || x.spans[i].fde < 0 {
			return nil
		}
		return &f.FDEs[x.spans[i].fde]
	}
	hi := len(f.FDEs)
	if page+1 < len(x.pages) {
		hi = int(x.pages[page+1])
	}
	for hi-lo > 8 {
		mid := (lo + hi) / 2
		if f.FDEs[mid].Start > addr {
			hi = mid
		} else {
			lo = mid
		}
	}
	for lo < hi && f.FDEs[lo].Start <= addr {
		lo++
	}
	if lo == 0 {
		return nil
	}
	if d := &f.FDEs[lo-1]; addr < d.End {
		return d
	}
	return nil
}
