package dataflow

// A fan is the places that a jump through a table goes to, or all jumps that are not resolved, with what they brought
// there. Such jumps are evaluated often, and mostly bring nothing new: only what is new goes to the places, which
// are not looked for again while no more of the code is known.
type fan struct {
	to    []uint64
	found bool // what looking for them reported
	known known
	in    int32 // state that was brought there
}

// known is what the places of a fan depend on.
type known struct {
	insts, tables int // decoded by then, and read
	table         val // of a jump through it
	n             int // entries
	bounded       bool
}

// fanOf returns the fan of the jump at pc.
func (w *worker) fanOf(pc uint64) *fan {
	i, ok := w.fanAt.get(pc)
	if !ok {
		n := len(w.fans)
		if n == cap(w.fans) {
			w.fans = append(w.fans, fan{})
		}
		w.fans = w.fans[:n+1]
		w.fans[n].known = known{}
		i = int32(n)
		w.fanAt.add(pc, i)
	}
	return &w.fans[i]
}

// bring flows s to the places of f, if they are what k is of. It reports whether they are.
func (w *worker) bring(f *fan, k known, s *state) bool {
	if f.known != k || w.plain || w.final {
		f.to = f.to[:0]
		return false
	}
	in := w.states.at(f.in)
	c := w.merge(in, s)
	if c == 0 {
		return true
	}
	s = &w.gathered
	s.set(in)
	for _, t := range f.to {
		if b := w.starts(t); b >= 0 && c&inFlags == 0 {
			w.flowSome(b, s, c)
		} else {
			w.flowTo(t, s)
		}
	}
	return true
}

// brought notes that s was brought to all places of f, which were looked for when k was known.
func (w *worker) brought(f *fan, k known, s *state, found bool) {
	if !w.plain && !w.final {
		f.known, f.found, f.in = k, found, w.states.add(s)
	}
}
