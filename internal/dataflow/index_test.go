package dataflow

import (
	"math/rand/v2"
	"testing"
)

// TestIndex compares random operations with those of a map.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var m index
	for range 200 {
		m.reset()
		want := map[uint64]int32{}
		for range r.IntN(500) {
			a := uint64(r.IntN(300)) * 8
			v, ok := m.get(a)
			if w, known := want[a]; v != w && ok || ok != known {
				t.Fatalf("get(%d) = %d, %t; want %d, %t", a, v, ok, w, known)
			}
			if !ok {
				want[a] = r.Int32()
				if want[a]&1 == 0 {
					want[a] = 0
					if !m.first(a) || m.first(a) {
						t.Fatalf("first(%d): want true, then false", a)
					}
					continue
				}
				m.add(a, want[a])
			}
		}
	}
}
