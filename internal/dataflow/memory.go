package dataflow

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// place is what a memory operand addresses.
type place struct {
	k    kind // kAddr: exactly a; kSP: exactly frame offset b; kArg: register r + b; kTab4: some entry of the table at a; kTop: unknown
	a    uint64
	b    int64
	r    int8
	t    uint64 // kTab4: address of the table, if the access is a[index] of something known; r is 0 then
	anyS bool   // somewhere in the frame
	near bool   // kTab4: the index may be negative
}

// places calls f for each place that the memory operand of in may address.
// Addresses that are dereferenced at an unknown offset have been used.
func (w *worker) places(s *state, in *x86.Inst, f func(p place)) {
	var p place
	of := w.place(s, in, &p)
	if of.base == vBottom {
		f(p)
		return
	}
	for _, y := range w.v.members(of.base) {
		w.placeOf(s, &w.v.elems[y], of.disp, of.indexed, &p)
		f(p)
	}
}

// operand is a memory operand whose base is a set of values, if base is not vBottom.
type operand struct {
	base    val
	disp    int64
	indexed bool
}

// place sets p, which is empty, to the place that the memory operand of in addresses, or, if
// there may be several, returns what placeOf makes them from. (A place is too large to be returned in registers.)
func (w *worker) place(s *state, in *x86.Inst, p *place) operand {
	if uint8(in.Base) < 16 && in.Index == x86.RegNone && in.Flags&(x86.FlagSeg|x86.FlagAddr32) == 0 && !(w.abs && w.inImage(uint64(in.Disp))) {
		// As most are, and most of those are behind unknown pointers or in the frame.
		x := s.r[in.Base&15]
		if x >= setBit {
			return operand{x, in.Disp, false}
		}
		switch e := &w.v.elems[x]; {
		case e.k == kTop:
		case e.k == kSP && fixed(e.b):
			p.k, p.b = kSP, e.b+in.Disp
		default:
			w.placeOf(s, e, in.Disp, false, p)
		}
		return operand{}
	}
	if in.Flags&x86.FlagSeg != 0 {
		// fs:/gs: relative: the registers are offsets, but nothing forbids addresses.
		w.useAddrRegs(s, in)
		return operand{}
	}
	if in.Flags&x86.FlagAddr32 != 0 && in.Base != x86.RIP {
		w.useAddrRegs(s, in)
		return operand{}
	}
	disp := in.Disp
	if in.Base == x86.RIP {
		p.k, p.a = kAddr, uint64(disp)
		return operand{}
	}
	index := in.Index
	if index != x86.RegNone {
		if e := *w.v.one(s.r[index]); e.k == kConst {
			if e.r != 0 && (in.Base == x86.RegNone || in.Scale != 1 || !w.anchor(w.v.one(s.r[in.Base]))) {
				w.useElem(s, &e)
			}
			disp += int64(e.a) * int64(in.Scale)
			index = x86.RegNone
		}
	}
	if in.Base == x86.RegNone {
		if index == x86.RegNone {
			if w.inImage(uint64(disp)) {
				p.k, p.a = kAddr, uint64(disp)
				return operand{}
			}
			return operand{}
		}
		if w.abs && w.inImage(uint64(in.Disp)) {
			w.use(s, s.r[index])
			p.k, p.a, p.t = kTab4, uint64(in.Disp), uint64(in.Disp)
			return operand{}
		}
		w.use(s, s.r[index])
		return operand{}
	}
	if index != x86.RegNone && w.abs { // table+constant(index) in position-dependent code
		if e := *w.v.one(s.r[in.Base]); e.k == kConst && e.r == 0 && disp != 0 && w.inImage(uint64(disp)+e.a) {
			w.use(s, s.r[index])
			p.k, p.a, p.t = kTab4, uint64(disp)+e.a, uint64(disp)+e.a
			return operand{}
		}
	}
	if index != x86.RegNone && in.Scale == 1 { // the index may be the address
		e, x := *w.v.one(s.r[in.Base]), w.v.one(s.r[index])
		if e.k == kConst {
			if e.r != 0 && !w.anchor(x) {
				w.useElem(s, &e)
			}
			return w.placeFrom(s, s.r[index], disp+int64(e.a), false, p)
		}
		if (e.k == kTop || e.k == kArgX) && x.k == kAddr && fixed(x.b) {
			w.use(s, s.r[in.Base])
			return w.placeFrom(s, s.r[index], disp, true, p)
		}
	}
	if index != x86.RegNone {
		w.use(s, s.r[index])
	}
	if w.abs && disp != 0 && w.inImage(uint64(disp)) {
		// table(base) in position-dependent code: the displacement is the address
		w.use(s, s.r[in.Base])
		p.k, p.a, p.t = kTab4, uint64(disp), uint64(disp)
		return operand{}
	}
	return w.placeFrom(s, s.r[in.Base], disp, index != x86.RegNone, p)
}

