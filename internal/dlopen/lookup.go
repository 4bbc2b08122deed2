package dlopen

import (
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/variadic"
	"github.com/gofind-dev/gofind/internal/x86"
)

// finders are the functions that find a symbol by name: their handle is in rdi.
var finders = []string{"dlsym", "dlvsym", "__libc_dlsym"}

// parameters says how many parameters openers and finders have.
var parameters = map[string]int{"dlopen": 2, "dlmopen": 3, "dlsym": 2, "dlvsym": 3, "__libc_dlsym": 2}

// lookups tells which images look symbols up by name, which ones, and where. A handle that
// is RTLD_DEFAULT (0), RTLD_NEXT (-1) or comes from dlopen(NULL) stands for
// everything; with names that are not known, any other is taken for that of a file that dlopen loaded, or that is opened
// by its name, and of what that needs: the C library only for images that open files by name themselves (assumption dlsym-handles).
func (m *Model) lookups(g *reach.Graph) bool {
	grown := false
	each := func(names []string, f func(name string, t process.Target, id reach.UnitID)) {
		for _, name := range names {
			for _, t := range m.definitions(name) {
				if id, ok := g.Lookup(t.Image, m.p.Images[t.Image].Symbol(t.Sym).Value); ok {
					f(name, t, id)
				}
			}
		}
	}
	each(finders, func(name string, t process.Target, id reach.UnitID) {
		grown = g.Looks(t.Image, reach.LooksInModules) || grown
		handles, known := number.Passed(g, id, x86.RDI)
		if name == "dlvsym" && (!known || slices.ContainsFunc(handles, func(f number.Found) bool { return !m.ofC(f.Image) })) {
			grown = g.Versions() || grown
		}
		if known {
			names, _ := number.Passed(g, id, x86.RSI)
			grown = m.asked(g, name, id, handles, names) || grown
			return
		}
		// dlsym itself is called through a pointer
		for img, i := range m.p.Images {
			if i.Origin != process.OriginLoader && img != t.Image {
				grown = g.Looks(img, reach.LooksEverywhere) || grown
			}
		}
	})
	each(openers, func(_ string, t process.Target, id reach.UnitID) {
		found, _ := number.Passed(g, id, x86.RDI)
		for _, f := range found {
			if v := f.Value; v.Kind == summary.Const && v.N == 0 && f.Image != t.Image {
				grown = g.Looks(f.Image, reach.LooksEverywhere) || grown
			}
		}
	})
	return grown
}

// asked takes what a finder gets: handles, and names. An image all of whose names are texts that nothing can
// change looks up these; else all texts that its live code refers to may be names. If there are names that are not known,
// an image that passes a handle by way of another function may give the names, too, in other ways (in a table, say).
//
// Names that are variable arguments of a function are known if all of its callers pass texts that nothing can change (package variadic); if not, its
// callers give names, too, and so do other files that call code which looks up names that are not known: in a table, say.
//
// A name that is known is looked up everywhere: a handle may be that of a library that was there before it was opened, it leads to what its
// library needs, too, and it may be null.
func (m *Model) asked(g *reach.Graph, name string, finder reach.UnitID, handles, names []number.Found) bool {
	where := map[int]reach.Lookups{}
	widest := reach.LooksInModules
	for _, f := range handles {
		w := leads(f.Value)
		where[f.Image] = max(where[f.Image], w)
		widest = max(widest, w)
	}
	grown := false
	var unknown []number.Found
	for _, f := range names {
		if f.Value.Kind == summary.Addr && m.fixed(g, f.Image, uint64(f.Value.N)) {
			grown = g.LookUp(f.Image, uint64(f.Value.N), f.Unit, reach.LooksEverywhere) || grown
			continue
		}
		if texts, known := m.Variable(g, name, finder, f); known {
			for _, t := range texts {
				grown = g.LookUp(t.Image, t.Addr, f.Unit, reach.LooksEverywhere) || grown
			}
			continue
		}
		unknown = append(unknown, f)
	}
	open := map[int]reach.Lookups{}
	if len(unknown) > 0 {
		above(g, parameter{finder, summary.Value{Kind: summary.Arg, Reg: uint8(x86.RDI)}}, func(_, _ reach.UnitID) bool { return false },
			func(_ parameter, id reach.UnitID, v summary.Value) {
				if img := g.Unit(id).Image; v.Kind == summary.Slot && where[img] < reach.LooksEverywhere && m.next(g, img, uint64(v.N)) {
					where[img], widest = reach.LooksEverywhere, reach.LooksEverywhere
				}
			})
		for _, f := range unknown {
			open[f.Image] = max(where[f.Image], reach.LooksInModules)
		}
		for img := range m.passers(g, finder, x86.RSI, where, nil) {
			if _, ok := open[img]; ok {
				open[img] = widest // the handle is that of the function that the name is passed to
			}
		}
		for img := range open {
			if _, own := where[img]; !own {
				open[img] = widest // the handles are others'
			}
		}
		for more := true; more; {
			more = false
			for _, f := range unknown {
				for _, img := range m.variable.Givers(g, f.Unit) {
					if _, is := open[img]; !is || open[img] < open[f.Image] {
						open[img], more = open[f.Image], true
					}
				}
			}
		}
		for img, w := range m.passers(g, finder, x86.RDI, where, m.way(g, finder, unknown)) {
			open[img] = max(open[img], w)
		}
	}
	for img := range m.p.Images {
		w, ok := open[img]
		if w == reach.LooksInModules && img != g.Unit(finder).Image { // the C library itself asks modules of services
			if w = reach.LooksInOpened; m.opens[img] {
				w = reach.LooksInNeeded
			}
		}
		if ok {
			grown = g.Looks(img, w) || grown
		}
	}
	return grown
}

