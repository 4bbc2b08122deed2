// Package gate holds back functions of the C library that only run after
// something else was set up: facts about known libraries (gates.txt), each with
// its source and the name of the assumption it rests on.
//
// A function is recognised by what it calls, since stripped libraries have no
// names for their own functions; what is recognised by mistake in another
// version of the library must call exactly the same functions, be private, and
// wait for the same condition. The condition is looked at again whenever
// everything else has been followed, so the answer does not depend on the order.
package gate

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

//go:embed gates.txt
var text string

type row struct {
	image, prefix string
	calls, needs  []string
	name          string
}

var rows = parse(text)

func parse(text string) []row {
	var out []row
	for i, l := range strings.Split(text, "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 6 {
			panic("gates.txt: line " + string(rune('0'+i%10)) + ": want 6 columns")
		}
		out = append(out, row{f[0], f[1], strings.Fields(f[2]), strings.Fields(f[3]), f[4]})
	}
	return out
}

// Names lists the assumptions that rows rest on.
func Names() []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Keeper decides which units wait.
type Keeper struct {
	p       *process.Process
	waiting map[reach.UnitID]*row
	names   map[int]map[uint64]string   // by image: exported functions that rows name
	needs   map[int]map[uint64][]string // by image: exported functions that rows wait for
}

// New returns a keeper for p.
func New(p *process.Process) *Keeper {
	return &Keeper{p: p, waiting: map[reach.UnitID]*row{}, names: map[int]map[uint64]string{}, needs: map[int]map[uint64][]string{}}
}

// Hold reports whether a unit that was just analysed waits.
func (k *Keeper) Hold(g *reach.Graph, id reach.UnitID) bool {
	u := &g.Units[id]
	m := k.p.Images[u.Image]
	for i := range rows {
		r := &rows[i]
		if m.Soname != r.image {
			continue
		}
		names := k.exported(u.Image)
		if _, public := names[u.Entry]; public {
			continue
		}
		var calls []string
		for j := range u.Sum.Refs {
			ref := &u.Sum.Refs[j]
			if n := names[ref.A]; ref.Kind == summary.RefCode && strings.HasPrefix(strings.TrimLeft(n, "_"), r.prefix) {
				calls = append(calls, strings.TrimLeft(n, "_"))
			}
		}
		slices.Sort(calls)
		if slices.Equal(slices.Compact(calls), r.calls) && !g.Members[u.Image].Exported(u.Entry) && !k.open(g, r) {
			k.waiting[id] = r
			return true
		}
	}
	return false
}

func (k *Keeper) exported(img int) map[uint64]string {
	if n, ok := k.names[img]; ok {
		return n
	}
	n := map[uint64]string{}
	m := k.p.Images[img]
	for s := 1; s < m.NumSymbols(); s++ {
		name := m.SymbolName(s)
		for i := range rows {
			if strings.HasPrefix(strings.TrimLeft(name, "_"), rows[i].prefix) && m.Symbol(s).Shndx != 0 {
				a := m.Symbol(s).Value
				if old, ok := n[a]; !ok || len(name) < len(old) || len(name) == len(old) && name < old {
					n[a] = name
				}
			}
		}
	}
	k.names[img] = n
	return n
}

// open reports whether what a row waits for is live, under any version of its symbol.
func (k *Keeper) open(g *reach.Graph, r *row) bool {
	for img, m := range k.p.Images {
		if m.Soname != r.image {
			continue
		}
		for a, names := range k.conditions(img) {
			if slices.ContainsFunc(r.needs, func(n string) bool { return slices.Contains(names, n) }) {
				if _, ok := g.Lookup(img, a); ok {
					return true
				}
			}
		}
	}
	return false
}

// conditions returns the functions of an image that rows wait for, by address.
func (k *Keeper) conditions(img int) map[uint64][]string {
	if c, ok := k.needs[img]; ok {
		return c
	}
	c := map[uint64][]string{}
	m := k.p.Images[img]
	for s := 1; s < m.NumSymbols(); s++ {
		for i := range rows {
			if n := m.SymbolName(s); slices.Contains(rows[i].needs, n) && m.Symbol(s).Shndx != 0 {
				c[m.Symbol(s).Value] = append(c[m.Symbol(s).Value], n)
			}
		}
	}
	k.needs[img] = c
	return c
}

// Release lets units go whose condition holds now. It reports whether there were any.
func (k *Keeper) Release(g *reach.Graph) bool {
	any := false
	for id := reach.UnitID(1); int(id) < len(g.Units); id++ {
		if r := k.waiting[id]; r != nil && k.open(g, r) {
			delete(k.waiting, id)
			g.Release(id)
			any = true
		}
	}
	return any
}

// Assumptions names what the units that still wait rest on.
func (k *Keeper) Assumptions() []string {
	var out []string
	for _, r := range k.waiting {
		out = append(out, r.name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
