package gate

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// togetherBut is together where functions of some names may call the unit by way of variables of Go that have it and that no others
// refer to. Of other calls only what the caller itself passes counts.
func (k *Keeper) togetherBut(g *reach.Graph, id reach.UnitID, n *need) bool {
	if g.Unit(id).Taken && !k.lent(g, id, strings.Split(n.but, ",")) {
		return true
	}
	for _, e := range g.Callers(id) {
		if !slices.ContainsFunc(n.bits, func(b bits) bool { return neverPassed(g, id, e, b) }) {
			return true
		}
	}
	return false
}

// neverPassed reports whether a caller never passes what is asked of an argument, or is the function itself, which
// begins again with what it got once it has more stack.
func neverPassed(g *reach.Graph, id reach.UnitID, e reach.Edge, b bits) bool {
	answers := g.Query(e.Unit, e.At, dataflow.Param{Kind: summary.Arg, Reg: uint8(b.reg)})
	return len(answers) > 0 && !slices.ContainsFunc(answers, func(p dataflow.Passed) bool {
		par, may := b.decide(p.Values)
		return may || par != nil && (e.Unit != id || par.Kind != summary.Arg || par.Reg != uint8(b.reg))
	})
}

// lent reports whether nothing has the address of a unit but function values in variables that live functions of some names refer to,
// and no others.
func (k *Keeper) lent(g *reach.Graph, id reach.UnitID, names []string) bool {
	img, entry := g.Unit(id).Image, g.Unit(id).Entry
	var variables []uint64
	values := g.Holders(img, image.Range{Start: entry, End: entry + 1}) // Go's function values are pointers to such words
	for _, v := range values {
		variables = append(variables, g.Holders(img, image.Range{Start: v, End: v + 8})...)
	}
	for _, v := range variables {
		if len(g.Holders(img, image.Range{Start: v, End: v + 8})) > 0 {
			return false
		}
	}
	known := make([]bool, len(variables))
	for u := reach.UnitID(1); int(u) < g.NumUnits(); u++ {
		sum := g.Full(u)
		if sum == nil {
			continue // looked at again once it is analysed
		}
		if g.Unit(u).Image != img {
			continue
		}
		ours := k.owned(img).is(g.Unit(u).Entry, names)
		other := false
		for i := range sum.Refs {
			r := &sum.Refs[i]
			places(r, func(a uint64) {
				v := slices.Index(variables, a)
				if v >= 0 && ours {
					known[v] = true
				}
				direct := r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot
				other = other || v >= 0 && !ours || slices.Contains(values, a) || a == entry && !direct
			})
		}
		if other {
			return false
		}
	}
	return len(variables) > 0 && !slices.Contains(known, false)
}
