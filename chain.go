package gofind

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/fresh"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
)

// chains holds a shortest way from a root to every live unit, along direct calls
// and the first reference that took each unit's address. Roots come in groups:
// what the first group leads to hangs on that, then the second, and so on. So a
// chain begins at the program's entry if it can, and passes through files that
// are loaded at run time only if it must.
type chains struct {
	from  []reach.UnitID // the unit before, 0 for a root
	by    []uint32       // its place in words
	depth []int32        // 0: not reached
	words []string       // reasons
}

// how says why a unit follows the one before, or is a root.
func (c *chains) how(id reach.UnitID) string { return c.words[c.by[id]] }

// source is a group of roots. Units of files that are loaded at run time wait for
// the first group that is late.
type source struct {
	roots []root
	late  bool
}

type root struct {
	id  reach.UnitID
	how string
}

func newChains(g *reach.Graph, calls *reach.Forward, sources []source) *chains {
	n := g.NumUnits()
	c := &chains{from: fresh.Make[reach.UnitID](n), by: fresh.Make[uint32](n), depth: fresh.Make[int32](n)}
	for h := reach.Root; h <= reach.Symbol; h++ {
		c.words = append(c.words, h.String())
	}
	taken, next := fresh.Make[reach.UnitID](n), fresh.Make[reach.UnitID](n) // by the unit that first refers to them: the first, and by unit the next
	for id := reach.UnitID(n - 1); id > 0; id-- {
		if p := g.Unit(id).Parent; p != 0 {
			next[id], taken[p] = taken[p], id
		}
	}
	type step struct {
		id, from reach.UnitID
		by       uint32
	}
	var queue []reach.UnitID
	var waiting []step
	late := false
	add := func(id, from reach.UnitID, by uint32) {
		switch {
		case c.depth[id] != 0:
		case !late && loadedLate(g, id):
			waiting = append(waiting, step{id, from, by})
		default:
			c.depth[id], c.from[id], c.by[id] = c.depth[from]+1, from, by
			queue = append(queue, id)
		}
	}
	for _, s := range sources {
		late = late || s.late
		if late {
			for _, w := range waiting {
				add(w.id, w.from, w.by)
			}
			waiting = nil
		}
		for _, r := range s.roots {
			c.words = append(c.words, r.how)
			add(r.id, 0, uint32(len(c.words)-1))
		}
		for ; len(queue) > 0; queue = queue[1:] {
			id := queue[0]
			for _, to := range calls.Callees(id) {
				add(to, id, uint32(reach.Call))
			}
			for to := taken[id]; to != 0; to = next[to] {
				add(to, id, uint32(g.Unit(to).How))
			}
		}
	}
	return c
}

// loadedLate reports whether a unit is of a file that is loaded at run time.
func loadedLate(g *reach.Graph, id reach.UnitID) bool {
	o := g.Members[g.Unit(id).Image].Origin
	return o == process.OriginModule || o == process.OriginDlopen
}

// root returns where the chain to a unit begins, and whether it passes through a
// file that is loaded at run time.
func (c *chains) root(g *reach.Graph, id reach.UnitID) (root reach.UnitID, late bool) {
	for ; id != 0; id = c.from[id] {
		root, late = id, late || loadedLate(g, id)
	}
	return root, late
}

