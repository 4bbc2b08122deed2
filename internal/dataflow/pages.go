package dataflow

import "slices"

// pageSlots are so many words as make a dozen KB, and maxFrames are the pages of them that the frames of one
// unit may take: a budget, like those of unit.go.
const (
	pageSlots = 1024
	maxFrames = 1 << 12
)

// states are the entry states of the blocks of a unit, and the frames that they share, in pages that stay where they are.
type states struct {
	all    []state
	frames []*[pageSlots]slot
	page   int // of frames, that is in use
	used   int // words of it
}

func (p *states) reset() { p.all, p.page, p.used = p.all[:0], 0, 0 }

// at returns state i, which stays there until another one is added.
func (p *states) at(i int32) *state { return &p.all[i] }

// add adds a state like s, and returns its number.
func (p *states) add(s *state) int32 {
	p.share(s)
	n := len(p.all)
	if n == cap(p.all) {
		p.all = slices.Grow(p.all, max(n, 64)) // for the units to come too
	}
	p.all = p.all[:n+1]
	p.all[n].set(s)
	return int32(n)
}

// share lets other states have the frame of s.
func (p *states) share(s *state) {
	if s.own {
		s.st, s.own = p.frame(s.st), false
	}
}

// frame returns a frame like st that does not change.
func (p *states) frame(st []slot) []slot {
	if p.used+len(st) > pageSlots {
		p.page++
		p.used = 0
	}
	if p.page == len(p.frames) {
		p.frames = append(p.frames, new([pageSlots]slot))
	}
	f := p.frames[p.page][p.used : p.used+len(st) : p.used+len(st)]
	p.used += len(st)
	copy(f, st)
	return f
}
