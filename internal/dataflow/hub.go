package dataflow

import (
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// A jump to a place in code plus something unknown (unrolled loops of hand-written code) may go to every instruction behind
// it, of which there may be thousands, and there may be dozens of such jumps. Two things make that cheap:
//
//   - What the jumps to a range bring is joined first, in its hub. Only what that changes goes on.
//   - Blocks are not split at all these instructions. Instead what the hub has is joined in before each one
//     when the block is evaluated (walkJoint), and for what looks back from an instruction, nothing is before it (lead).

// A hub stands for all instructions of a range.
type hub struct {
	code  image.Range
	whole bool  // there are instructions up to its end
	in    int32 // state, -1: not reached
}

// maxHubs is a budget, like those of unit.go: as many as a joint has bits.
const maxHubs = 64

// A joint is the hubs of some blocks. The first one is none.
type joint struct {
	hubs uint64 // one bit each
	in   int32  // state that they bring together
}

// hub returns the hub of a range of code.
func (w *worker) hub(r image.Range) int32 {
	for i := range w.hubs {
		if w.hubs[i].code == r {
			return int32(i)
		}
	}
	w.hubs = append(w.hubs, hub{code: r, whole: w.decodes(r), in: -1})
	return int32(len(w.hubs) - 1)
}

// decodes reports whether linear decoding of a range finds instructions up to its end.
func (w *worker) decodes(r image.Range) bool {
	for pc := r.Start; pc < r.End; {
		n, ok := w.lenAt(pc)
		if !ok {
			return false
		}
		pc += uint64(n)
	}
	return true
}

// lenAt returns the length of the instruction at pc, if there is one.
func (w *worker) lenAt(pc uint64) (uint8, bool) {
	if i := w.instAt(pc); i >= 0 {
		return w.insts[i].Len, true
	}
	var in x86.Inst
	ok := x86.Decode(w.f.Bytes(pc), pc, &in)
	return in.Len, ok
}

// gather joins s into the state of hub h, and lets what that changes go on to its code.
func (w *worker) gather(h int32, s *state) {
	hub := &w.hubs[h]
	c := inFlags // as well as all else
	if hub.in < 0 {
		hub.in = w.states.add(s)
	} else if c = w.merge(w.states.at(hub.in), s); c == 0 {
		return
	}
	s = &w.gathered
	s.set(w.states.at(hub.in))
	for j := range w.joints {
		if w.joints[j].hubs>>uint(h)&1 != 0 {
			w.merge(w.states.at(w.joints[j].in), s)
		}
	}
	for pc := hub.code.Start; pc < hub.code.End; {
		n, ok := w.lenAt(pc)
		if !ok {
			break
		}
		if b := w.starts(pc); b >= 0 && c&inFlags == 0 {
			w.flowSome(b, s, c)
		} else {
			w.flowTo(pc, s)
		}
		if b := w.starts(pc); b >= 0 {
			w.connectTo(h, b)
			w.again(b, c) // even if its entry state has that: it comes in later, too
			pc = w.endOf(&w.blocks[b])
		} else {
			pc += uint64(n) // there is no code
		}
	}
}

// starts returns the block that starts at pc, -1 if there is none.
func (w *worker) starts(pc uint64) int32 {
	if i := w.instAt(pc); i >= 0 && w.blocks[w.instBlk[i]].first == i {
		return w.instBlk[i]
	}
	return -1
}

// connectTo makes all instructions of block b which are in the range of hub h places that it leads to.
func (w *worker) connectTo(h, b int32) {
	bl := &w.blocks[b]
	if w.joints[bl.joint].hubs>>uint(h)&1 != 0 {
		return
	}
	for i := bl.first; i < bl.end; i++ {
		if w.insts[i].PC >= w.hubs[h].code.End {
			w.split(b, i)
			bl = &w.blocks[b]
			break
		}
	}
	bl.joint = w.jointOf(bl.joint, h)
	bl.traffic = traffic{}
	w.enqueue(b)
}

// jointOf returns the joint of some hubs: hub h and those of joint rest.
func (w *worker) jointOf(rest, h int32) int32 {
	hubs := w.joints[rest].hubs | 1<<uint(h)
	for j := range w.joints {
		if w.joints[j].hubs == hubs {
			return int32(j)
		}
	}
	in := w.states.add(w.states.at(w.hubs[h].in))
	if rest != 0 {
		w.merge(w.states.at(in), w.states.at(w.joints[rest].in))
	}
	w.joints = append(w.joints, joint{hubs, in})
	return int32(len(w.joints) - 1)
}

// walkJoint is walk for a block at each instruction of which what the hubs of joint j bring comes in. Its entry state has that.
func (w *worker) walkJoint(s *state, j, first int32, insts []x86.Inst) {
	in := w.joints[j].in
	var before state
	for i := range insts {
		before.r, before.st = s.r, s.st
		w.walk(s, first+int32(i), insts[i:i+1])
		switch {
		case i == len(insts)-1:
			return
		case w.stop:
			w.stop = false
			s.set(w.states.at(in))
		default:
			w.comeIn(s, w.states.at(in), &before)
		}
	}
}

// comeIn joins t into s, the state of a block that is evaluated: what is not as it was before, when t was in it.
func (w *worker) comeIn(s, t, before *state) {
	w.mergeSome(s, t, changes(s.differs(before)))
	s.esc, s.lost = s.esc || t.esc, s.lost || t.lost
	if s.own || len(s.st) != len(before.st) || len(s.st) > 0 && &s.st[0] != &before.st[0] {
		w.states.share(s)
		w.mergeFrame(s, t)
	}
}

// lead returns the first of the instructions that lead in a straight line to instruction i, and from nowhere else.
func (w *worker) lead(i int32) int32 {
	if b := &w.blocks[w.instBlk[i]]; b.joint == 0 {
		return b.first
	}
	return i
}

// flowSome joins some of s into the entry state of block b, which is reached.
func (w *worker) flowSome(b int32, s *state, which changes) {
	bl := &w.blocks[b]
	w.coarse = bl.visits > patience
	c := w.mergeSome(w.states.at(bl.in), s, which)
	w.coarse = false
	if c != 0 {
		w.again(b, c)
	}
}
