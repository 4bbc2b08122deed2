package reach

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
)

// await makes w happen once what a call reaches consumes a register of its mask. It
// returns false if that is not all known.
func (g *Graph) await(img int, a uint64, slot bool, w waiter) bool {
	if !slot {
		id, ok := g.ids[img].find(a)
		if !ok {
			if id, ok = g.code(img, a, cause{}); !ok {
				return false
			}
		}
		g.wait(id, w)
		return true
	}
	if rs := g.Members[img].relocsIn(a, a+8); len(rs) == 1 && rs[0].Addr == a && rs[0].Type == rIRel {
		return g.awaitChoice(img, rs[0].Addend, w)
	}
	if to, ok := g.Members[img].pointsTo(a); ok {
		g.wait(g.unit(img, to, cause{how: Slot}, ""), w)
		return true
	}
	var buf [4]process.Target
	ts, known := g.bound(img, a, buf[:0])
	if !known || slices.ContainsFunc(ts, func(t process.Target) bool {
		s := g.Members[t.Image].Symbol(t.Sym)
		return s.Type != sttFunc && (s.Type != sttIFunc || len(g.choices(t.Image, s.Value)) == 0)
	}) {
		return false
	}
	for _, t := range ts {
		if s := g.Members[t.Image].Symbol(t.Sym); s.Type == sttIFunc {
			g.awaitChoice(t.Image, s.Value, w)
		} else if g.Members[t.Image].Exec(s.Value) {
			g.wait(g.unit(t.Image, s.Value, cause{how: Slot}, ""), w)
		}
	}
	return true
}

// awaitChoice is await for what an IFUNC resolver chooses. What it may choose need not be live yet.
func (g *Graph) awaitChoice(img int, resolver uint64, w waiter) bool {
	l := g.choices(img, resolver)
	for _, a := range l {
		if id, ok := g.ids[img].find(a); ok {
			g.wait(id, w)
		} else {
			at := Place{img, a}
			g.unborn[at] = append(g.unborn[at], w)
		}
	}
	return len(l) > 0
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