// placeFrom is place for the address x plus disp, plus anything if indexed.
func (w *worker) placeFrom(s *state, x val, disp int64, indexed bool, p *place) operand {
	if x < setBit {
		w.placeOf(s, &w.v.elems[x], disp, indexed, p)
		return operand{}
	}
	return operand{x, disp, indexed}
}

// anchor records an address that a far constant is added to, and reports whether e is one.
// In the large code models every address of a function is such a sum, most
// with the address of the global offset table (psABI, section 3.5.5).
func (w *worker) anchor(e *elem) bool {
	if e.k != kAddr || !fixed(e.b) {
		return false
	}
	if a := e.a + uint64(e.b); !slices.Contains(w.anchors, a) {
		w.anchors = append(w.anchors, a)
	}
	return true
}

// far reports whether in loads a constant in the form that only the large code
// models need for one of this size.
func (w *worker) far(in *x86.Inst) bool {
	n := in.Imm
	return in.Flags&x86.FlagImm != 0 && in.Len == 10 && in.Dst != x86.RegNone && n < int64(w.high-w.low) && -n < int64(w.high-w.low)
}

// placeOf sets p to the place at an offset from e.
func (w *worker) placeOf(s *state, e *elem, disp int64, indexed bool, p *place) {
	if disp < 0 {
		w.backwards(e)
	}
	*p = place{}
	switch e.k {
	case kAddr:
		if indexed || !fixed(e.b) {
			b := e.b
			if fixed(b) && indexed {
				// a table at a known distance: base + index
				p.k, p.a, p.b, p.t, p.near = kTab4, e.a, b+disp, e.a+uint64(b+disp), true
				return
			}
			if disp < 0 && !fixed(b) {
				b = anyBack
			} else if fixed(b) {
				b += disp
			}
			p.k, p.a, p.b, p.r = kTab4, e.a, b, int8(b2i(!indexed || b != 0))
			return
		}
		p.k, p.a = kAddr, e.a+uint64(e.b+disp)
	case kSP:
		if indexed || !fixed(e.b) {
			p.anyS = true
			return
		}
		p.k, p.b = kSP, e.b+disp
	case kArg:
		w.argUse |= 1 << uint(e.r)
		if !indexed && e.b == 0 {
			p.k, p.r, p.b = kArg, e.r, disp
		}
	case kConst:
		if a := e.a + uint64(disp); !indexed && w.inImage(a) && w.abs {
			p.k, p.a = kAddr, a
		}
	case kLoad:
		w.useElem(s, e)
		if e.r == 8 && !indexed {
			p.k, p.a, p.b = kLoad, e.a, disp
		}
	default:
		w.useElem(s, e)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *worker) useAddrRegs(s *state, in *x86.Inst) {
	if in.Base >= 0 && in.Base < 16 {
		w.use(s, s.r[in.Base])
	}
	if in.Index >= 0 {
		w.use(s, s.r[in.Index])
	}
	if d := uint64(in.Disp); in.Base == x86.RIP || w.abs && w.inImage(d) {
		w.ref(summary.Ref{Kind: summary.RefAddr, A: d})
	}
}

// where is what a memory operand addresses, as far as usual tells it.
type where uint8

const (
	somewhere where = iota // see place
	inside                 // a word of the frame
	outside                // what is neither in the frame nor of the file
)

// usual tells where the memory operand of in is if that is where most are: in the frame at off, or outside, which has been used then.
func (w *worker) usual(s *state, in *x86.Inst) (at where, off int32) {
	if in.Flags&(x86.FlagSeg|x86.FlagAddr32) != 0 || uint8(in.Base) >= 16 || w.abs && w.inImage(uint64(in.Disp)) {
		return somewhere, 0
	}
	x := s.r[in.Base&15]
	args, ok := w.v.away(x)
	if !ok {
		if e := w.v.one(x); e.k == kSP && fixed(e.b) && in.Index == x86.RegNone {
			b := e.b + in.Disp
			off = int32(b)
			if b == int64(off) {
				return inside, off
			}
		}
		return somewhere, 0
	}
	if w.fine || w.abs {
		return somewhere, 0
	}
	used := args
	if in.Index != x86.RegNone {
		more, ok := w.v.away(s.r[in.Index&15])
		if !ok {
			return somewhere, 0
		}
		used |= more
	}
	w.argUse |= used
	if in.Disp < 0 {
		w.argBack |= args
	}
	return outside, 0
}

// load returns the value of the memory operand, size bytes wide.
func (w *worker) load(s *state, in *x86.Inst, size uint8) val {
	switch at, off := w.usual(s, in); at {
	case outside:
		return vTop
	case inside:
		return w.loadWord(s, off, size)
	}
	var p place
	of := w.place(s, in, &p)
	if p.anyS || of.base != vBottom {
		w.shown(s)
	}
	if of.base == vBottom {
		return w.loadAt(s, in, &p, size)
	}
	res := vBottom
	for _, y := range w.v.members(of.base) {
		w.placeOf(s, &w.v.elems[y], of.disp, of.indexed, &p)
		res = w.join(s, res, w.loadAt(s, in, &p, size))
	}
	return res
}

func (w *worker) loadAt(s *state, in *x86.Inst, p *place, size uint8) val {
	switch p.k {
	case kAddr:
		if x, ok := w.constant(p.a, size); ok {
			return x
		}
		if size < 8 && p.a&7+uint64(size) > 4 {
			w.ref(summary.Ref{Kind: summary.RefRead, A: p.a &^ 7, Size: 8}) // it may be the upper part of a pointer that is put together again
		}
		if size == 8 || size == 4 {
			return w.v.mk(elem{k: kLoad, a: p.a, r: int8(size)})
		}
		w.read(p.a, size)
	case kTab4:
		if p.t != 0 && size == 4 {
			w.noteTable(p.t)
			return w.v.mk(elem{k: kTab4, a: p.t, b: int64(in.PC)})
		}
		if p.t != 0 && size == 8 {
			if p.near && p.b != 0 {
				w.access(p) // the table is where the base is
			}
			return w.v.mk(elem{k: kTab8, a: p.t, b: int64(in.PC)})
		}
		w.access(p)
		if p.t != 0 && size == 2 {
			return w.v.mk(elem{k: kTab2, a: p.t, r: form2})
		}
	case kSP:
		if p.b != int64(int32(p.b)) {
			w.shown(s)
			return vTop
		}
		return w.loadWord(s, int32(p.b), size)
	case kArg:
		if size >= 4 && w.fine {
			return w.v.mk(elem{k: kArgD, r: p.r, b: p.b})
		}
	case kLoad:
		if size >= 4 && w.fine {
			return w.v.mk(elem{k: kLoadD, a: p.a, b: p.b})
		}
	}
	return vTop
}

// loadWord returns what size bytes of the frame hold.
func (w *worker) loadWord(s *state, off int32, size uint8) val {
	if x, n, ok := s.load(off, size); ok {
		if n > size || size < 8 {
			return w.trunc(s, x, size)
		}
		return x
	}
	if w.fine && off >= 8 && !s.lost && size >= 4 && !s.overlaps(off, size) {
		return w.v.mk(elem{k: kStk, b: int64(off)})
	}
	w.seen(s, off, size)
	return vTop
}

// constant returns what size bytes at a hold if nothing can write them.
func (w *worker) constant(a uint64, size uint8) (val, bool) {
	if size > 8 || w.f.Writable(a) || w.relocated(a, size) {
		return 0, false
	}
	b := w.f.Bytes(a)
	if len(b) < int(size) {
		return 0, false
	}
	n := uint64(0)
	for i := int(size) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	if w.abs && w.inImage(n) {
		return 0, false // may be an address
	}
	return w.v.con(int64(n)), true
}

// obj: the object that address a belongs to is accessed at an unknown offset.
func (w *worker) obj(a uint64, b int64) {
	off, back := offset(b)
	w.ref(summary.Ref{Kind: summary.RefAddr, A: a, Off: off, Reg: back})
}

// access: the object of p is accessed at an unknown offset.
func (w *worker) access(p *place) {
	off, back := offset(p.b)
	if p.near && back == 0 {
		back = summary.Near
	}
	w.ref(summary.Ref{Kind: summary.RefAddr, A: p.a, Off: off, Reg: back})
}

// offset turns an offset into the form of a Ref.
func offset(b int64) (off int32, back uint8) {
	if b == anyBack || fixed(b) && b < 0 {
		back = summary.Back
	}
	if fixed(b) {
		off = int32(b)
	}
	return off, back
}

// backwards: a pointer of which x is one value is moved towards lower addresses.
func (w *worker) backwards(e *elem) {
	switch e.k {
	case kArg, kArgX:
		w.argBack |= 1 << uint(e.r)
	case kLoad:
		if e.r == 8 {
			w.ref(summary.Ref{Kind: summary.RefRead, A: e.a, Size: 8, Reg: summary.Back})
		}
	}
}

func (w *worker) read(a uint64, size uint8) {
	if size >= 8 || w.wide && size >= 4 {
		w.ref(summary.Ref{Kind: summary.RefRead, A: a, Size: uint16(size)})
	}
}

// touch records a read of the memory operand whose value is not tracked.
func (w *worker) touch(s *state, in *x86.Inst) {
	switch at, off := w.usual(s, in); at {
	case outside:
		return
	case inside:
		if in.Flags&x86.FlagMemAny == 0 {
			w.seen(s, off, in.MemSize)
		} else {
			w.shown(s)
		}
		return
	}
	var p place
	of := w.place(s, in, &p)
	if p.k == kSP && p.b == int64(int32(p.b)) && in.Flags&x86.FlagMemAny == 0 {
		w.seen(s, int32(p.b), in.MemSize)
	} else if p.k == kSP || p.anyS || of.base != vBottom {
		w.shown(s)
	}
	if of.base == vBottom {
		w.touchAt(in, &p)
		return
	}
	for _, y := range w.v.members(of.base) {
		w.placeOf(s, &w.v.elems[y], of.disp, of.indexed, &p)
		w.touchAt(in, &p)
	}
}

func (w *worker) touchAt(in *x86.Inst, p *place) {
	switch p.k {
	case kAddr:
		if in.Flags&x86.FlagMemAny != 0 {
			w.obj(p.a, 0)
		} else {
			w.read(p.a, in.MemSize)
		}
	case kTab4:
		w.access(p)
	}
}

// store writes x to the memory operand.
func (w *worker) store(s *state, in *x86.Inst, x val, size uint8) {
	switch at, off := w.usual(s, in); at {
	case outside:
		w.use(s, x)
		if s.esc {
			s.smash()
		}
		return
	case inside:
		w.storeWord(s, off, x, size, true)
		return
	}
	var p place
	of := w.place(s, in, &p)
	if of.base == vBottom {
		w.storeAt(s, &p, x, size, true)
		return
	}
	w.places(s, in, func(p place) {}) // what is used is, before anything is stored
	w.places(s, in, func(p place) { w.storeAt(s, &p, x, size, false) })
}

func (w *worker) storeAt(s *state, p *place, x val, size uint8, strong bool) {
	switch {
	case p.k == kAddr:
		if size == 8 || w.abs && size >= 4 {
			w.storeSlot(s, p.a, x, size)
			return
		}
		if e := w.v.one(x); e.k == kConst {
			w.keep(summary.ArgStore{Slot: p.a, Kind: summary.StoreConst, N: int64(e.a & (1<<(8*size) - 1)), Size: size})
		} else {
			w.keep(summary.ArgStore{Slot: p.a, Size: size})
		}
	case p.k == kSP:
		if p.b != int64(int32(p.b)) {
			w.use(s, x)
			s.smash()
			return
		}
		w.storeWord(s, int32(p.b), x, size, strong)
		return
	case p.anyS:
		w.use(s, x)
		s.smash()
		return
	case p.k == kTab4:
		w.access(p)
	}
	w.use(s, x)
	if s.esc {
		s.smash()
	}
}

// storeWord: x goes to size bytes of the frame, for certain if strong.
func (w *worker) storeWord(s *state, off int32, x val, size uint8, strong bool) {
	if size > 8 {
		w.use(s, x)
		s.smash()
		return
	}
	if x > vMany {
		if w.exact && strong && size == 8 && w.has(x, kSP) {
			s.storeSP(off, x)
			return
		}
		if !preserved(x) {
			w.use(s, x)
		}
		if !strong {
			x = w.join(s, x, vTop)
		}
		if size < 8 {
			x = w.trunc(s, x, size)
		}
	}
	s.store(off, size, x)
}

// storeSlot: x goes to 4 or 8 bytes of the file's memory.
func (w *worker) storeSlot(s *state, slot uint64, x val, size uint8) {
	one := func(e *elem) {
		if e.k == kAddr {
			off, back := offset(e.b)
			w.ref(summary.Ref{Kind: summary.RefStore, A: slot, B: e.a, Off: off, Reg: back})
			return
		}
		switch e.k {
		case kConst:
			w.keep(summary.ArgStore{Slot: slot, Kind: summary.StoreConst, N: int64(e.a & (^uint64(0) >> (64 - 8*size))), Size: size})
			if isVsyscall(e.a) {
				w.ref(summary.Ref{Kind: summary.RefStore, A: slot, B: e.a})
				return
			}
		case kArg:
			a := summary.ArgStore{Slot: slot, Size: size}
			if e.b == 0 {
				a.Kind, a.Reg = summary.StoreArg, uint8(e.r)
			}
			w.keep(a)
		default:
			w.keep(summary.ArgStore{Slot: slot, Size: size})
		}
		w.useElem(s, e)
	}
	if x <= vMany {
		w.keep(summary.ArgStore{Slot: slot, Size: size})
		return
	}
	if x < setBit {
		one(&w.v.elems[x])
		return
	}
	for _, y := range w.v.members(x) {
		one(&w.v.elems[y])
	}
}

// clobberMem: the memory operand is written with something unknown.
func (w *worker) clobberMem(s *state, in *x86.Inst) {
	size := in.MemSize
	if in.Flags&x86.FlagMemAny != 0 || size == 0 {
		size = 255
	}
	switch at, off := w.usual(s, in); at {
	case outside:
		if s.esc {
			s.smash()
		}
		return
	case inside:
		s.clobber(off, size)
		return
	}
	var p place
	of := w.place(s, in, &p)
	if of.base == vBottom {
		w.clobberAt(s, &p, size)
		return
	}
	for _, y := range w.v.members(of.base) {
		w.placeOf(s, &w.v.elems[y], of.disp, of.indexed, &p)
		w.clobberAt(s, &p, size)
	}
}

func (w *worker) clobberAt(s *state, p *place, size uint8) {
	switch {
	case p.k == kSP && p.b == int64(int32(p.b)):
		s.clobber(int32(p.b), size)
	case p.k == kSP || p.anyS:
		s.smash()
	case p.k == kTab4:
		w.access(p)
	case p.k == kAddr && size == 255:
		w.obj(p.a, 0)
	case p.k == kAddr:
		w.keep(summary.ArgStore{Slot: p.a, Size: size})
	case s.esc:
		s.smash()
	}
}
