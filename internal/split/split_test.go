package split

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
)

// random makes a problem: some pinned pieces, sets that overlap, sparse edges.
func random(r *rand.Rand, pieces, n int) *Problem {
	p := &Problem{N: n, Price: []uint64{0, 1, 50, 5000}[r.IntN(4)]}
	for i := range pieces {
		x := Piece{Name: fmt.Sprint(i), Weight: uint64(r.IntN(1000)), Pinned: r.IntN(6) == 0}
		for range r.IntN(8) {
			x.Needs.Add(r.IntN(12))
		}
		p.Pieces = append(p.Pieces, x)
		p.Edges = append(p.Edges, make([]uint32, pieces))
		for j := range pieces {
			if j != i && r.IntN(3) == 0 {
				p.Edges[i][j] = uint32(r.IntN(5))
			}
		}
	}
	return p
}

// brute tries every assignment, with a cost that is computed from the definition.
func brute(p *Problem) Cost {
	in := make([]int, len(p.Pieces))
	best := Cost{Total: ^uint64(0)}
	for {
		var k Cost
		for c := range p.N {
			calls, code := map[int]bool{}, uint64(0)
			for i, x := range p.Pieces {
				if in[i] != c {
					continue
				}
				code += x.Weight
				for n := range 512 {
					if x.Needs.Has(n) {
						calls[n] = true
					}
				}
			}
			k.Privilege += uint64(len(calls)) * code
		}
		for i := range in {
			for j := range in {
				if in[i] != in[j] {
					k.Crossings += uint64(p.Edges[i][j])
				}
			}
		}
		k.Total = k.Privilege + p.Price*k.Crossings
		if k.Compare(best) < 0 {
			best = k
		}
		i := 0
		for ; i < len(in); i++ {
			if p.Pieces[i].Pinned {
				continue
			}
			if in[i]++; in[i] < p.N {
				break
			}
			in[i] = 0
		}
		if i == len(in) {
			return best
		}
	}
}

// The exact search is as good as trying everything, and the heuristic never better.
func TestAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	worse := 0
	for round := range 400 {
		p := random(r, 1+r.IntN(7), 1+r.IntN(4))
		want := brute(p)
		h := p.Heuristic(nil)
		if h.Cost != p.Cost(h.In) || !p.fits(h.In) {
			t.Fatalf("round %d: the heuristic's split %v costs %v, not %v", round, h.In, p.Cost(h.In), h.Cost)
		}
		if h.Cost.Compare(want) < 0 {
			t.Fatalf("round %d: heuristic %v is better than the best %v", round, h.Cost, want)
		}
		if h.Cost.Compare(want) > 0 {
			worse++
		}
		// From the worst start as from the heuristic's.
		bad := Split{In: make([]int, len(p.Pieces)), Cost: Cost{Total: ^uint64(0)}}
		e, b := p.Exact(&bad, MaxNodes), p.Best(nil)
		if !e.Exact || e.Cost.Compare(want) != 0 || e.Cost != p.Cost(e.In) || !p.fits(e.In) {
			t.Fatalf("round %d: exact search found %+v, trying everything %v", round, e, want)
		}
		if !b.Exact || b.Cost.Compare(want) != 0 || b.Bound != want.Total || p.Cost(b.In).Compare(want) != 0 || !p.fits(b.In) {
			t.Fatalf("round %d: best is %+v, trying everything finds %v", round, b, want)
		}
		if least := p.newSearch(nil, 0).least(); least > want.Total {
			t.Fatalf("round %d: the lower bound %d is above the best %d", round, least, want.Total)
		}
		again := p.Best(nil)
		if !slices.Equal(again.In, b.In) || again.Nodes != b.Nodes {
			t.Fatalf("round %d: two runs differ: %v, %v", round, b, again)
		}
	}
	t.Logf("the heuristic alone was not optimal in %d of 400", worse)
}

// What the package comment promises of the exact search: the nodes without any bound.
func TestExhaustiveUpTo(t *testing.T) {
	for _, x := range []struct{ pieces, n int }{{10, 10}, {13, 3}, {19, 2}} {
		// nodes(k, used): of the tree of restricted growth strings.
		var nodes func(k, used int) int
		nodes = func(k, used int) int {
			if k == x.pieces {
				return 1
			}
			n := 1 + used*nodes(k+1, used)
			if used < x.n {
				n += nodes(k+1, used+1)
			}
			return n
		}
		if n := nodes(0, 1); n > MaxNodes {
			t.Errorf("%d pieces in %d compartments take %d nodes, more than %d", x.pieces, x.n, n, MaxNodes)
		}
	}
}

// A search that gives up says so, and keeps what it had.
func TestGivesUp(t *testing.T) {
	p := random(rand.New(rand.NewPCG(3, 3)), 30, 6)
	p.Price = 3
	h := p.Heuristic(nil)
	e := p.Exact(&h, 10)
	if e.Exact || e.Cost.Compare(h.Cost) > 0 {
		t.Errorf("after 10 nodes: %+v, heuristic %v", e, h.Cost)
	}
	if least := p.newSearch(nil, 0).least(); least > e.Cost.Total {
		t.Errorf("lower bound %d above %d", least, e.Cost.Total)
	}
}

// A move costs what the split afterwards costs, and the given split counts.
func TestMoves(t *testing.T) {
	var a, b compartment.Calls
	a.Add(1)
	b.Add(2)
	p := &Problem{N: 2, Pieces: []Piece{{Name: "kernel", Needs: Union(&a, &b), Weight: 10, Pinned: true}, {Name: "x", Needs: a, Weight: 100}, {Name: "y", Needs: b, Weight: 100}},
		Edges: [][]uint32{{0, 1, 0}, {2, 0, 0}, {0, 4, 0}}}
	moves := p.Moves([]int{0, 0, 0}, 2)
	want := []Move{{1, 0, 1, Cost{110*2 + 100, 110*2 + 100, 7}}, {2, 0, 1, Cost{320, 320, 4}}}
	if !slices.Equal(moves, want) {
		t.Errorf("moves %v, want %v", moves, want)
	}
	s := p.Best([]int{0, 1, 0})
	if !slices.Equal(s.In, []int{0, 0, 1}) || s.Cost.Crossings != 4 { // of two equal ones that with fewer crossings
		t.Errorf("best is %+v", s)
	}
}
