package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// What follows is done in exact queries alone.
//
//   - Arithmetic on sets of constants, which grow up to maxSet, where summaries give them up at once.
//   - An address in the frame that is stored to the frame has not escaped, as long as the word is followed
//     (slot.sp): once the slot is lost, read in a way that is not followed, or may be an argument of
//     a call, it has.
//   - What is in a register at a call of known code has escaped only if that code may consume the register.

// numbers reports whether x is a constant, or in exact queries a set of constants.
func (w *worker) numbers(x val) bool {
	if x < setBit {
		return w.v.elems[x].k == kConst
	}
	for _, y := range w.v.members(x) {
		if e := &w.v.elems[y]; e.k != kConst || e.r != 0 {
			return false
		}
	}
	return w.exact
}

// combine returns the result of an operation on two sets of constants, or of a mask of few bits on
// anything.
func (w *worker) combine(s *state, in *x86.Inst, x, y val) (val, bool) {
	mask := ^uint64(0) >> (64 - 8*in.Size)
	if in.Op != x86.OpSub && w.numbers(x) {
		x, y = y, x
	}
	if in.Op == x86.OpAnd && w.numbers(y) && !w.numbers(x) {
		if res, ok := w.masked(s, y, mask); ok {
			return res, true
		}
	}
	if w.numbers(y) && w.v.one(y).r == 0 && w.anyArg(x) {
		return w.each(s, x, func(x elem) val {
			return w.each(s, y, func(n elem) val { return w.apply(s, x, opOf(in.Op), in.Size, n.a) })
		}), true
	}
	if !w.numbers(x) || !w.numbers(y) || w.v.one(x).r != 0 || w.v.one(y).r != 0 {
		return 0, false
	}
	res := vBottom
	for _, a := range w.list(x) {
		n := w.v.elems[a].a
		for _, b := range w.list(y) {
			res = w.join(s, res, w.v.con(int64(aluConst(in.Op, n, w.v.elems[b].a)&mask)))
		}
	}
	return res, true
}

// opOf returns the name that summaries have for an operation.
func opOf(op x86.Op) summary.Op {
	switch op {
	case x86.OpAdd, x86.OpInc:
		return summary.OpAdd
	case x86.OpSub:
		return summary.OpSub
	case x86.OpAnd:
		return summary.OpAnd
	case x86.OpOr:
		return summary.OpOr
	}
	return summary.OpXor
}

// anyArg reports whether x may be what a register held on entry, whole.
func (w *worker) anyArg(x val) bool {
	for _, y := range w.list(x) {
		if e := &w.v.elems[y]; e.k == kArg && e.b == 0 {
			return true
		}
	}
	return false
}

// apply returns the result of an operation of size bytes, 4 or 8, on x and a constant.
func (w *worker) apply(s *state, x elem, op summary.Op, size uint8, n uint64) val {
	mask := ^uint64(0) >> (64 - 8*size)
	switch {
	case x.k == kConst && x.r == 0:
		return w.v.con(int64(op.Apply(x.a, n) & mask))
	case x.k == kLow && x.r >= 4 && size == 4:
		return w.v.con(int64(op.Apply(x.a, n) & mask))
	case x.k == kArg && x.b == 0:
		return w.v.mk(elem{k: kArgOp, r: x.r, a: n & mask, b: int64(op)<<8 | int64(size)})
	case op == summary.OpAnd:
		if v, ok := w.masked(s, w.v.con(int64(n)), mask); ok {
			return v
		}
	}
	return w.join(s, vTop, w.derive(s, w.v.mk(x)))
}

// applyPassed is apply for what is passed as a parameter. The callee may have cut it to 32 bits and
// widened it again first: what that changes is known in its low half alone.
func (w *worker) applyPassed(s *state, x elem, p Param) val {
	if n := p.Op().Apply(x.a, uint64(p.N)); x.k == kConst && p.Size == 8 && x.a >= 1<<31 {
		return w.v.mk(elem{k: kLow, a: n & 0xffffffff, r: 4})
	}
	return w.apply(s, x, p.Op(), p.Size, uint64(p.N))
}

// masked returns what anything may be under a mask.
func (w *worker) masked(s *state, m val, cut uint64) (val, bool) {
	const few = 3
	res := vBottom
	for _, y := range w.list(m) {
		n := w.v.elems[y].a & cut
		if bits.OnesCount64(n) > few {
			return 0, false
		}
		for sub := n; ; sub = (sub - 1) & n {
			res = w.join(s, res, w.v.con(int64(sub)))
			if sub == 0 {
				break
			}
		}
	}
	return res, true
}

// flag handles instructions that make a number of a flag: setcc, and sbb of a register and itself.
func (w *worker) flag(s *state, in *x86.Inst) bool {
	if in.Op == x86.OpSetcc && in.Dst != x86.RegNone && in.Flags&(x86.FlagMem|x86.FlagHigh8) == 0 {
		old := s.r[in.Dst]
		if e := w.v.one(old); e.k == kConst {
			n := e.a &^ 0xff
			s.r[in.Dst] = w.join(s, w.v.con(int64(n)), w.v.con(int64(n|1)))
			return true
		}
		w.use(s, old)
		s.r[in.Dst] = w.join(s, w.v.mk(elem{k: kLow, r: 1}), w.v.mk(elem{k: kLow, a: 1, r: 1}))
		return true
	}
	if in.Flags&x86.FlagMem != 0 {
		return false
	}
	code := w.f.Bytes(in.PC)
	rex := byte(0)
	if code[0]&0xf0 == 0x40 {
		rex, code = code[0], code[1:]
	}
	if (code[0] != 0x19 && code[0] != 0x1b) || code[1] < 0xc0 || code[1]>>3&7 != code[1]&7 || rex>>2&1 != rex&1 {
		return false
	}
	all := int64(1<<32 - 1)
	if rex>>3&1 != 0 {
		all = -1
	}
	s.r[code[1]&7|rex&1<<3] = w.join(s, w.v.con(0), w.v.con(all))
	return true
}

