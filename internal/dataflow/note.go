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
	refs, passes, kept, rets int32 // where they begin in the lists of the notebook
	end                      noteEnd
	cmp                      int32 // in the notebook, the registers at the conditional jump that ends it
	jumps                    bool  // its direct jump was to a block
	stops                    bool  // and is always taken
	again                    bool  // it has to be evaluated again
}

type noteEnd struct{ refs, passes, kept, rets int32 }

// notebook holds the notes of a unit.
type notebook struct {
	notes  []note // by block.note
	refs   []summary.Ref
	passes []summary.ArgPass
	kept   []summary.ArgStore
	rets   []ret
	cmps   [][16]val
	open   bool  // a block is visited
	now    *note // of that block, or none
	none   note
	limit  int // entries after which no more are noted
}

// maxNotes is the limit of a notebook: where blocks are evaluated over and
// over, most of what is in it is of visits before the last one.
const maxNotes = 1 << 15

func (n *notebook) reset() {
	n.notes, n.refs, n.passes, n.kept, n.rets, n.cmps = n.notes[:0], n.refs[:0], n.passes[:0], n.kept[:0], n.rets[:0], n.cmps[:0]
	n.now = &n.none
}

// begin opens the note of a visit. Without refs it only says whether the block has to be evaluated again.
func (n *notebook) begin(b *block, refs bool) {
	if b.note < 0 {
		b.note = int32(len(n.notes))
		n.notes = append(n.notes, note{cmp: -1})
	}
	t := &n.notes[b.note]
	n.now = t
	t.refs, t.passes, t.kept, t.rets = int32(len(n.refs)), int32(len(n.passes)), int32(len(n.kept)), int32(len(n.rets))
	t.jumps, t.stops = false, false
	t.again = len(n.refs)+len(n.passes)+len(n.kept)+len(n.cmps) > n.limit
	n.open = refs && !t.again
}

// giveUp says that the block that is visited has to be evaluated again.
func (n *notebook) giveUp() { n.open, n.now.again = false, true }

// close ends the visit. stops: nothing follows the block but where it jumps to.
func (n *notebook) close(stops bool) {
	n.open = false
	n.now.stops = stops
	n.now.end = noteEnd{int32(len(n.refs)), int32(len(n.passes)), int32(len(n.kept)), int32(len(n.rets))}
	n.now = &n.none
}

// compare notes the registers at the conditional jump that ends the block.
func (n *notebook) compare(r *[16]val) {
	if !n.open {
		return
	}
	if n.now.cmp < 0 {
		n.now.cmp = int32(len(n.cmps))
		n.cmps = append(n.cmps, *r)
	} else {
		n.cmps[n.now.cmp] = *r
	}
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
			return false
		}
	}
	if w.query != nil {
		return true
	}
	for i := n.refs; i < n.end.refs; i++ {
		w.refs.add(&w.book.refs[i], b)
	}
	for i := n.passes; i < n.end.passes; i++ {
		w.passes.add(&w.book.passes[i], b)
	}
	for i := n.kept; i < n.end.kept; i++ {
		w.kept.add(&w.book.kept[i], b)
	}
	for _, r := range w.book.rets[n.rets:n.end.rets] {
		r.blk = b
		w.rets = append(w.rets, r)
	}
	taken := int32(0)
	if last != nil && last.Op == x86.OpJcc {
		taken, w.fall = w.guards(&w.book.cmps[n.cmp], bl.end-1, last)
	}
	if n.jumps && bl.to >= 0 {
		w.links = append(w.links, link{b, bl.to, taken})
	}
	if last != nil && (last.Op == x86.OpCall && !w.readsPC(last) || last.Op == x86.OpCallInd) {
		w.linkPads(last)
	}
	w.leave(b, n.stops)
	return true
}
