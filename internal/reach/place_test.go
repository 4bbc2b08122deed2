package reach

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
)

// byPlace puts units in order, whether or not their places fit in a number each.
func TestByPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		g := &Graph{}
		g.units.add(Unit{})
		for range 1 + r.IntN(5) {
			g.Members = append(g.Members, &member{Image: &process.Image{File: &image.File{Low: r.Uint64N(1 << 40)}}})
		}
		var level []UnitID
		for id := range UnitID(r.IntN(2 * blockLen)) {
			img, far := r.IntN(len(g.Members)), uint64(1<<20)
			if n%2 == 1 {
				far = 1 << 40
			}
			g.units.add(Unit{Image: img, Entry: g.Members[img].Low + r.Uint64N(far)})
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
