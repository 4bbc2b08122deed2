package reach

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
)

// Entered reports whether a unit may be entered in other ways than by its
// Callers, with arguments that are not known: through a pointer, by the loader, or as a
// method of a Go type. (Numbers of calls nobody passes to methods, other arguments are.)
func (g *Graph) Entered(id UnitID) bool {
	u := g.Unit(id)
	if u.Taken || u.ifunc != resolvesNot {
		return true
	}
	m := g.Members[u.Image]
	return m.IsGo() && m.goEntered(u.Entry)
}

// TakenOnce returns who alone made a unit Taken, and how; ok is false if there were several, or none. The unit is 0 for a root.
func (g *Graph) TakenOnce(id UnitID) (by UnitID, how How, ok bool) {
	u := g.Unit(id)
	if u.takes != 1 || u.ifunc != resolvesNot || g.Members[u.Image].IsGo() {
		return 0, 0, false
	}
	return u.taker, u.takenAs, true
}

// Takers returns who made a unit Taken, of each image the first: not the roots.
func (g *Graph) Takers(id UnitID) []UnitID {
	if t := g.Unit(id).taker; t != 0 {
		return append([]UnitID{t}, g.takers[id]...)
	}
	return g.takers[id]
}

// goEntries are the functions of a Go file whose addresses data may hold. Functions are bits: one for each
// 1<<shift bytes from the first function on. Go aligns functions, so that no two share one.
type goEntries struct {
	all   bool // it may be any
	first uint64
	shift uint
	odd   uint64   // bits that no distance of a function from the first one has
	funcs []uint64 // those of the table
	held  []uint64 // and those whose address data may hold
}

// goEntered reports whether data of a Go file may hold the address of a function:
// as a word, as a relocation, or, in the method tables of types, as two offsets in a row
// from the start of the text (internal/abi/type.go, Method), which the runtime makes
// tables of interfaces from.
func (m *member) goEntered(entry uint64) bool {
	if m.goEntries == nil {
		m.goEntries = m.findGoEntries()
	}
	return m.goEntries.all || m.goEntries.has(m.goEntries.held, entry)
}

// has reports whether a set has the function at a.
func (l *goEntries) has(set []uint64, a uint64) bool {
	d := a - l.first
	at := d >> l.shift
	return at>>6 < uint64(len(set)) && set[at>>6]>>(at&63)&1 != 0 && d&l.odd == 0
}

// add adds the function at a to a set.
func (l *goEntries) add(set []uint64, a uint64) {
	at := (a - l.first) >> l.shift
	set[at>>6] |= 1 << (at & 63)
}

func (m *member) findGoEntries() *goEntries {
	text, ok := m.GoText()
	table := slices.IndexFunc(m.Sections, func(s image.Section) bool { return s.Name == ".gopclntab" || s.Name == ".data.rel.ro.gopclntab" })
	funcs := m.GoFuncs()
	if !ok || table < 0 || len(funcs) == 0 {
		return &goEntries{all: true} // the function table, which has every function, cannot be left out
	}
	skip := m.Sections[table]
	l := newGoEntries(funcs)
	hold := func(a uint64) {
		if l.has(l.funcs, a) {
			l.add(l.held, a)
		}
	}
	for i := range m.relocs {
		hold(m.relocs[i].Addend)
	}
	for _, s := range m.Segments {
		if s.X {
			continue
		}
		b := m.Bytes(s.Addr)
		b = b[:min(uint64(len(b)), s.FileSize)]
		for i := 0; i+8 <= len(b); i += 4 {
			if a := s.Addr + uint64(i); a >= skip.Start && a < skip.End {
				i = int(skip.End-s.Addr+3)&^3 - 4
				continue
			}
			w := binary.LittleEndian.Uint64(b[i:])
			hold(w)
			if first, second := text+w&0xffffffff, text+w>>32; l.has(l.funcs, first) && l.has(l.funcs, second) {
				l.add(l.held, first)
				l.add(l.held, second)
			}
		}
	}
	return l
}

// newGoEntries returns the set of functions, which are sorted, in at most 8 MB: of more text than that is enough for functions may
// share a bit, so that data seems to hold more of them.
func newGoEntries(funcs []uint64) *goEntries {
	l := &goEntries{first: funcs[0]}
	all := uint64(0)
	for _, a := range funcs {
		all |= a - l.first
	}
	aligned := min(bits.TrailingZeros64(all), 6)
	l.odd = 1<<aligned - 1
	l.shift = uint(max(aligned, bits.Len64(all)-26))
	words := all>>l.shift>>6 + 1
	l.funcs, l.held = make([]uint64, words), make([]uint64, words)
	for _, a := range funcs {
		l.add(l.funcs, a)
	}
	return l
}

// QueryExact asks what the unit passes to callees in parameters, as
// dataflow.Analyser.QueryExact does.
func (g *Graph) QueryExact(id UnitID, params map[uint64][]dataflow.Param) []dataflow.Passed {
	u := g.Unit(id)
	var buf []UnitID
	for i := range u.Sum.Refs {
		if r := &u.Sum.Refs[i]; r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot {
			buf = g.Callees(id, r, buf[:0])
			for _, c := range buf {
				g.want(c, 0xffff)
			}
		}
	}
	g.settle()
	a := slices.Clone(g.analyser(0, u.Image).QueryExact(u.Entry, params, func(callee uint64, slot bool) uint16 {
		return g.consumed(u.Image, callee, slot)
	}))
	for i := range a {
		a[i].Values = slices.Clone(a[i].Values)
	}
	return a
}

// QueryWords asks what the unit passes to a callee in parameters, as QueryExact does, but so that the
// answer depends on the unit's file alone: any call may consume all registers. It is kept.
func (g *Graph) QueryWords(id UnitID, callee uint64, par dataflow.Param) []dataflow.Passed {
	k := query{id, callee, par}
	if a, known := g.words[k]; known {
		return a
	}
	u := g.Unit(id)
	a := slices.Clone(g.analyser(0, u.Image).QueryExact(u.Entry, map[uint64][]dataflow.Param{callee: {par}}, nil))
	for i := range a {
		a[i].Values = slices.Clone(a[i].Values)
	}
	g.words[k] = a
	return a
}

// ReturnsTwice reports whether what is called at an address of an image, or through a slot there, may return twice.
func (g *Graph) ReturnsTwice(img int, at uint64, slot bool) bool {
	return g.analyser(0, img).ReturnsTwice(at, slot)
}

// consumed returns the registers that what a call reaches may consume.
func (g *Graph) consumed(img int, callee uint64, slot bool) uint16 {
	const all = 0xffff
	of := func(img int, a uint64) uint16 {
		id, known := g.ids[img].find(a)
		if !known || !g.Live(id) {
			return all
		}
		if g.args.at(id).wanted != all {
			return all
		}
		return uint16(g.args.at(id).used)
	}
	if !slot {
		return of(img, callee)
	}
	var buf [4]process.Target
	ts, known := g.bound(img, callee, buf[:0])
	if !known || len(ts) == 0 {
		return all
	}
	m := uint16(0)
	for _, t := range ts {
		s := g.Members[t.Image].Symbol(t.Sym)
		if s.Type != sttFunc {
			return all
		}
		m |= of(t.Image, s.Value)
	}
	return m
}
