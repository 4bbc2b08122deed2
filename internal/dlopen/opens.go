package dlopen

import (
	"encoding/binary"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// deepbind is RTLD_DEEPBIND of glibc's dlfcn.h.
const deepbind = 8

// requests takes what is passed to functions that load files: names, whatever they look like (other texts count if they look like
// those of libraries), and whether files may be opened apart.
func (m *Model) requests(g *reach.Graph) {
	for _, name := range openers {
		for _, id := range m.does(g, name) {
			m.names(g, name, id)
			m.asks(g, id, map[reach.UnitID]bool{})
			m.apart = m.apart || m.openedApart(g, name, id)
		}
	}
}

// does returns the live functions of a name of the C library.
func (m *Model) does(g *reach.Graph, name string) []reach.UnitID {
	ids := m.Static(g, name)
	for _, t := range m.definitions(name) {
		if id, ok := g.Lookup(t.Image, m.p.Images[t.Image].Symbol(t.Sym).Value); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// names takes the names of files that an opener gets.
func (m *Model) names(g *reach.Graph, name string, id reach.UnitID) {
	reg := x86.RDI
	if name == "dlmopen" {
		reg = x86.RSI
	}
	take := func(img int, s string) {
		if t := (text{img, s}); !isLibraryName(s) && !m.ofC(img) && !m.given[t] {
			m.given[t] = true
			m.held = append(m.held, t)
		}
	}
	all := func(_, _ reach.UnitID) bool { return false }
	above(g, parameter{id, summary.Value{Kind: summary.Arg, Reg: uint8(reg)}}, all, func(k parameter, by reach.UnitID, v summary.Value) {
		img := g.Unit(by).Image
		if s, ok := m.Constant(g, img, v); ok {
			take(img, s)
		} else if k.par == (summary.Value{Kind: summary.Arg, Reg: k.par.Reg}) {
			texts, _ := m.Variable(g, name, id, number.Found{Image: img, Value: v, Unit: by, To: k.unit, Reg: x86.Reg(k.par.Reg)})
			for _, t := range texts {
				if s, ok := g.TextAt(t.Image, t.Addr); ok {
					take(img, s)
				}
			}
		}
	})
}

// asks notes the images that a function returns to: the loader searches on behalf of that.
func (m *Model) asks(g *reach.Graph, id reach.UnitID, seen map[reach.UnitID]bool) {
	if seen[id] {
		return
	}
	seen[id] = true
	by := func(id reach.UnitID) {
		img := g.Unit(id).Image
		if _, known := m.asking[img]; !known && !m.ofC(img) {
			m.asking[img] = 0
		}
	}
	for _, taker := range g.Takers(id) {
		by(taker)
	}
	var in x86.Inst
	for _, e := range g.Callers(id) {
		by(e.Unit)
		img := m.p.Images[g.Unit(e.Unit).Image]
		for _, p := range g.Query(e.Unit, e.At, summary.Value{Kind: summary.Arg, Reg: uint8(x86.RDI)}) {
			if !x86.Decode(img.Bytes(p.PC), p.PC, &in) || in.Op != x86.OpCall && in.Op != x86.OpCallInd {
				m.asks(g, e.Unit, seen) // a jump: it returns to the callers of that
				break
			}
		}
	}
}

// elsewhere loads what names stand for that one image has and another one passes to the loader, which searches on behalf of that.
func (m *Model) elsewhere(g *reach.Graph) bool {
	grown := false
	done := map[int]bool{} // as in Searches
	for _, by := range slices.Sorted(maps.Keys(m.asking)) {
		paths := m.p.Searches(by)
		first := m.asking[by]
		m.asking[by] = len(m.bare)
		if done[paths] {
			continue
		}
		done[paths] = true
		for _, t := range m.bare[first:] {
			if m.p.Searches(t.img) == paths {
				continue
			}
			for _, p := range m.p.Search(by, t.s) {
				if !m.loaded(p) && !m.tried[p] {
					m.tried[p] = true
					grown = m.add(g, by, p, "constant", "a text in "+path.Base(m.p.Images[t.img].Path)+", for "+path.Base(m.p.Images[by].Path)) || grown
				}
				if ids := m.of(p); len(ids) > 0 {
					m.opened(by, ids)
				}
			}
		}
	}
	return grown
}

// Constant returns the text that a value of an image points to, if nothing can change it: by its address, or through a pointer that only
// the loader writes.
func (m *Model) Constant(g *reach.Graph, img int, v summary.Value) (string, bool) {
	i := m.p.Images[img]
	at := uint64(v.N)
	switch v.Kind {
	case summary.Addr:
	case summary.Slot:
		if i.Writable(at) && !i.Relro.Contains(at) {
			return "", false
		}
		rs := i.RelocsIn(at, at+8)
		switch b := i.Bytes(at); {
		case len(rs) == 1 && rs[0].Sym == 0:
			at = rs[0].Addend
		case len(rs) == 0 && i.Type == image.ETExec && len(b) >= 8:
			at = binary.LittleEndian.Uint64(b)
		default:
			return "", false
		}
	default:
		return "", false
	}
	if !m.fixed(g, img, at) {
		return "", false
	}
	return g.TextAt(img, at)
}

// openedApart reports whether code other than the C library's may have an opener bind what it loads to what that brings, before the program's
// own symbols (RTLD_DEEPBIND), or load it into another name space.
func (m *Model) openedApart(g *reach.Graph, name string, id reach.UnitID) bool {
	if m.p.Libc == "musl" {
		return false // it has neither
	}
	for _, by := range g.Takers(id) {
		if img := g.Unit(by).Image; m.p.Images[img].Origin != process.OriginLoader && !m.ofC(img) {
			return true // called through a pointer
		}
	}
	flags, _ := number.Passed(g, id, x86.RSI)
	for _, f := range flags {
		switch {
		case m.ofC(f.Image):
		case strings.HasPrefix(name, "dlm"), f.Value.Kind != summary.Const, f.Value.N&deepbind != 0:
			return true
		}
	}
	return false
}