// sources lists the roots: where a chain can begin, what a reader asks about first.
func (a *assembly) sources() []source {
	var main, first, prog, needed, late, loader []root
	if a.res.Since == "main" && a.phases.Unknown == "" {
		for _, id := range a.phases.Roots {
			main = append(main, root{id, a.rootWhy(id, "startup")})
		}
	}
	for i := 1; i < a.g.NumUnits(); i++ {
		id, u := reach.UnitID(i), a.g.Unit(reach.UnitID(i))
		if u.Parent != 0 {
			continue
		}
		switch o := a.g.Members[u.Image].Origin; {
		case a.g.Why(id) == "" && u.How == reach.Slot, a.g.Why(id) == "" && u.How == reach.Root && !u.Taken:
			continue // a call of it was seen before the call was followed
		case o == process.OriginProgram:
			prog = append(prog, root{id, a.rootWhy(id, "root")})
		case o == process.OriginLoader:
			loader = append(loader, root{id, a.rootWhy(id, "root")})
		case loadedLate(a.g, id):
			late = append(late, root{id, a.rootWhy(id, "root")})
		default:
			needed = append(needed, root{id, a.rootWhy(id, "root")})
		}
	}
	if i := slices.IndexFunc(prog, func(r root) bool { return a.g.Unit(r.id).Entry == a.p.Images[0].Entry }); i >= 0 {
		first = prog[i : i+1]
	}
	return []source{{roots: main}, {roots: first}, {roots: prog}, {roots: needed}, {late, true}, {roots: loader}}
}

// rootWhy says in words why a root runs.
func (a *assembly) rootWhy(id reach.UnitID, otherwise string) string {
	u, why := a.g.Unit(id), a.g.Why(id)
	switch {
	case why == "entry":
		return a.g.Members[u.Image].Origin.String() + " entry"
	case why != "" && u.How == reach.Symbol:
		return "symbol: " + strings.Clone(why)
	case why != "":
		return why
	case u.How == reach.Data:
		return "TLS image"
	case u.How == reach.Resolver:
		return "IFUNC resolver"
	}
	return otherwise
}

// via returns the chain of functions from a root to the call: to one whose
// origin is the strongest, and of those the nearest.
func (a *assembly) via(calls []number.Call) []Step {
	best := slices.MinFunc(calls, func(x, y number.Call) int {
		return cmp.Or(cmp.Compare(originRank[a.origin(x)], originRank[a.origin(y)]),
			cmp.Compare(a.chains.depth[x.Unit], a.chains.depth[y.Unit]),
			cmp.Compare(x.Unit, y.Unit), cmp.Compare(x.In, y.In), cmp.Compare(x.Site, y.Site))
	})
	steps := a.steps(best.Unit)
	if best.In != best.Unit {
		steps = append(steps, a.step(best.In, "wrapper"))
	}
	return steps
}

// steps returns the chain to a unit. Stubs of the procedure linkage table are
// left out, and so are further entries into the function before.
func (a *assembly) steps(id reach.UnitID) []Step {
	steps := []Step{}
	for ; id != 0; id = a.chains.from[id] {
		if a.isStub(id) && len(steps) > 0 && a.chains.from[id] != 0 {
			steps[len(steps)-1].How = a.chains.how(id)
			continue
		}
		s := a.step(id, a.chains.how(id))
		if n := len(steps); n > 0 && steps[n-1].How == "call" && steps[n-1].Function == s.Function && steps[n-1].Image == s.Image {
			steps[n-1] = s
			continue
		}
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	return steps
}

func (a *assembly) step(id reach.UnitID, how string) Step {
	u := a.g.Unit(id)
	return Step{Image: a.g.Members[u.Image].Path, Address: hex(u.Entry), Function: a.function(u.Image, u.Entry), How: how}
}

// isStub reports whether a unit is in a procedure linkage table.
func (a *assembly) isStub(id reach.UnitID) bool {
	u := a.g.Unit(id)
	s := a.g.Members[u.Image].Section(u.Entry)
	return s != nil && strings.HasPrefix(s.Name, ".plt")
}

// place is an address of an image.
type place struct {
	img  int
	addr uint64
}

// function returns the name of the function that an address is in.
func (a *assembly) function(img int, addr uint64) string {
	k := place{img, addr}
	if s, ok := a.names[k]; ok {
		return s
	}
	m := a.g.Members[img]
	var s string
	if n, _, ok := m.FuncName(addr); ok {
		s = strings.Clone(n) // names are borrowed from the mapped file
	} else {
		if f := m.FDEAt(addr); f != nil {
			addr = f.Start
		}
		s = base(m.Path) + "+" + hex(addr)
	}
	a.names[k] = s
	return s
}
