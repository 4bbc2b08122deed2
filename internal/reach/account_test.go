package reach

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestWithGates compares the gates in the pieces of code that are kept with those in all of it.
func TestWithGates(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		code := make([]byte, r.IntN(5*gatePiece))
		for range r.IntN(12) {
			at := r.IntN(len(code) + 1)
			if r.IntN(2) == 0 { // at the border of two pieces
				at = min(at/gatePiece*gatePiece+r.IntN(3), len(code))
				at = max(at-1, 0)
			}
			copy(code[at:], gates[r.IntN(len(gates))].code[:])
		}
		var all, kept []int
		eachGate(code, func(off int) bool { all = append(all, off); return true })
		const addr = 0x1001
		pieces := withGates(code, addr)
		for _, p := range pieces {
			eachGate(code[p.Start-addr:p.End-addr], func(off int) bool { kept = append(kept, int(p.Start-addr)+off); return true })
		}
		slices.Sort(all)
		slices.Sort(kept)
		if !slices.Equal(all, kept) || len(pieces) > len(all) {
			t.Fatalf("%d bytes: gates at %x, in %d pieces at %x", len(code), all, len(pieces), kept)
		}
	}
}
