package dataflow

// pageStates are so many states as make a dozen KB; pageSlots are as many words.
const (
	pageStates = 128
	pageSlots  = 1024
)

// maxFrames are the pages of words that the frames of one unit may take: a budget, like those of unit.go.
const maxFrames = 1 << 12

// states are the entry states of the blocks of a unit, in pages that stay where they are: large functions
// have thousands of them, of which growing slices would make copies and garbage. So are the frames that they share.
type states struct {
	pages  []*[pageStates]state
	n      int32
	frames []*[pageSlots]slot
	page   int // of frames, that is in use
	used   int // words of it
}

func (p *states) reset() { p.n, p.page, p.used = 0, 0, 0 }

func (p *states) at(i int32) *state { return &p.pages[i/pageStates][i%pageStates] }

// add adds a state like s, and returns its number.
func (p *states) add(s *state) int32 {
	p.share(s)
	i := p.n
	if int(i/pageStates) == len(p.pages) {
		p.pages = append(p.pages, new([pageStates]state))
	}
	p.n++
	p.at(i).set(s)
	return i
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
