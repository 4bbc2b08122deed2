package dataflow

import "github.com/gofind-dev/gofind/internal/x86"

type block struct {
	pred       int32 // last instruction of the only block that leads here directly: noPred, or manyPreds
	next       int32 // block that control falls through to, -1: none
	pc         uint64
	first, end int32 // instructions
	in         int32 // state, -1: not reached
	to         int32 // block with instructions that the direct jump at its end leads to; noJump, or unknown
	visits     uint16
	changed    changes // since it was evaluated
	traffic    traffic
	queued     bool
	fresh      bool   // to be evaluated for other reasons than changed
	bad        bool   // its end is no instruction
	target     bool   // of a jump through a table or to a label
	joint      int32  // hubs that lead to each of its instructions, 0: none
	note       int32  // of its last visit, -1: none
	rank       uint64 // place in the order of evaluation, 0: none yet
}

// Values of block.pred.
const (
	noPred    = -1
	manyPreds = -2
)

// Values of block.to.
const (
	noJump  = -1
	unknown = -2 // not looked for yet, or outside of the function when it was
)

// addPred records that instruction i leads to block b; manyPreds: something that is not a direct transfer does.
func (w *worker) addPred(b, i int32) {
	if b < 0 {
		return
	}
	switch p := &w.blocks[b].pred; *p {
	case i:
	case noPred:
		*p = i
	default:
		*p = manyPreds
	}
}

// instAt returns the index of the decoded instruction at a, or -1.
func (w *worker) instAt(a uint64) int32 {
	if d := a - w.base; d < uint64(len(w.dense)) {
		return w.dense[d] - 1
	}
	if i, ok := w.sparse.get(a); ok {
		return i
	}
	return -1
}

func (w *worker) setInst(a uint64, i int32) {
	if d := a - w.base; d < uint64(len(w.dense)) {
		w.dense[d] = i + 1
		return
	}
	w.sparse.add(a, i)
}

// blockAt returns the block that starts at a, decoding or splitting as needed; -1 if
// there is no code at a.
func (w *worker) blockAt(a uint64) int32 {
	i := w.instAt(a)
	if i < 0 {
		return w.decode(a)
	}
	b := w.instBlk[i]
	if w.blocks[b].first == i {
		return b
	}
	return w.split(b, i)
}

// jumpsTo is blockAt for the target of the direct jump i, which is in the function.
func (w *worker) jumpsTo(i int32, target uint64) int32 {
	if b := w.blocks[w.instBlk[i]].to; b >= 0 {
		return b
	}
	b := w.blockAt(target)
	// blockAt may have split the block of the jump.
	if from := &w.blocks[w.instBlk[i]]; from.to == unknown && b >= 0 && w.blocks[b].end > w.blocks[b].first {
		from.to = b
	}
	return b
}

// split splits block b before instruction i, and returns the block that starts there.
func (w *worker) split(b, i int32) int32 {
	n := int32(len(w.blocks))
	old := &w.blocks[b]
	nb := block{pc: w.insts[i].PC, pred: i - 1, first: i, end: old.end, in: -1, note: -1, next: old.next, to: old.to, bad: old.bad, rank: old.rank}
	old.end, old.next, old.to = i, n, noJump
	old.bad = false
	old.traffic = traffic{}
	reached, joint := old.in >= 0, old.joint
	w.blocks = append(w.blocks, nb)
	for j := i; j < nb.end; j++ {
		w.instBlk[j] = n
	}
	if reached {
		w.enqueue(b)
	}
	if joint != 0 {
		nb := &w.blocks[n]
		nb.joint, nb.target, nb.pred = joint, true, manyPreds
		nb.in = w.states.add(w.states.at(w.joints[joint].in))
		w.enqueue(n)
	}
	return n
}

// decode makes the block that starts at a, where nothing is decoded yet, and those that control
// falls through to from there. It returns -1 if there is no code at a.
func (w *worker) decode(a uint64) int32 {
	first, b := int32(len(w.blocks)), int32(-1)
	for {
		code := w.f.Code(a)
		if len(code) == 0 {
			break
		}
		n := int32(len(w.blocks))
		w.blocks = append(w.blocks, block{pc: a, pred: noPred, next: -1, to: noJump, first: int32(len(w.insts)), in: -1, note: -1})
		w.follow(b, n)
		b = n
		var fall bool
		if a, fall = w.straight(b, a, code); !fall {
			return first
		}
		if w.instAt(a) >= 0 {
			w.follow(b, w.blockAt(a))
			return first
		}
	}
	if b < 0 {
		return -1
	}
	return first
}

