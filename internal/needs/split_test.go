package needs

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
)

// The needs of a compartment are the union of those of its libraries: for the split of kraft.yaml as Find
// finds it, and for random ones as an analysis of each finds it.
func TestPartsGivePolicies(t *testing.T) {
	r := find(t, mini(t)+"/mini_qemu-x86_64.dbg")
	testParts(t, r, 60)
}

func testParts(t *testing.T, r *Result, rounds int) {
	t.Helper()
	ctx := context.Background()
	parts, err := r.Parts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	union := func(in []int, n, def int) []compartment.Calls {
		out, clear, own := make([]compartment.Calls, n), make([]compartment.Calls, n), make([]bool, n)
		for _, p := range parts {
			c, to := def, out
			if p.Library >= 0 {
				if c = in[p.Library]; r.Libraries[p.Library].Transparent {
					to = clear
				}
			}
			for i := range to[c] {
				to[c][i] |= p.Needs[i]
			}
			own[c] = own[c] || p.Funcs > 0 && (p.Library < 0 || !r.Libraries[p.Library].Transparent)
		}
		for c := range out {
			if !own[c] && c != def {
				out[c] = clear[c]
			} else if !own[c] {
				add(&out[c], clear[c])
			}
		}
		return out
	}
	in := make([]int, len(r.Libraries))
	def := 0
	for i, l := range r.Libraries {
		in[i] = l.Compartment
	}
	for c, k := range r.Plan.Compartments {
		if k.Default {
			def = c
		}
	}
	n := len(r.Plan.Compartments)
	for c, got := range union(in, n, def) {
		if got != r.Plan.Compartments[c].Needs {
			t.Errorf("compartment %d: union %v, Find %v", c, names(&got), names(&r.Plan.Compartments[c].Needs))
		}
	}
	random := rand.New(rand.NewPCG(5, 5))
	differ := map[compartment.Calls]bool{}
	for round := range rounds {
		n := 1 + random.IntN(4)
		for i := range in {
			in[i] = random.IntN(n)
		}
		want, err := r.Policies(ctx, in, n, 0)
		if err != nil {
			t.Fatal(err)
		}
		for c, got := range union(in, n, 0) {
			differ[got] = true
			if got != want[c] {
				t.Fatalf("round %d, %v: compartment %d: union %v, analysis %v", round, in, c, names(&got), names(&want[c]))
			}
		}
	}
	if len(differ) < 3 {
		t.Errorf("only %d different policies were compared", len(differ))
	}
}
