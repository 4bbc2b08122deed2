package dataflow

import (
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// ret returns to the caller, or jumps by way of the stack.
func (w *worker) ret(s *state, in *x86.Inst) {
	// What is where it was on entry is nothing new to the caller, but in rdx: a third argument that is left there may
	// be the second word of a pair that is returned.
	m, same := uint16(returned), uint16(1<<x86.RDX)
	if _, _, written := s.load(0, 8); written || !w.atEntryFrame(s) {
		m, same = allButSP, allButSP // a jump hands everything on
		w.unit.Indirect = true
		w.ask(s, in, summary.AnyPointer, -8)
	} else if w.isGo {
		m = allButSP // by Go's convention results are in any register
	}
	w.returns(s.r[x86.RAX])
	for ; m != 0; m &= m - 1 {
		r := bits.TrailingZeros16(m) & 15
		if s.r[r] != vArg0+val(r) || same>>r&1 != 0 {
			w.use(s, s.r[r])
		}
	}
}

// branch takes a conditional jump. Where the condition compares a register with
// a constant, the side on which they are equal knows the register; where it
// compares two constants only one side is taken.
func (w *worker) branch(s *state, i int32, in *x86.Inst) {
	if in.Def != 0 {
		s.forget(in.Def) // loop
	}
	j, def, between := w.tested(i)
	c := &w.book.now.cmp
	*c = w.comparison(&s.r, j, def, between)
	if w.final {
		w.taken, w.fall = w.guards(c, in)
	}
	if !w.chaos && (in.Cond == 4 || in.Cond == 5) && w.sameAddress(c) {
		if in.Cond == 4 {
			w.jump(s, i, in, false)
			w.stop = true
		}
		return
	}
	r, n, size, ok := w.condition(j, def, in.Cond)
	if !ok || w.chaos {
		w.jump(s, i, in, false)
		return
	}
	x := s.r[r]
	if e := w.v.one(x); e.k == kConst && x < setBit {
		if taken, known := Holds(in.Cond, e.a, uint64(n), size); known {
			if taken {
				w.jump(s, i, in, false)
				w.stop = true
			}
			return
		}
	}
	if w.exact && in.Cond != 4 && in.Cond != 5 {
		if z, taken, ok := w.bounded(s, x, n, size, in.Cond); ok {
			if taken {
				equal := &w.equal
				equal.set(s)
				equal.r[r] = z
				w.jump(equal, i, in, false)
				s.esc = s.esc || equal.esc
			} else {
				w.jump(s, i, in, false)
				s.r[r] = z
			}
			return
		}
	}
	if in.Cond != 4 && in.Cond != 5 {
		w.jump(s, i, in, false)
		return
	}
	y := x // of r where the two are equal
	if size == 8 {
		y = w.v.con(n)
	} else if !w.has(x, kAddr) {
		y = w.v.mk(elem{k: kLow, a: uint64(uint32(n)), r: 4})
	}
	if in.Cond == 4 {
		s.r[r] = y
		w.jump(s, i, in, false)
		s.r[r] = x
	} else {
		w.jump(s, i, in, false)
		s.r[r] = y
	}
}

// has reports whether x may be of a kind.
func (w *worker) has(x val, k kind) bool { return w.v.kinds(x)>>k&1 != 0 }

// sameAddress reports whether c compares two registers that hold the same address. (register_tm_clones and deregister_tm_clones, which GCC's crtstuff.c puts into every
// file, compare the end of .data with itself.)
func (w *worker) sameAddress(c *compared) bool {
	if c.dst <= vMany || c.src <= vMany || !w.same(c.dst, c.src) {
		return false
	}
	in := &w.insts[c.at]
	return in.Op == x86.OpCmp && in.Size == 8 && in.Flags&(x86.FlagMem|x86.FlagImm) == 0
}

// same reports whether two values are one address of the file.
func (w *worker) same(x, y val) bool {
	if x >= setBit || y >= setBit {
		return false
	}
	d, e := &w.v.elems[x], &w.v.elems[y]
	return d.k == kAddr && e.k == kAddr && fixed(d.b) && fixed(e.b) && d.a+uint64(d.b) == e.a+uint64(e.b)
}

// condition returns the register and the constant that a conditional jump compares by instruction j, and the size of the
// comparison, 4 or 8 bytes. def: the registers that are written between them.
func (w *worker) condition(j int32, def uint16, cond uint8) (r x86.Reg, n int64, size uint8, ok bool) {
	if j < 0 {
		return
	}
	in := &w.insts[j]
	if in.Dst == x86.RegNone || in.Size < 4 || in.Flags&x86.FlagMem != 0 || def>>uint(in.Dst)&1 != 0 {
		return
	}
	switch in.Op {
	case x86.OpTest:
		ok = in.Dst == in.Src
	case x86.OpCmp:
		n, ok = in.Imm, in.Flags&x86.FlagImm != 0 && !(w.abs && w.inImage(uint64(in.Imm)))
	case x86.OpShl, x86.OpShr, x86.OpSar: // by more than 0: the zero flag is that of the result (SDM, SAL/SAR/SHL/SHR)
		ok = in.Flags&x86.FlagImm != 0 && in.Imm&31 != 0 && (cond == 4 || cond == 5)
	}
	return in.Dst, n, in.Size, ok
}

// Holds evaluates a condition code after cmp a, b of size bytes, 1 to 8. test a, a
// is cmp a, 0 for all codes that are known here.
func Holds(cond uint8, a, b uint64, size uint8) (result, known bool) {
	sh := 64 - 8*size
	sa, sb := int64(a<<sh)>>sh, int64(b<<sh)>>sh
	a, b = a<<sh>>sh, b<<sh>>sh
	switch cond {
	case 2:
		return a < b, true
	case 3:
		return a >= b, true
	case 4:
		return a == b, true
	case 5:
		return a != b, true
	case 6:
		return a <= b, true
	case 7:
		return a > b, true
	case 12:
		return sa < sb, true
	case 13:
		return sa >= sb, true
	case 14:
		return sa <= sb, true
	case 15:
		return sa > sb, true
	}
	return false, false
}

// atEntryFrame reports whether rsp is where it was on entry.
func (w *worker) atEntryFrame(s *state) bool {
	o, ok := w.sp(s)
	return ok && o == 0
}

// inside reports whether a direct jump from this unit to target stays in the
// function: in its range, or in a part of it that was split off.
func (w *worker) inside(target uint64, conditional bool) bool {
	if w.fde == nil && !conditional && !w.isGo && target != w.unit.Entry && w.entered(target) {
		return false
	}
	return target >= w.fn.Start && target < w.fn.End || w.apartInside(target, conditional)
}

// apartInside is inside for what is not in the function's range.
func (w *worker) apartInside(target uint64, conditional bool) bool {
	if len(w.insts) > inlineMax || w.chaos || !w.f.Exec(target) {
		return false // another image's, at a fixed address (klibc)
	}
	if w.instAt(target) >= 0 {
		return true
	}
	f := w.f.FDEAt(target)
	if f == nil {
		// Code without unwind information: a separate entry if it is a known start.
		_, start := slices.BinarySearch(w.f.FuncStarts(), target)
		return !start
	}
	if target != f.Start {
		return true // into the middle: the hot part of a cold part, or hand-written code
	}
	if f.CFAOffset >= 0 && f.CFAOffset != 8 {
		return true // a part that starts with a frame in place
	}
	return conditional && w.fde != nil
}

func (w *worker) jump(s *state, i int32, in *x86.Inst, always bool) {
	target := uint64(in.Imm)
	if w.inside(target, !always) {
		if !w.final {
			if b := w.jumpsTo(i, target); b >= 0 {
				w.book.now.jumps = true
				w.addPred(b, i)
				w.flow(b, s)
				return
			}
		} else if w.instAt(target) >= 0 && w.stayed(i) {
			w.linkTo(target, w.taken)
			return
		}
	}
	w.tailCall(s, in, target, always)
}

// tailCall is jump for what leaves the unit.
func (w *worker) tailCall(s *state, in *x86.Inst, target uint64, always bool) {
	if !always {
		w.book.giveUp()
	}
	if w.final && w.taken != 0 {
		// What it refers to waits for the condition: it is a block of its own.
		own, tail := w.blk, int32(len(w.blocks))+w.tails
		w.link(own, tail, w.taken)
		w.tails++
		w.book.emitted(own)
		w.blk = tail
		defer func() {
			w.book.emitted(tail)
			w.blk = own
		}()
	}
	w.ends(summary.ReturnCode, target)
	w.ask(s, in, target, 0)
	w.shown(s)
	w.direct(s, in, target)
}

// stayed reports whether the jump i, when it was evaluated last, went to a block. It did not if the target was found to be
// in the unit only later: it is a tail call then, as what it brings was not brought there.
func (w *worker) stayed(i int32) bool {
	n := w.blocks[w.instBlk[i]].note
	return n < 0 || w.book.notes[n].jumps
}

// direct records that control leaves for target. Addresses outside the file
// belong to another one at a fixed address (klibc), or to nothing at all.
func (w *worker) direct(s *state, in *x86.Inst, target uint64) {
	jump := in.Op != x86.OpCall && in.Op != x86.OpCallInd
	if !w.f.Exec(target) && target >= w.low && target < w.high {
		w.gap(in.PC, summary.GapCode)
		return
	}
	w.ref(summary.Ref{Kind: summary.RefCode, A: target})
	w.hand(s, target, false, jump)
}

// hand passes every register to known code: what is in them escapes if that code consumes it.
func (w *worker) hand(s *state, callee uint64, slot, jump bool) {
	w.jumping = jump
	w.pivot(s)
	kind := summary.RefPass
	if slot {
		kind = summary.RefPassSlot
	}
	same, other := s.given()
	if !w.final && !w.book.open {
		// Only the frame's escape matters before the values have settled.
		for m := other & callerSaved; m != 0 && !s.esc; m &= m - 1 {
			r := bits.TrailingZeros16(m) & 15
			s.esc = w.has(s.r[r], kSP) && w.mayConsume(callee, slot, r)
		}
		return
	}
	const numbers = 1<<kTop | 1<<kConst | 1<<kLow
	w.moves = summary.Own(same)
	if slot {
		w.moves = w.moves.OfSlot()
	}
	for m := other &^ (1 << x86.RSP); m != 0; m &= m - 1 {
		r := bits.TrailingZeros16(m) & 15
		x := s.r[r]
		if x < setBit {
			w.handElem(s, &w.v.elems[x], r, callee, slot, kind)
			continue
		}
		t := &w.v.sets[x&(topBit-1)]
		if t.kinds&^(numbers|ofEntry) == 0 {
			for a := t.args; a != 0; a &= a - 1 {
				w.passArg(callee, bits.TrailingZeros16(a), r)
			}
			continue
		}
		for _, y := range t.ids[:t.n] {
			w.handElem(s, &w.v.elems[y], r, callee, slot, kind)
		}
	}
	if w.moves.Any() {
		w.pass(summary.ArgPass{Callee: callee, Moves: w.moves})
	}
}

// passArg passes what register from held on entry in register to, with what else is passed if it is the only one there.
func (w *worker) passArg(callee uint64, from, to int) {
	switch other, is := w.moves.From(uint8(to)); {
	case !is:
		w.moves = w.moves.With(uint8(to), uint8(from))
	case other != uint8(from):
		h := summary.Moves(0).With(uint8(to), uint8(from))
		if w.moves.Slot() {
			h = h.OfSlot()
		}
		w.pass(summary.ArgPass{Callee: callee, Moves: h})
	}
}

func (w *worker) handElem(s *state, e *elem, r int, callee uint64, slot bool, kind summary.Kind) {
	switch e.k {
	case kAddr:
		off, back := offset(e.b)
		w.ref(summary.Ref{Kind: kind, A: e.a, B: callee, Off: off, Reg: uint8(r) | back})
	case kArg, kArgX:
		w.passArg(callee, int(e.r), r)
	case kConst:
		if isVsyscall(e.a) {
			w.ref(summary.Ref{Kind: kind, A: e.a, B: callee, Reg: uint8(r)})
		}
	case kLow, kTop:
	case kSP:
		if calleeSaved>>uint(r)&1 == 0 && w.mayConsume(callee, slot, r) {
			s.esc = true
		}
	default:
		if w.jumping || calleeSaved>>uint(r)&1 == 0 {
			if e.k == kArgZ && !w.final {
				w.book.giveUp() // what the unit uses is not noted
				return
			}
			w.useElem(s, e)
		}
	}
}

// afterCall is the state when a call comes back. kept: registers that the
// callee is known not to write.
func (w *worker) afterCall(s *state, kept uint16, twice bool) {
	saved := uint16(calleeSaved)
	if w.isGo {
		saved = 1 << x86.RBP // Go's internal ABI saves only the frame pointer
	}
	s.forget(allButSP &^ (saved | kept))
	if twice {
		s.rewritten()
	}
	if s.esc {
		s.smash()
	}
}

// readsPC reports whether in calls the next instruction to read the program counter
// off the stack, and not a function that happens to be next.
func (w *worker) readsPC(in *x86.Inst) bool {
	next := in.PC + uint64(in.Len)
	if uint64(in.Imm) != next {
		return false
	}
	_, start := slices.BinarySearch(w.f.FuncStarts(), next)
	return !start
}

func (w *worker) call(s *state, i int32, in *x86.Inst) {
	target := uint64(in.Imm)
	w.ask(s, in, target, 8)
	if w.readsPC(in) {
		// call next; pop: reading the program counter
		w.spAdd(s, -8)
		if o, ok := w.sp(s); ok {
			s.store(o, 8, w.v.mk(elem{k: kAddr, a: target}))
		} else {
			w.obj(target, 0)
			w.pivot(s)
		}
		return
	}
	if w.exact && !w.argless(target) {
		w.shown(s) // it may read its arguments on the stack
	}
	w.direct(s, in, target)
	c := w.callees[i]
	if c == 0 {
		c = w.callee(target)
		w.callees[i] = c
	}
	w.afterCall(s, uint16(c), c&calleeTwice != 0)
	w.unwind(s, in)
}

// unwind flows the state after a call to its landing pad, if it has one.
func (w *worker) unwind(s *state, in *x86.Inst) {
	if w.f == nil || w.padless.Contains(in.PC) {
		return
	}
	if w.final {
		w.linkPads(in)
		return
	}
	for _, p := range w.padsOver(in.PC, in.PC) {
		if b := w.blockAt(p.Pad); b >= 0 {
			t := &w.equal
			t.set(s)
			t.forget(callerSaved)
			w.addPred(b, manyPreds)
			w.flow(b, t)
		}
	}
}

func (w *worker) callInd(s *state, in *x86.Inst) {
	w.indirect(s, in, 8)
	w.afterCall(s, 0, false)
	w.unwind(s, in)
}

// indirect handles the operand and the registers of an indirect call or tail call.
func (w *worker) indirect(s *state, in *x86.Inst, pushed int64) {
	w.shown(s)
	var x val
	if in.Flags&x86.FlagMem != 0 {
		x = w.load(s, in, 8)
	} else if in.Src != x86.RegNone {
		x = s.r[in.Src]
	}
	// A pointer in a slot of the file, or a known address: the callee can be named.
	e := *w.v.one(x)
	if !(x < setBit && (e.k == kLoad && w.loaderSlot(e.a) || e.k == kAddr && fixed(e.b))) {
		w.unit.Indirect = true
		w.ask(s, in, summary.AnyPointer, pushed)
	}
	switch {
	case x < setBit && e.k == kLoad && e.r == 8:
		w.ask(s, in, e.a, pushed)
		w.ref(summary.Ref{Kind: summary.RefCallSlot, A: e.a, Size: 8})
		w.hand(s, e.a, true, pushed == 0)
	case x < setBit && e.k == kConst && (w.abs || e.a >= sysno.VsyscallStart):
		w.ask(s, in, e.a, pushed)
		w.direct(s, in, e.a)
	case x < setBit && e.k == kAddr && fixed(e.b):
		t := e.a + uint64(e.b)
		w.ask(s, in, t, pushed)
		if e.b != 0 {
			w.use(s, x)
		}
		w.ref(summary.Ref{Kind: summary.RefCode, A: t})
		w.hand(s, t, false, pushed == 0)
	default:
		w.use(s, x)
		w.pivot(s)
		for r := 0; r < 16; r++ {
			if r == int(x86.RSP) {
				continue
			}
			// Code that is not known here follows the psABI: it does not look into the
			// registers that it must preserve. Go's own convention uses them all.
			if w.isGo || pushed == 0 || calleeSaved>>uint(r)&1 == 0 {
				w.use(s, s.r[r])
			}
		}
	}
}

// isOffset reports whether x is an entry of a table of offsets, or was computed from an
// address: the target of a jump inside a function, in a form that is not known here.
// (An entry of a table of whole addresses may be a function, and its use makes all of them live.)
func (w *worker) isOffset(x val) bool {
	found := false
	for _, y := range w.list(x) {
		e := &w.v.elems[y]
		found = found || e.k == kTabT || e.k == kTab4 || e.k == kAddr && !fixed(e.b)
	}
	return found
}

// inFrame reports whether x, a stack pointer, may be in the frame. (What is loaded
// from somewhere is another stack.)
func (w *worker) inFrame(x val) bool {
	found := false
	for _, y := range w.list(x) {
		found = found || w.v.elems[y].k == kSP
	}
	return found
}

// takenDown reports whether the frame is gone at the jump in, where the ways to it do not agree on the
// stack pointer: one of them is behind a call that does not return in truth. On some way the frame may be gone, and
// the unwind information says that it is.
func (w *worker) takenDown(s *state, in *x86.Inst) bool {
	for _, y := range w.list(s.r[x86.RSP]) {
		if e := &w.v.elems[y]; e.k == kSP && (e.b == 0 || !fixed(e.b)) {
			w.downLock.Lock()
			defer w.downLock.Unlock()
			down, known := w.down[in.PC]
			if !known {
				if fr, found := w.f.Frame(in.PC); found {
					n, ok := fr.Depth()
					down = ok && n == 8
				}
				w.down[in.PC] = down
			}
			return down
		}
	}
	return false
}

// list returns the elements of x.
func (w *worker) list(x val) []val {
	if x < setBit {
		return []val{x}
	}
	return w.v.members(x)
}

// leaving reports whether the stack pointer was set just before the jump in: the
// unwinder's way into another frame, which no switch takes.
func (w *worker) leaving(in *x86.Inst) bool {
	i := w.instAt(in.PC)
	for j, first := i-1, w.lead(i); j >= first && j > i-4; j-- {
		if p := &w.insts[j]; p.Op == x86.OpPop || p.Def>>x86.RSP&1 != 0 {
			return true
		}
	}
	return false
}

// loaderSlot reports whether the word at a is filled by the loader from a symbol.
func (w *worker) loaderSlot(a uint64) bool {
	c := &w.slots[a/8%uint64(len(w.slots))]
	if c.addr != a || !c.known {
		c.addr, c.known, c.loader = a, true, w.findSlot(a)
	}
	return c.loader
}

// slotKind is what loaderSlot found of an address.
type slotKind struct {
	addr          uint64
	known, loader bool
}

func (w *worker) findSlot(a uint64) bool {
	r := w.f.RelocsIn(a, a+8)
	return len(r) == 1 && r[0].Sym != 0 && (r[0].Type == image.RX8664JumpSlot || r[0].Type == image.RX8664GlobDat)
}

func (w *worker) jumpInd(s *state, in *x86.Inst) {
	var x val
	if in.Flags&x86.FlagMem != 0 {
		x = w.load(s, in, 8)
	} else if in.Src != x86.RegNone {
		x = s.r[in.Src]
	}
	if y := w.v.one(x); y.k != kLoad || y.r != 8 { // what a slot holds is no place in the function
		w.book.giveUp()
	}
	if w.jumpTable(s, in, x) {
		return
	}
	o, ok := w.sp(s)
	e := *w.v.one(x)
	known := x < setBit && (e.k == kLoad && e.r == 8 || e.k == kAddr && fixed(e.b) || e.k == kConst && (w.abs || e.a >= sysno.VsyscallStart))
	// A jump with a frame in place stays in the function. A frame that was taken
	// down, or a stack pointer from elsewhere (longjmp, a new context), leaves it.
	framed := (ok && o < 0 || !ok && w.inFrame(s.r[x86.RSP]) && !w.takenDown(s, in)) && !w.leaving(in) || w.isOffset(x) // a table that could not be read to its end, or an address with something added
	if !known {
		w.vague[in.PC] = w.knows()
		found := w.tableSeeds(s)
		found = w.computed(s, x) || found
		if framed && !w.chaos {
			// Computed goto: the labels of this function whose addresses are in data or taken in its code.
			found = w.gotoLabels(s) || found
			if !found {
				w.opaque = true
				if w.final {
					w.gap(in.PC, summary.GapJump)
				}
			}
		}
	}
	// All registers reach the target.
	if known {
		switch {
		case e.k == kLoad && w.loaderSlot(e.a):
			w.ends(summary.ReturnSlot, e.a)
		case e.k == kAddr:
			w.ends(summary.ReturnCode, e.a+uint64(e.b))
		default:
			w.ends(summary.ReturnAny, 0)
		}
		w.indirect(s, in, 0)
		return
	}
	w.ends(summary.ReturnAny, 0)
	w.unit.Indirect = true
	w.ask(s, in, summary.AnyPointer, 0)
	w.use(s, x)
	w.useMask(s, allButSP)
}

// ask answers a query about what is passed to callee. pushed: bytes that the
// call itself puts on the stack before the callee's first instruction.
func (w *worker) ask(s *state, in *x86.Inst, callee uint64, pushed int64) {
	if w.query == nil {
		return
	}
	params, ok := w.query[callee]
	if !ok {
		return
	}
	if !w.final {
		w.book.giveUp()
		return
	}
	from := uint64(0)
	if i := w.instAt(in.PC); i >= 0 && !w.chaos {
		from = w.insts[w.lead(i)].PC
	}
	for _, p := range params {
		x := vTop
		switch p.Kind {
		case summary.Arg:
			x = s.r[p.Reg]
			switch {
			case p.Op() != summary.OpNone:
				x = w.each(s, x, func(e elem) val { return w.applyPassed(s, e, p) })
			case p.Size == 1 || p.Size == 2:
				x = w.trunc(s, x, p.Size)
			}
		case summary.Stack:
			if e := *w.v.one(s.r[x86.RSP]); e.k == kSP && fixed(e.b) {
				x = w.frameWord(s, e.b+p.N-pushed)
			}
		case summary.ArgMem:
			x = w.each(s, s.r[p.Reg], func(e elem) val {
				switch {
				case e.k == kSP && fixed(e.b):
					return w.frameWord(s, e.b+p.N)
				case e.k == kArg && e.b == 0:
					return w.v.mk(elem{k: kArgD, r: e.r, b: p.N})
				case e.k == kAddr && fixed(e.b):
					return w.v.mk(elem{k: kLoad, a: e.a + uint64(e.b+p.N), r: 4})
				}
				return vTop
			})
		}
		w.passed = append(w.passed, Passed{PC: in.PC, Callee: callee, From: from, Values: w.export(x)})
	}
}

func (w *worker) frameWord(s *state, off int64) val {
	if off != int64(int32(off)) {
		return vTop
	}
	if w.exact {
		return w.frameQuad(s, int32(off))
	}
	if x, _, ok := s.load(int32(off), 4); ok {
		return w.each(s, x, func(e elem) val {
			if e.k == kLoad && e.r == 8 && !w.wide {
				return w.v.mk(elem{k: kLoad, a: e.a, r: 4}) // its low half
			}
			return w.trunc(s, w.v.mk(e), 4)
		})
	}
	if off >= 8 && !s.lost && !s.overlaps(int32(off), 4) {
		return w.v.mk(elem{k: kStk, b: off})
	}
	return vTop
}

// frameQuad returns the eight bytes at off of the frame.
func (w *worker) frameQuad(s *state, off int32) val {
	if x, _, ok := s.load(off, 8); ok {
		return x
	}
	if x, _, ok := s.load(off, 4); ok {
		if e := w.v.one(x); e.k == kConst {
			return w.v.mk(elem{k: kLow, a: e.a, r: 4})
		}
		return vTop
	}
	if off >= 8 && !s.lost && !s.overlaps(off, 8) {
		return w.v.mk(elem{k: kStk, b: int64(off)})
	}
	return vTop
}
