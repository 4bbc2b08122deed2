package reach

import "github.com/gofind-dev/gofind/internal/summary"

// Edge is a direct call or jump: Unit refers to the callee as At (a code
// address, or a slot that only the loader writes).
type Edge struct {
	Unit UnitID
	At   uint64
}

// callers are lists of who calls each unit. There are several for each unit, so they are
// small, and in blocks that stay where they are.
type callers struct {
	last   []uint32 // by callee, the place of the last one, which leads to the first; 0: there is none
	blocks []*[callerBlock]caller
	n      uint32
}

type caller struct {
	unit UnitID
	ref  uint32 // index in its Refs
	next uint32
}

const callerBlock = 4096

func (l *callers) at(i uint32) *caller { return &l.blocks[i/callerBlock][i%callerBlock] }

func (l *callers) add(callee, unit UnitID, ref uint32) {
	l.n++
	if int(l.n/callerBlock) == len(l.blocks) {
		l.blocks = append(l.blocks, new([callerBlock]caller))
	}
	c := l.at(l.n)
	*c = caller{unit, ref, l.n}
	if last := l.last[callee]; last != 0 {
		c.next, l.at(last).next = l.at(last).next, l.n
	}
	l.last[callee] = l.n
}

// each calls do for all that call a unit, in the order in which they were added.
func (l *callers) each(callee UnitID, do func(*caller)) {
	if int(callee) >= len(l.last) || l.last[callee] == 0 {
		return
	}
	last := l.last[callee]
	for i := l.at(last).next; ; i = l.at(i).next {
		do(l.at(i))
		if i == last {
			return
		}
	}
}

// Callers lists the direct calls of a unit by live units.
func (g *Graph) Callers(id UnitID) []Edge {
	g.index()
	var l []Edge
	g.callers.each(id, func(c *caller) {
		l = append(l, Edge{c.unit, g.Full(c.unit).Refs[c.ref].A})
	})
	return l
}

// index takes up the units that have come since.
func (g *Graph) index() {
	for g.indexed = max(g.indexed, 1); g.indexed < len(g.Units); g.indexed++ {
		u := &g.Units[g.indexed]
		if u.Sum == nil {
			break
		}
		if u.held {
			continue
		}
		for i := range u.Sum.Refs {
			g.indexRef(UnitID(g.indexed), i)
		}
	}
}

// indexRef adds what a reference calls to callers.
func (g *Graph) indexRef(id UnitID, ref int) {
	r := &g.Units[id].Sum.Refs[ref]
	if r.Kind != summary.RefCode && r.Kind != summary.RefCallSlot {
		return
	}
	if n := len(g.Units) - len(g.callers.last); n > 0 {
		g.callers.last = append(g.callers.last, make([]uint32, n)...)
	}
	var buf [4]UnitID
	for _, c := range g.Callees(id, r, buf[:0]) {
		g.callers.add(c, id, uint32(ref))
	}
}
