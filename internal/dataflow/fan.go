package dataflow

// A fan is the places that all jumps which are not resolved go to, with what they brought there. Such jumps are evaluated
// often, and mostly bring nothing new: only what is new goes to the places, which are not looked for again
// while no more of the code is known.
type fan struct {
	to    []uint64
	found bool // what looking for them reported
	known known
	in    int32 // state that was brought there
}

// known is what the places of a fan depend on: the instructions that were decoded and the tables that were read by then.
type known struct{ insts, tables int }

func (w *worker) knows() known { return known{len(w.insts), len(w.tables)} }

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
