package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/x86"
)

// What follows is done in exact queries alone: arithmetic on sets of constants, which grow up to
// maxSet, where summaries give them up at once.

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
	if in.Op == x86.OpAnd {
		if !w.numbers(y) {
			x, y = y, x
		}
		if w.numbers(y) && !w.numbers(x) {
			return w.masked(s, y, mask)
		}
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
