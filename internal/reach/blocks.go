package reach

// blocks is a list by UnitID that grows at its end, in pieces: it is never copied, and what is at a place stays there.
type blocks[T any] struct {
	list []*[blockLen]T
	n    int
}

const blockLen = 512

// at returns the place of an element.
func (l *blocks[T]) at(id UnitID) *T { return &l.list[id/blockLen][id%blockLen] }

// add appends t.
func (l *blocks[T]) add(t T) {
	if l.n%blockLen == 0 {
		l.list = append(l.list, new([blockLen]T))
	}
	l.n++
	*l.at(UnitID(l.n - 1)) = t
}

// NumUnits returns one more than the number of live units: their ids are from 1 to below it.
func (g *Graph) NumUnits() int { return g.units.n }

// Unit returns a live unit, which stays where it is.
func (g *Graph) Unit(id UnitID) *Unit { return g.units.at(id) }
