package reach

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
)

// reached is what a call leads to, as far as what is passed to it is asked about.
type reached struct {
	asked     bool // about what follows
	at        uint64
	slot      bool
	known     bool // all of it
	units     []UnitID
	resolvers []Place // of IFUNCs: what they may choose
}

// await makes w happen once what a call reaches consumes a register of its mask. It
// returns false if that is not all known.
func (g *Graph) await(img int, a uint64, slot bool, w waiter) bool {
	r := &g.reached
	if !g.reach(r, img, a, slot) {
		return false
	}
	for _, id := range r.units {
		g.want(id, w.mask)
	}
	for _, p := range r.resolvers {
		for _, a := range g.choices(p.Image, p.Addr) {
			if id, ok := g.ids[p.Image].find(a); ok {
				g.want(id, w.mask)
			}
		}
	}
	g.settle()
	g.tell(r, w)
	return true
}

// tell makes w happen once what a call reaches consumes a register of its mask.
func (g *Graph) tell(r *reached, w waiter) {
	for _, id := range r.units {
		g.wait(id, w)
	}
	for _, p := range r.resolvers {
		g.awaitChoice(p, w)
	}
}

// reach makes r what a call leads to, and its units live. It reports whether that is all known.
func (g *Graph) reach(r *reached, img int, a uint64, slot bool) bool {
	if !r.asked || r.at != a || r.slot != slot { // most often it is the call of the pass before
		g.lead(r, img, a, slot)
	}
	return r.known
}

// lead is reach for a call that r is not of.
func (g *Graph) lead(r *reached, img int, a uint64, slot bool) {
	r.asked, r.at, r.slot, r.known = true, a, slot, false
	r.units, r.resolvers = r.units[:0], r.resolvers[:0]
	if !slot {
		id, ok := g.ids[img].find(a)
		if !ok {
			id, ok = g.code(img, a, cause{})
		}
		if ok {
			r.units = append(r.units, id)
		}
		r.known = ok
		return
	}
	m := g.Members[img]
	x := m.relocOf(a)
	if x != nil && x.Type == rIRel {
		r.resolvers = append(r.resolvers, Place{img, x.Addend})
		r.known = len(g.choices(img, x.Addend)) > 0
		return
	}
	if to, ok := m.pointsTo(a, x); ok {
		r.units = append(r.units, g.unit(img, to, cause{how: Slot}, ""))
		r.known = true
		return
	}
	sym := boundBy(x)
	if sym == 0 {
		return
	}
	ts := g.Resolve(img, sym)
	for _, t := range ts {
		s := g.Members[t.Image].Symbol(t.Sym)
		if s.Type != sttFunc && (s.Type != sttIFunc || len(g.choices(t.Image, s.Value)) == 0) {
			return
		}
	}
	for _, t := range ts {
		if s := g.Members[t.Image].Symbol(t.Sym); s.Type == sttIFunc {
			r.resolvers = append(r.resolvers, Place{t.Image, s.Value})
		} else if g.Members[t.Image].Exec(s.Value) {
			r.units = append(r.units, g.unit(t.Image, s.Value, cause{how: Slot}, ""))
		}
	}
	r.known = true
}

// awaitChoice is tell for what an IFUNC resolver chooses. What it may choose need not be live yet.
func (g *Graph) awaitChoice(resolver Place, w waiter) {
	for _, a := range g.choices(resolver.Image, resolver.Addr) {
		if id, ok := g.ids[resolver.Image].find(a); ok {
			g.wait(id, w)
		} else {
			at := Place{resolver.Image, a}
			g.unborn[at] = append(g.unborn[at], w)
		}
	}
}

// choices returns the functions that an IFUNC resolver may choose: those whose addresses it and what
// it calls form. There are none if there may be others: it calls other files, or reads pointers to code.
func (g *Graph) choices(img int, resolver uint64) []uint64 {
	at := Place{img, resolver}
	l, known := g.chosen[at]
	if !known {
		l = g.choose(img, resolver)
		g.chosen[at] = l
	}
	return l
}

func (g *Graph) choose(img int, resolver uint64) []uint64 {
	const limit = 16 // functions that a resolver may call
	m := g.Members[img]
	var out []uint64
	units := []uint64{resolver}
	for i := 0; i < len(units); i++ {
		if i == limit || !m.Exec(units[i]) {
			return nil
		}
		sum := g.analyser(0, img).Unit(units[i])
		if len(sum.More().Gaps) > 0 {
			return nil
		}
		for k := range sum.Refs {
			switch r := &sum.Refs[k]; r.Kind {
			case summary.RefCode:
				if !slices.Contains(units, r.A) {
					units = append(units, r.A)
				}
			case summary.RefAddr:
				switch {
				case !m.Exec(r.A):
				case r.Off != 0:
					return nil
				case !slices.Contains(out, r.A):
					out = append(out, r.A)
				}
			case summary.RefRead:
				for _, x := range m.relocsIn(r.A, r.A+uint64(r.Size)) {
					if x.Sym == 0 && m.Exec(x.Addend) || x.Sym != 0 && m.Symbol(int(x.Sym)).Type != sttObject {
						return nil
					}
				}
			case summary.RefCallSlot, summary.RefTable, summary.RefPass, summary.RefPassSlot:
				return nil
			}
		}
	}
	return out
}
