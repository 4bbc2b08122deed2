package reach

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestSize checks what is said of the size of units: there are as many as functions, and they are met in no order.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(Unit{}); n != 56 {
		t.Errorf("a unit takes %d bytes, not 56", n)
	}
}

// TestAddrs compares random operations with those on a map. Few addresses, so that they meet again.
func TestAddrs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		var ids addrs[UnitID]
		var seen marks
		want, marked := map[uint64]UnitID{}, map[uint64]mark{}
		for range 5000 {
			a := r.Uint64N(3000) * 8
			if a%40 == 0 {
				a <<= 40 // of no process
			}
			switch k := mark(1) << r.IntN(8); r.IntN(4) {
			case 0:
				id := UnitID(r.Uint32N(100) + 1)
				ids.put(a, id)
				want[a] = id
			case 1:
				if seen.set(a, k) != (marked[a]&k == 0) {
					t.Fatalf("set(%#x, %#x) after %#x", a, k, marked[a])
				}
				marked[a] |= k
			default:
				if got, ok := ids.find(a); got != want[a] || ok != (want[a] != 0) {
					t.Fatalf("%#x is %d, %v, want %d", a, got, ok, want[a])
				}
				if seen.has(a, k) != (marked[a]&k != 0) {
					t.Fatalf("has(%#x, %#x), want %#x", a, k, marked[a])
				}
			}
		}
		if ids.n+len(ids.far) != len(want) || seen.n+len(seen.far) != len(marked) {
			t.Fatalf("%d and %d addresses, want %d and %d", ids.n+len(ids.far), seen.n+len(seen.far), len(want), len(marked))
		}
	}
}
