package dataflow

import "github.com/gofind-dev/gofind/internal/x86"

// A note is what the last visit of a block in the fixpoint saw. As the state that a
// block is entered in does not change after that, the emitting pass need not
// evaluate it again: it takes from the note what the block refers to. Only
// the ways out of a block are looked at again, for they depend on what else is known by then.
type note struct {
	from, to      int32    // where what it refers to is in the log
	rets, endRets int32    // and how it ends the unit, among the rets of the notebook
	cmp           compared // by the conditional jump that ends it
	taken, fall   int32    // the conditions of that, and of what is behind the block, when it is emitted
	jumps         bool     // its direct jump was to a block
	stops         bool     // and is always taken
	again         bool     // it has to be evaluated again
	did           deeds    // to the frame
}

// notebook holds the notes of a unit, and what they are of.
type notebook struct {
	log
	notes []note // by block.note
	rets  []ret
	open  bool  // what is referred to is written down: a block is visited, or emitted
	emits bool  // blocks are emitted
	now   *note // of the block that is visited, or none
	none  note
	most  int // entries after which no more are noted
}

// maxNotes is the limit of a notebook: where blocks are evaluated over and
// over, most of what is in it is of visits before the last one.
const maxNotes = 1 << 15

func (n *notebook) reset() {
	n.log.reset()
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
	t.from, t.rets = int32(len(n.noted)), int32(len(n.rets))
	t.jumps, t.stops = false, false
	t.again = len(n.noted) > n.most
	n.open = refs && !t.again
}

// note writes e down.
func (n *notebook) note(e entry) {
	if n.open {
		n.noted = append(n.noted, e)
	}
}

// giveUp says that the block that is visited has to be evaluated again.
func (n *notebook) giveUp() { n.open, n.now.again = n.emits, true }

// close ends the visit. stops: nothing follows the block but where it jumps to. did: what it did to the frame.
func (n *notebook) close(stops bool, did deeds) {
	n.open = false
	n.now.stops, n.now.did = stops, did
	n.now.to, n.now.endRets = int32(len(n.noted)), int32(len(n.rets))
	n.now = &n.none
}

// emit begins the emission, and writes down what is referred to then.
func (n *notebook) emit() {
	n.start()
	n.open, n.emits = true, true
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
		if n.jumps && !w.inside(uint64(last.Imm), last.Op == x86.OpJcc) {
			n.again = true
			return false
		}
	}
	if w.query != nil {
		return true
	}
	w.book.add(n.from, n.to, b)
	for i := n.rets; i < n.endRets; i++ {
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
		if bl.next >= 0 && !n.stops {
			n.fall = w.back(bl.end - 1)
		}
	}
	w.guarded = w.guarded || n.taken|n.fall != 0
	w.landingPads(bl.pc) // which says so if they cannot be read
	return true
}
