package dataflow

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
)

// A hub knows what was joined into the states of all instructions of a range, to which many jumps of unrolled code may
// lead. Registers are joined one by one, and joining a value again changes nothing, so only those go there
// whose value did not go there before.
type hub struct {
	code      image.Range
	seen      [16][]val
	esc, lost bool
	frames    [][]slot
}

// Entries after which a hub takes no more.
const (
	hubVals   = 64
	hubFrames = 8
)

// hub returns the hub of a range of code.
func (w *worker) hub(r image.Range) *hub {
	for i := range w.hubs {
		if w.hubs[i].code == r {
			return &w.hubs[i]
		}
	}
	w.hubs = append(w.hubs, hub{code: r})
	return &w.hubs[len(w.hubs)-1]
}

// unseen returns the registers of s that have values that are new. all: something else is, too.
func (h *hub) unseen(s *state) (regs uint16, all bool) {
	for r, x := range s.r {
		if !slices.Contains(h.seen[r], x) {
			regs |= 1 << uint(r)
		}
	}
	return regs, s.esc && !h.esc || s.lost && !h.lost || !h.framed(s)
}

// framed reports whether the frame of s went there before.
func (h *hub) framed(s *state) bool {
	return slices.ContainsFunc(h.frames, func(f []slot) bool { return slices.Equal(f, s.st) })
}

// add notes that s, or some registers of it, was joined into the states of the range.
func (h *hub) add(s *state, regs uint16, all bool) {
	for r, x := range s.r {
		if regs>>uint(r)&1 != 0 && len(h.seen[r]) < hubVals {
			h.seen[r] = append(h.seen[r], x)
		}
	}
	if all {
		h.esc, h.lost = h.esc || s.esc, h.lost || s.lost
		if len(h.frames) < hubFrames && !h.framed(s) {
			h.frames = append(h.frames, slices.Clone(s.st))
		}
	}
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
