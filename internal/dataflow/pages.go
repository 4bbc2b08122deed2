package dataflow

// pageStates are so many states as make a few dozen KB.
const pageStates = 32

// states are the entry states of the blocks of a unit, in pages that stay where they are: large functions
// have thousands of them of more than a kilobyte each, of which growing slices would make copies and garbage.
type states struct {
	pages []*[pageStates]state
	n     int32
}

func (p *states) at(i int32) *state { return &p.pages[i/pageStates][i%pageStates] }

// add adds a state like s, and returns its number.
func (p *states) add(s *state) int32 {
	i := p.n
	if int(i/pageStates) == len(p.pages) {
		p.pages = append(p.pages, new([pageStates]state))
	}
	p.n++
	p.at(i).set(s)
	return i
}
