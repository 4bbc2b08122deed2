package dataflow

import (
	"math/rand/v2"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// TestBoundaryOf asks for instruction boundaries in any order, of two analysers that share what they find and have
// decoded some of the code, and compares with decoding all.
func TestBoundaryOf(t *testing.T) {
	f, err := image.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(7, 8))
	a := New(f)
	both := []*Analyser{a, a.Fork(f)}
	starts := f.FuncStarts()
	for range 200 {
		start := starts[r.IntN(len(starts))]
		n := uint64(1 + r.IntN(3000))
		want := map[uint64]bool{}
		var in x86.Inst
		for pc := start; pc < start+n; pc += uint64(in.Len) {
			want[pc] = len(f.Bytes(pc)) > 0 && x86.Decode(f.Bytes(pc), pc, &in)
			in.Len = max(in.Len, 1)
		}
		both[0].Unit(start)
		for range 300 {
			pc := start - 1 + r.Uint64N(n+1)
			if got := both[r.IntN(2)].w.boundaryOf(start, pc); got != want[pc] {
				t.Fatalf("%#x from %#x on: boundary %t, want %t", pc, start, got, want[pc])
			}
		}
	}
}
