package dataflow

import (
	"math/rand/v2"
	"testing"
)

// TestScan compares where a scan was with a map, near where it began and far from there.
func TestScan(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s scan
	for range 100 {
		base := uint64(1<<20 + r.IntN(1000))
		s.reset(base)
		want := map[uint64]bool{}
		for range r.IntN(600) {
			a := base - 200 + uint64(r.IntN(1500))
			if got := s.first(a); got == want[a] {
				t.Fatalf("first(%#x) = %t from %#x on, want %t", a, got, base, !want[a])
			}
			want[a] = true
		}
		if s.n != len(want) {
			t.Fatalf("%d places, want %d", s.n, len(want))
		}
	}
}
