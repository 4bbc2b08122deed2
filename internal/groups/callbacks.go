package groups

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// kind says what a function does with the functions that it is given.
type kind uint8

const (
	starts  kind = iota + 1 // calls main
	borrows                 // calls them for its caller alone
)

//go:embed facts.txt
var textFacts string

var known = sync.OnceValue(func() map[string]kind {
	out := map[string]kind{}
	facts.MustParse("facts.txt", textFacts, 3, func(f []string) error {
		k, ok := map[string]kind{"starts": starts, "borrows": borrows}[f[0]]
		if !ok {
			return fmt.Errorf("there is no kind %q", f[0])
		}
		out[f[1]] = k
		return nil
	})
	return out
})

// pointed says which functions anybody may call who goes through a pointer, and which only some.
type pointed struct {
	visible  []reach.UnitID
	borrowed map[reach.UnitID][]reach.UnitID // by who hands them to a function that calls them for it alone
}

// callbacks finds the functions that are called through pointers. Visible are those whose address something in the process holds, but for
//
//   - initialisers of the files that are there from the start, and main: they are called once, when no group has begun;
//   - a function whose address only one unit forms, to pass it directly to functions of the C library that borrow it.
//
// Finalisers are visible: exit runs them, whoever calls it.
func callbacks(g *reach.Graph) pointed {
	var p pointed
	p.borrowed = map[reach.UnitID][]reach.UnitID{}
	by := map[reach.UnitID]kind{}
	for name, k := range known() {
		for _, t := range g.P.LookupAll(name, nil) {
			m := g.Members[t.Image]
			if slices.Contains(transparentByDefault, m.Soname) {
				if id, ok := g.Lookup(t.Image, m.Symbol(t.Sym).Value); ok {
					by[id] = k
				}
			}
		}
	}
	for i := 1; i < g.NumUnits(); i++ {
		id := reach.UnitID(i)
		u := g.Unit(id)
		if !g.Live(id) || !g.Entered(id) && u.How != reach.Resolver || entry(g, u) {
			continue
		}
		taker, how, once := g.TakenOnce(id)
		switch {
		case !once:
		case how == reach.Root && taker == 0:
			if why := g.Why(id); (why == "DT_INIT" || why == "DT_INIT_ARRAY" || why == "DT_PREINIT_ARRAY") && atStart(g.Members[u.Image].Origin) {
				continue
			}
		case how == reach.Address && taker != 0 && g.Live(taker) && g.Unit(taker).Image == u.Image:
			switch k := passedTo(g, taker, u.Entry, by); {
			case k == starts && entry(g, g.Unit(taker)):
				continue
			case k == borrows:
				p.borrowed[taker] = append(p.borrowed[taker], id)
				continue
			}
		}
		p.visible = append(p.visible, id)
	}
	return p
}

// atStart reports whether files of an origin are initialised before the program's entry.
func atStart(o process.Origin) bool {
	return o == process.OriginProgram || o == process.OriginNeeded || o == process.OriginPreload || o == process.OriginLoader
}

// passedTo returns what all functions do that a unit passes an address of its file to, 0 if it does anything else with it.
func passedTo(g *reach.Graph, id reach.UnitID, addr uint64, by map[reach.UnitID]kind) kind {
	var all kind
	refs := g.Unit(id).Sum.Refs
	for i := range refs {
		r := &refs[i]
		if r.A != addr && (r.Kind != summary.RefStore || r.B != addr) {
			continue
		}
		call := summary.Ref{Kind: summary.RefCode, A: r.B}
		switch r.Kind {
		case summary.RefCode:
			continue // it calls it
		case summary.RefPass:
		case summary.RefPassSlot:
			call.Kind = summary.RefCallSlot
		default:
			return 0
		}
		callees := g.Callees(id, &call, nil)
		if len(callees) == 1 && stub(g, callees[0]) {
			callees = calleesOf(g, callees[0])
		}
		if len(callees) == 0 {
			return 0
		}
		for _, c := range callees {
			if k := by[c]; k == 0 || all != 0 && k != all {
				return 0
			}
			all = by[c]
		}
	}
	return all
}

// calleesOf returns what a stub goes to.
func calleesOf(g *reach.Graph, id reach.UnitID) []reach.UnitID {
	var out []reach.UnitID
	refs := g.Unit(id).Sum.Refs
	for i := range refs {
		if r := &refs[i]; r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot {
			out = g.Callees(id, r, out)
		}
	}
	return out
}

// stub reports whether a unit is in a procedure linkage table.
func stub(g *reach.Graph, id reach.UnitID) bool {
	u := g.Unit(id)
	s := g.Members[u.Image].Section(u.Entry)
	return s != nil && strings.HasPrefix(s.Name, ".plt")
}
