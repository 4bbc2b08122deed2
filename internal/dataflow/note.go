package dataflow

import (
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// A note is what the last visit of a block in the fixpoint saw. As the state that a
// block is entered in does not change after that, the emitting pass need not
// evaluate it again: it takes from the note what the block refers to. Only
// the ways out of a block are looked at again, for they depend on what else is known by then.
type note struct {
	refs, passes, kept, rets int32 // where they begin in the logs, and among the rets of the notebook
	end                      noteEnd
	cmp                      compared // by the conditional jump that ends it
	taken, fall              int32    // the conditions of that, and of what is behind the block, when it is emitted
	jumps                    bool     // its direct jump was to a block
	stops                    bool     // and is always taken
	again                    bool     // it has to be evaluated again
	did                      deeds    // to the frame
}

type noteEnd struct{ refs, passes, kept, rets int32 }

// notebook holds the notes of a unit, and what they are of.
type notebook struct {
	notes  []note // by block.note
	refs   log[summary.Ref]
	passes log[summary.ArgPass]
	kept   log[summary.ArgStore]
	rets   []ret
	open   bool  // what is referred to is written down: a block is visited, or emitted
	emits  bool  // blocks are emitted
	now    *note // of the block that is visited, or none
	none   note
	limit  int // entries after which no more are noted
}

// maxNotes is the limit of a notebook: where blocks are evaluated over and
// over, most of what is in it is of visits before the last one.
const maxNotes = 1 << 15

func (n *notebook) reset() {
	n.refs.reset()
	n.passes.reset()
	n.kept.reset()
	n.notes, n.rets, n.now, n.open, n.emits = n.notes[:0], n.rets[:0], &n.none, false, false
}

// begin opens the note of a visit. Without refs it only says whether the block has to be evaluated again.
func (n *notebook) begin(b *block, refs bool) {
	if b.note < 0 {
		b.note = int32(len(n.notes))
		n.notes = append(n.notes, note{})
	}
	t := &n.notes[b.note]
	n.now = t
	at := n.end()
	t.refs, t.passes, t.kept, t.rets = at.refs, at.passes, at.kept, at.rets
	t.jumps, t.stops = false, false
	t.again = int(at.refs+at.passes+at.kept) > n.limit
	n.open = refs && !t.again
}

func (n *notebook) end() noteEnd {
	return noteEnd{int32(len(n.refs.noted)), int32(len(n.passes.noted)), int32(len(n.kept.noted)), int32(len(n.rets))}
}

// giveUp says that the block that is visited has to be evaluated again.
func (n *notebook) giveUp() { n.open, n.now.again = n.emits, true }

// close ends the visit. stops: nothing follows the block but where it jumps to. did: what it did to the frame.
func (n *notebook) close(stops bool, did deeds) {
	n.open = false
	n.now.stops, n.now.did = stops, did
	n.now.end = n.end()
	n.now = &n.none
}

// emit begins the emission, and writes down what is referred to then.
func (n *notebook) emit() {
	n.refs.start()
	n.passes.start()
	n.kept.start()
	n.open, n.emits = true, true
}

// emitted says that what was written down since the last time is of block blk.
func (n *notebook) emitted(blk int32) {
	n.refs.emitted(blk)
	n.passes.emitted(blk)
	n.kept.emitted(blk)
}

// recall emits block b from its note. It reports false if it has to be evaluated.
func (w *worker) recall(b int32) bool {
	bl := &w.blocks[b]
	if bl.note < 0 {
		return false
	}
	n := &w.book.notes[bl.note]
	if n.again {
		return false
	}
	var last *x86.Inst
	if bl.end > bl.first {
		last = &w.insts[bl.end-1]
		if (n.jumps || last.Op == x86.OpJmp) && n.jumps != w.inside(uint64(last.Imm), last.Op == x86.OpJcc) {
			n.again = true
			return false
		}
	}
	if w.query != nil {
		return true
	}
	w.book.refs.add(n.refs, n.end.refs, b)
	w.book.passes.add(n.passes, n.end.passes, b)
	w.book.kept.add(n.kept, n.end.kept, b)
	for i := n.rets; i < n.end.rets; i++ {
		r := w.book.rets[i]
		r.blk = b
		w.rets = append(w.rets, r)
	}
	n.taken, n.fall = 0, 0
	if last == nil {
		return true
	}
	switch last.Op {
	case x86.OpJcc:
		n.taken, n.fall = w.guards(&n.cmp, last)
	case x86.OpCall, x86.OpCallInd:
		n.fall = w.back(bl.end - 1)
	}
	w.landingPads(bl.pc) // which says so if they cannot be read
	return true
}
