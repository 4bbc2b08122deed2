package reach

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// byPlace puts units in order, and loses none.
func TestByPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		g := &Graph{}
		g.units.add(Unit{})
		var level []UnitID
		for id := range UnitID(r.IntN(2 * blockLen)) {
			g.units.add(Unit{Image: r.IntN(5), Entry: r.Uint64N(1 << 40)})
			level = append(level, id+1)
		}
		got := g.byPlace(level)
		if !slices.IsSortedFunc(got, func(a, b UnitID) int {
			u, v := g.Unit(a), g.Unit(b)
			return slices.Compare([]uint64{uint64(u.Image), u.Entry}, []uint64{uint64(v.Image), v.Entry})
		}) {
			t.Fatalf("%d units are in no order", len(level))
		}
		if slices.Sort(got); !slices.Equal(got, level) {
			t.Fatalf("of %d units others come out", len(level))
		}
	}
}
