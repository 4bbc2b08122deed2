package callgraph

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// startSections begin the names of tables of functions that are called once, when the image starts, by who walks the table. No
// address in them is handed to anybody.
var startSections = []string{".uk_inittab", ".uk_ctortab", ".preinit_array", ".init_array", ".ctors"}

// hand collects what goes from one part of the image to another.
func (g *Graph) hand() {
	keeps := map[uint64]bool{}
	for s := range g.Image.File.FullSymbols {
		if _, ok := facts().of("borrows", s.Name); ok && s.Shndx != 0 {
			keeps[s.Value] = true
		}
	}
	h := reach.Handing{Passed: map[uint64][]summary.Ref{}, Instead: g.instead, Extra: g.extra}
	var starts []image.Range
	for _, s := range tables(g.Image.File) {
		t := image.Range{Start: s.Start, End: s.End}
		h.Tables = append(h.Tables, t)
		if slices.ContainsFunc(startSections, func(p string) bool { return strings.HasPrefix(s.Name, p) }) {
			starts = append(starts, t)
		}
	}
	h.Keeps = func(callee uint64) bool { return !keeps[callee] }
	for u := range g.Units {
		refs := g.Reach.Unit(u).Sum.Refs
		for i := range refs {
			r := &refs[i]
			switch r.Kind {
			case summary.RefPass:
				h.Passed[r.B] = append(h.Passed[r.B], *r)
				if keeps[r.B] && g.Image.File.Exec(r.A) || !g.consumes(r) {
					continue // data may be copied (memcpy)
				}
			case summary.RefAddr, summary.RefRead, summary.RefPassSlot:
			default:
				continue
			}
			if g.Reach.Leads(0, r.A) && !slices.ContainsFunc(starts, func(t image.Range) bool { return t.Contains(r.A) }) {
				g.loose = append(g.loose, loose{u, *r})
			}
		}
	}
	g.passOn(h.Passed)
	g.kept = map[int][]uint64{}
	for callee, refs := range h.Passed {
		u, ok := g.Reach.Lookup(0, callee)
		lib := g.Image.Owner(callee)
		if !ok || lib < 0 || !h.Keeps(callee) {
			continue
		}
		if _, ok := facts().of("keeps", g.factName(u)); !ok {
			continue
		}
		for i := range refs {
			if r := &refs[i]; g.Image.File.Exec(r.A) && g.consumes(r) {
				g.kept[lib] = append(g.kept[lib], r.A)
			}
		}
	}
	for lib := range g.kept {
		slices.Sort(g.kept[lib])
		g.kept[lib] = slices.Compact(g.kept[lib])
	}
	g.handing = h
}

// loose is an address that a unit may put where others find it: into memory without a name, or into the hands of who
// does. What it reads from a variable may go there, too.
type loose struct {
	unit Unit
	ref  summary.Ref
}

// consumes reports whether the function that an address is passed to may do anything with it.
func (g *Graph) consumes(r *summary.Ref) bool {
	u, ok := g.Reach.Lookup(0, r.B)
	return ok && g.Reach.Consumed(u, r.Reg&^summary.Back)
}

// passOn adds to what functions are passed what their callers pass on: an address that a unit
// got as an argument and hands to its callee.
func (g *Graph) passOn(passed map[uint64][]summary.Ref) {
	type key struct {
		callee, addr uint64
		off          int32
		reg          uint8
	}
	seen := map[key]bool{}
	var todo []summary.Ref
	for callee, refs := range passed {
		kept := refs[:0]
		for _, r := range refs {
			if k := (key{callee, r.A, r.Off, r.Reg}); g.Reach.Leads(0, r.A) && !seen[k] {
				seen[k] = true
				kept = append(kept, r)
				todo = append(todo, r)
			}
		}
		passed[callee] = kept
	}
	for len(todo) > 0 {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		u, ok := g.Reach.Lookup(0, r.B)
		if !ok || !g.Reach.Live(u) {
			continue
		}
		reg := r.Reg &^ summary.Back
		for _, p := range g.Reach.Unit(u).Sum.Passes {
			if p.Moves.Slot() {
				continue
			}
			for in := p.Moves.To(1 << reg); in != 0; in &= in - 1 {
				to := r
				to.B = p.Callee
				to.Reg = uint8(bits.TrailingZeros16(in)) | r.Reg&summary.Back
				if k := (key{to.B, to.A, to.Off, to.Reg}); !seen[k] {
					seen[k] = true
					passed[to.B] = append(passed[to.B], to)
					todo = append(todo, to)
				}
			}
		}
	}
}