// bounded returns the values of x on the side of a comparison with n, without sign, where it is less: if
// these are few, and it is not known better. taken: that is where the jump goes.
func (w *worker) bounded(s *state, x val, n int64, size uint8, cond uint8) (y val, taken, ok bool) {
	const few = 8
	switch cond {
	case 2, 3: // b, ae
		n--
	case 6, 7: // be, a
	default:
		return 0, false, false
	}
	if n < 0 || n >= few || w.numbers(x) || w.has(x, kSP) || w.has(x, kAddr) {
		return 0, false, false
	}
	for i := range n + 1 {
		if size == 8 {
			y = w.join(s, y, w.v.con(i))
		} else {
			y = w.join(s, y, w.v.mk(elem{k: kLow, a: uint64(i), r: 4}))
		}
	}
	return y, cond == 2 || cond == 6, true
}

// seen says that [off, off+size) of the frame is read in a way that is not followed.
func (w *worker) seen(s *state, off int32, size uint8) {
	if !w.exact {
		return
	}
	for i := range s.st {
		t := &s.st[i]
		s.esc = s.esc || t.sp && t.off < off+int32(size) && off < t.off+int32(t.size)
	}
}

// shown says that any of the frame may be read.
func (w *worker) shown(s *state) {
	if !w.exact {
		return
	}
	for i := range s.st {
		s.esc = s.esc || s.st[i].sp
	}
}

// mayConsume reports whether what a call reaches may consume what is in a register.
func (w *worker) mayConsume(callee uint64, slot bool, r int) bool {
	return w.consumes == nil || w.consumes(callee, slot)>>uint(r)&1 != 0
}

// argless reports whether the code at target is short and does not look at its caller's frame,
// where its arguments on the stack are. What it calls has arguments in its own frame.
func (w *worker) argless(target uint64) bool {
	if b := w.memo.get(target); b&memoArgless != 0 {
		return b&memoArglessValue != 0
	}
	known := uint64(memoArgless)
	t := w.scanArgless(target)
	if t {
		known |= memoArglessValue
	}
	w.memo.add(target, known)
	return t
}

func (w *worker) scanArgless(target uint64) bool {
	const limit = 300
	type place struct {
		pc uint64
		sp int64 // rsp less that on entry
	}
	seen := map[uint64]int64{}
	todo := []place{{target, 0}}
	const sp = 1 << x86.RSP
	var in x86.Inst
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for {
			if old, again := seen[p.pc]; again {
				if old != p.sp {
					return false
				}
				break
			}
			seen[p.pc] = p.sp
			if len(seen) > limit || !w.f.Exec(p.pc) || !x86.Decode(w.f.Bytes(p.pc), p.pc, &in) {
				return false
			}
			if f := w.f.FDEAt(p.pc); f != nil && f.LSDA != 0 {
				return false // landing pads
			}
			mem := in.Flags&x86.FlagMem != 0
			if mem && in.Base == x86.RSP && in.Op != x86.OpLea && (in.Index != x86.RegNone || in.Flags&x86.FlagMemAny != 0 || p.sp+in.Disp+int64(in.MemSize) > 0) {
				return false
			}
			next := p.pc + uint64(in.Len)
			switch in.Op {
			case x86.OpPush:
				if in.Src == x86.RSP {
					return false
				}
				p.sp -= 8
			case x86.OpPop:
				p.sp += 8
			case x86.OpCall, x86.OpCallInd:
				if in.Op == x86.OpCall && uint64(in.Imm) == next {
					return false // to read the program counter
				}
				if f := w.f.FDEAt(p.pc); f != nil && f.End == next || in.Op == x86.OpCall && w.noreturn(uint64(in.Imm), neverDepth) {
					goto done
				}
			case x86.OpNop:
			case x86.OpRet, x86.OpTrap:
				goto done
			case x86.OpJmp:
				next = uint64(in.Imm)
			case x86.OpJcc:
				todo = append(todo, place{uint64(in.Imm), p.sp})
			case x86.OpJmpInd:
				return false
			case x86.OpLea:
				if in.Base == x86.RSP && (in.Index != x86.RegNone || p.sp+in.Disp >= 0 || in.Dst == x86.RSP) {
					return false
				}
			case x86.OpAdd, x86.OpSub:
				if in.Dst == x86.RSP && !mem {
					if in.Flags&x86.FlagImm == 0 || in.Size != 8 {
						return false
					}
					d := in.Imm
					if in.Op == x86.OpSub {
						d = -d
					}
					p.sp += d
					break
				}
				if in.Use&sp != 0 {
					return false
				}
			default:
				if (in.Def|in.Use)&sp != 0 {
					return false
				}
			}
			p.pc = next
		}
	done:
	}
	return true
}
