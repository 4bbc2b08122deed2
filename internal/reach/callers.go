package reach

import (
	"iter"
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
)

// Edge is a direct call or jump: Unit refers to the callee as At (a code
// address, or a slot that only the loader writes).
type Edge struct {
	Unit UnitID
	At   uint64
}

// callers are lists of who calls each unit. There are several for each unit, so they are
// small, and in blocks that stay where they are.
type callers struct {
	last   []uint32 // by callee, the place of the last one; 0: there is none
	blocks []*[callerBlock]caller
	n      uint32
}

type caller struct {
	unit UnitID
	ref  uint32 // index in its Refs
	prev uint32 // the one that was added before
}

const callerBlock = 4096

func (l *callers) at(i uint32) *caller { return &l.blocks[i/callerBlock][i%callerBlock] }

func (l *callers) add(callee, unit UnitID, ref uint32) {
	l.n++
	if int(l.n/callerBlock) == len(l.blocks) {
		l.blocks = append(l.blocks, new([callerBlock]caller))
	}
	*l.at(l.n) = caller{unit, ref, l.last[callee]}
	l.last[callee] = l.n
}

// of yields all that call a unit, those that were added last first.
func (l *callers) of(callee UnitID) iter.Seq[*caller] {
	return func(yield func(*caller) bool) {
		if int(callee) >= len(l.last) {
			return
		}
		for i := l.last[callee]; i != 0 && yield(l.at(i)); i = l.at(i).prev {
		}
	}
}

// Callers lists the direct calls of a unit by live units.
func (g *Graph) Callers(id UnitID) []Edge {
	g.index()
	var l []Edge
	for c := range g.callers.of(id) {
		l = append(l, Edge{c.unit, g.Full(c.unit).Refs[c.ref].A})
	}
	slices.Reverse(l)
	return l
}

// manyCallers reports whether a unit has more than n Callers.
func (g *Graph) manyCallers(id UnitID, n int) bool {
	g.index()
	for range g.callers.of(id) {
		n--
		if n < 0 {
			return true
		}
	}
	return false
}

// index takes up the units that have come since.
func (g *Graph) index() {
	for g.indexed = max(g.indexed, 1); g.indexed < g.NumUnits(); g.indexed++ {
		u := g.Unit(UnitID(g.indexed))
		if u.Sum == nil {
			break
		}
		g.indexUnit(UnitID(g.indexed))
	}
}

// indexUnit adds what a unit calls to callers.
func (g *Graph) indexUnit(id UnitID) {
	u := g.Unit(id)
	if u.held {
		return // until Release
	}
	for i := range u.Sum.Refs {
		g.indexRef(id, i)
	}
}

// indexRef adds what a reference calls to callers.
func (g *Graph) indexRef(id UnitID, ref int) {
	g.indexMore(id, ref, func(UnitID) bool { return true })
}

// indexGrown is indexRef for a reference that was added before it led to more.
func (g *Graph) indexGrown(id UnitID, ref int) {
	g.indexMore(id, ref, func(callee UnitID) bool {
		for c := range g.callers.of(callee) {
			if c.unit == id && c.ref == uint32(ref) {
				return false
			}
		}
		return true
	})
}

func (g *Graph) indexMore(id UnitID, ref int, fresh func(callee UnitID) bool) {
	r := &g.Unit(id).Sum.Refs[ref]
	if r.Kind != summary.RefCode && r.Kind != summary.RefCallSlot {
		return
	}
	if n := g.NumUnits() - len(g.callers.last); n > 0 {
		g.callers.last = append(g.callers.last, make([]uint32, n)...)
	}
	var buf [4]UnitID
	for _, c := range g.Callees(id, r, buf[:0]) {
		if fresh(c) {
			g.callers.add(c, id, uint32(ref))
		}
	}
}