// follow notes that control falls through from block b, -1 for none, to block n.
func (w *worker) follow(b, n int32) {
	if b >= 0 {
		w.blocks[b].next = n
		w.addPred(n, w.blocks[b].end-1)
	}
}

// straight decodes the instructions of block b, the last one, from the start of code, which is at pc. It returns
// the address behind them, and whether control may go on there.
func (w *worker) straight(b int32, pc uint64, code []byte) (end uint64, fall bool) {
	bl := &w.blocks[b]
	n := len(w.insts)
	for {
		if n == cap(w.insts) && n < maxInsts {
			w.insts, w.callees = w.insts[:n], w.callees[:n]
			w.room(max(n, 64))
		}
		insts := w.insts[n:min(cap(w.insts), maxInsts)]
		var k, size int
		if d := pc - w.base; d < uint64(len(w.dense)) {
			k, size = inRow(insts, w.dense[d:], int32(n), code, pc)
		} else if w.instAt(pc) < 0 {
			var one [1]int32
			if k, size = inRow(insts, one[:], 0, code, pc); k > 0 {
				w.sparse.add(pc, int32(n))
			}
		}
		n += k
		pc += uint64(size)
		code = code[size:]
		if k == 0 || insts[k-1].Op < x86.OpCall || insts[k-1].Op > x86.OpTrap {
			if w.instAt(pc) >= 0 {
				fall = true
				break
			}
			if k == 0 {
				bl.bad = true
				break
			}
			continue
		}
		in := &insts[k-1]
		switch in.Op {
		case x86.OpCall, x86.OpCallInd:
			// A call that ends the function's range does not return (compilers put
			// nothing behind a noreturn call).
			f := w.fdeAt(in.PC)
			known := &w.callees[:n][n-1]
			*known = 0
			if in.Op == x86.OpCall {
				if w.readsPC(in) {
					continue
				}
				if f == nil || pc != f.End {
					*known = w.callee(uint64(in.Imm))
				}
				if *known&calleeNever != 0 {
					break
				}
			}
			if f == nil || pc != f.End && f.LSDA == 0 {
				continue
			}
			fall = pc != f.End // with a landing pad, perhaps
		case x86.OpJmp:
			bl.to = unknown
		case x86.OpJcc:
			bl.to, fall = unknown, true
		}
		break
	}
	w.insts, w.instBlk, w.callees = w.insts[:n], w.instBlk[:n], w.callees[:n]
	bl.end = int32(n)
	own := w.instBlk[bl.first:]
	for i := range own {
		own[i] = b
	}
	return pc, fall
}

// inRow decodes instructions that follow one another from the start of code, which is at pc, up to one that may do something
// else than go on, one that dense has, or the end of what insts and dense have room for. It enters them in dense, the first
// one as number first plus 1, and returns how many they are, and how many bytes.
func inRow(insts []x86.Inst, dense []int32, first int32, code []byte, pc uint64) (n, size int) {
	dense = dense[:min(len(dense), len(code))]
	for n < len(insts) && size < len(dense) && dense[size] == 0 {
		in := &insts[n]
		if !x86.Decode(code[size:], pc+uint64(size), in) {
			break
		}
		n++
		dense[size] = first + int32(n)
		size += int(in.Len)
		if in.Op >= x86.OpCall && in.Op <= x86.OpTrap {
			break
		}
	}
	return n, size
}

// room makes room for n more instructions. The memory is kept for the units to come.
func (w *worker) room(n int) {
	most := len(w.insts) + n
	w.insts, w.instBlk, w.callees = roomier(w.insts, most), roomier(w.instBlk, most), roomier(w.callees, most)
}

// roomier returns a copy of s with the given capacity. What slices.Grow adds is written to: of the memory
// for a large function most is never used.
func roomier[T any](s []T, most int) []T {
	return append(make([]T, 0, most), s...)
}