// fixed reports whether there is a text at an address that nothing can change.
func (m *Model) fixed(g *reach.Graph, img int, a uint64) bool {
	_, ok := g.TextAt(img, a)
	return ok && !m.p.Images[img].Writable(a)
}

// Variable returns the texts that a unit passes to a function that opens files or finds symbols, of that name, or to another function on the way there, if
// what it passes are variable arguments of it or of its callers. known is false if there are none, or it may pass other things.
func (m *Model) Variable(g *reach.Graph, name string, function reach.UnitID, f number.Found) (texts []variadic.Address, known bool) {
	if f.To == 0 || f.Unit == 0 || f.Unit == f.To || f.Value.Kind != summary.Unknown {
		return nil, false
	}
	args, documented := parameters[name]
	if !documented {
		args = -1
	}
	texts, known = m.variable.Passed(g, f.Unit, variadic.To(g, function, f.To, f.Unit, f.Reg, args))
	for _, t := range texts {
		known = known && m.fixed(g, t.Image, t.Addr)
	}
	return texts, known
}

// next reports whether a variable of an image that is a handle may be RTLD_NEXT: it starts so, or code stores it there by name. That
// it may be RTLD_DEFAULT is not asked: that is also what a handle is that has not been opened.
func (m *Model) next(g *reach.Graph, img int, slot uint64) bool {
	if b := m.p.Images[img].Bytes(slot); len(b) >= 8 && int64(binary.LittleEndian.Uint64(b)) == -1 {
		return true
	}
	return slices.ContainsFunc(g.Assigned(img, slot), func(s reach.Store) bool {
		if s.Const {
			return s.N == -1
		}
		found, _ := number.Passed(g, s.Unit, x86.Reg(s.Reg))
		return slices.ContainsFunc(found, func(f number.Found) bool {
			return f.Value.Kind == summary.Const && f.Value.N != 0 && leads(f.Value) == reach.LooksEverywhere
		})
	})
}

// leads says where a handle leads.
func leads(v summary.Value) reach.Lookups {
	if v.Kind == summary.Const && (v.N == 0 || v.N == -1 || v.N == 0xffffffff) {
		return reach.LooksEverywhere
	}
	return reach.LooksInModules
}

// parameter is one of a unit.
type parameter struct {
	unit reach.UnitID
	par  summary.Value
}

// above calls found for all that is passed to a parameter of a unit, and to those that callers pass on for it: with the unit that passes it.
// It does not go on to what skip says. It returns for each parameter those that it is passed on for.
func above(g *reach.Graph, k parameter, skip func(to, from reach.UnitID) bool, found func(k parameter, id reach.UnitID, v summary.Value)) map[parameter][]parameter {
	below := map[parameter][]parameter{}
	todo := []parameter{k}
	for i := 0; i < len(todo); i++ {
		k := todo[i]
		if g.Unit(k.unit).Taken {
			found(k, k.unit, summary.Value{})
		}
		for _, e := range g.Callers(k.unit) {
			if skip(k.unit, e.Unit) {
				continue
			}
			answers := g.Query(e.Unit, e.At, k.par)
			if len(answers) == 0 {
				found(k, e.Unit, summary.Value{})
			}
			for _, p := range answers {
				if len(p.Values) == 0 {
					found(k, e.Unit, summary.Value{})
				}
				for _, v := range p.Values {
					if v.Kind != summary.Arg && v.Kind != summary.ArgMem && v.Kind != summary.Stack {
						found(k, e.Unit, v)
						continue
					}
					q := parameter{e.Unit, v}
					if !slices.Contains(todo, q) {
						todo = append(todo, q)
					}
					below[q] = append(below[q], k)
				}
			}
		}
	}
	return below
}

// way returns the units on whose calls the names are not known that a finder gets, with true, and with false those
// that pass these on to it; nil if that is not known.
func (m *Model) way(g *reach.Graph, finder reach.UnitID, unknown []number.Found) map[reach.UnitID]bool {
	way := map[reach.UnitID]bool{finder: false}
	below := above(g, parameter{finder, summary.Value{Kind: summary.Arg, Reg: uint8(x86.RSI)}}, func(_, _ reach.UnitID) bool { return false },
		func(parameter, reach.UnitID, summary.Value) {})
	for _, f := range unknown {
		if f.To == 0 {
			return nil
		}
		way[f.Unit] = true
		seen := map[parameter]bool{}
		todo := []parameter{{f.To, summary.Value{Kind: summary.Arg, Reg: uint8(f.Reg)}}}
		for len(todo) > 0 {
			k := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[k] {
				continue
			}
			seen[k] = true
			way[k.unit] = way[k.unit]
			todo = append(todo, below[k]...)
		}
	}
	return way
}

// passers returns the images that pass an argument to a finder by way of another function: with where it leads, if it is a
// handle. One in a variable may be any of those that the image has. With way, only what gets to code on whose calls names are not known counts.
func (m *Model) passers(g *reach.Graph, finder reach.UnitID, reg x86.Reg, where map[int]reach.Lookups, way map[reach.UnitID]bool) map[int]reach.Lookups {
	images := map[int]reach.Lookups{}
	known := func(to, from reach.UnitID) bool {
		if way == nil {
			return false
		}
		unknown, passes := way[to]
		_, on := way[from]
		return passes && !unknown && !on
	}
	above(g, parameter{finder, summary.Value{Kind: summary.Arg, Reg: uint8(reg)}}, known, func(k parameter, id reach.UnitID, v summary.Value) {
		if k.unit == finder {
			return
		}
		img := g.Unit(id).Image
		w := leads(v)
		if v.Kind == summary.Slot || v.Kind == summary.SlotMem {
			w = max(w, where[img])
		}
		images[img] = max(images[img], w)
	})
	return images
}
