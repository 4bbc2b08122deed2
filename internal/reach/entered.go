package reach

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
)

// Entered reports whether a unit may be entered in other ways than by its
// Callers, with arguments that are not known: through a pointer, by the loader, or as a
// method of a Go type. (Numbers of calls nobody passes to methods, other arguments are.)
func (g *Graph) Entered(id UnitID) bool {
	u := &g.Units[id]
	if u.Taken || u.resolves {
		return true
	}
	m := g.Members[u.Image]
	return m.IsGo() && m.goEntered(u.Entry)
}

// TakenOnce returns who alone made a unit Taken, and how; ok is false if there were several, or none. The unit is 0 for a root.
func (g *Graph) TakenOnce(id UnitID) (by UnitID, how How, ok bool) {
	u := &g.Units[id]
	if u.takes != 1 || u.resolves || g.Members[u.Image].IsGo() {
		return 0, 0, false
	}
	return u.taker, u.takenAs, true
}

// Takers returns who made a unit Taken, of each image the first: not the roots.
func (g *Graph) Takers(id UnitID) []UnitID {
	if t := g.Units[id].taker; t != 0 {
		return append([]UnitID{t}, g.takers[id]...)
	}
	return g.takers[id]
}

// goEntries are the functions of a Go file whose addresses data may hold.
type goEntries struct {
	funcs []uint64 // of the function table, sorted
	held  []bool   // by index in funcs
	all   bool     // it may be any

	// By distance from the first one, in units of 1<<shift: a function may start there, but for distances with
	// some of the bits of odd. Go aligns functions, so that the answer is small, and most often exact.
	starts []uint64
	shift  uint
	odd    uint64
}

// goEntered reports whether data of a Go file may hold the address of a function:
// as a word, as a relocation, or, in the method tables of types, as two offsets in a row
// from the start of the text (internal/abi/type.go, Method), which the runtime makes
// tables of interfaces from.
func (m *member) goEntered(entry uint64) bool {
	l := m.goEntries
	if l == nil {
		l = &goEntries{funcs: m.GoFuncs()}
		l.find(m)
		m.goEntries = l
	}
	i, is := slices.BinarySearch(l.funcs, entry)
	return l.all || is && l.held[i]
}

// may reports whether a function may start at a.
func (l *goEntries) may(a uint64) bool {
	d := a - l.funcs[0]
	at := d >> l.shift
	return at>>6 < uint64(len(l.starts)) && l.starts[at>>6]>>(at&63)&1 != 0 && d&l.odd == 0
}

// hold notes that data holds a, if a function starts there.
func (l *goEntries) hold(a uint64) {
	if i, is := slices.BinarySearch(l.funcs, a); is {
		l.held[i] = true
	}
}

func (l *goEntries) find(m *member) {
	text, ok := m.GoText()
	table := slices.IndexFunc(m.Sections, func(s image.Section) bool { return s.Name == ".gopclntab" || s.Name == ".data.rel.ro.gopclntab" })
	if !ok || table < 0 || len(l.funcs) == 0 {
		l.all = true // the function table, which has every function, cannot be left out
		return
	}
	skip := m.Sections[table]
	l.held = make([]bool, len(l.funcs))
	l.index()
	for i := range m.relocs {
		if a := m.relocs[i].Addend; l.may(a) {
			l.hold(a)
		}
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
			if l.may(w) {
				l.hold(w)
			}
			if first, second := text+w&0xffffffff, text+w>>32; l.may(first) && l.may(second) {
				l.hold(first)
				l.hold(second)
			}
		}
	}
}

// index fills in starts, in at most 8 MB.
func (l *goEntries) index() {
	first := l.funcs[0]
	all := uint64(0)
	for _, a := range l.funcs {
		all |= a - first
	}
	aligned := min(bits.TrailingZeros64(all), 6)
	l.odd = 1<<aligned - 1
	l.shift = uint(max(aligned, bits.Len64(all)-26))
	l.starts = make([]uint64, all>>l.shift>>6+1)
	for _, a := range l.funcs {
		at := (a - first) >> l.shift
		l.starts[at>>6] |= 1 << (at & 63)
	}
}

// QueryExact asks what the unit passes to callees in parameters, as
// dataflow.Analyser.QueryExact does.
func (g *Graph) QueryExact(id UnitID, params map[uint64][]dataflow.Param) []dataflow.Passed {
	u := &g.Units[id]
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
	u := &g.Units[id]
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
		return uint16(g.Units[id].used)
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
