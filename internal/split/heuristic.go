package split

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// starts is how many random splits the heuristic begins with, besides those that it makes.
const starts = 16

// Heuristic returns a split that no move of one piece and no exchange of two makes better.
func (p *Problem) Heuristic(given []int) Split {
	var move []int
	for i := range p.Pieces {
		if !p.Pieces[i].Pinned {
			move = append(move, i)
		}
	}
	best := make([]int, len(p.Pieces))
	cost := p.Cost(best)
	try := func(in []int) {
		in = p.descent(in, move)
		if c := p.Cost(in); c.Compare(cost) < 0 {
			best, cost = in, c
		}
	}
	try(slices.Clone(best))
	if given != nil && p.fits(given) {
		try(slices.Clone(given))
	}
	try(p.greedy(move))
	random := rand.New(rand.NewPCG(1, uint64(len(move))))
	for range starts {
		in := make([]int, len(p.Pieces))
		for _, i := range move {
			in[i] = random.IntN(p.N)
		}
		try(in)
	}
	return Split{In: best, Cost: cost}
}

// fits reports whether a split is one of the problem's.
func (p *Problem) fits(in []int) bool {
	for i, c := range in {
		if c < 0 || c >= p.N || c != 0 && p.Pieces[i].Pinned {
			return false
		}
	}
	return len(in) == len(p.Pieces)
}

// greedy assigns the heaviest pieces first, each where it costs least then.
func (p *Problem) greedy(move []int) []int {
	in := make([]int, len(p.Pieces))
	order := slices.Clone(move)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Pieces[b].Weight, p.Pieces[a].Weight) })
	for _, i := range order {
		at, least := 0, p.Cost(in)
		for c := 1; c < p.N; c++ {
			in[i] = c
			if k := p.Cost(in); k.Compare(least) < 0 {
				at, least = c, k
			}
		}
		in[i] = at
	}
	return in
}

// descent takes the best step until there is none: a move of one piece, or if no move is better, an
// exchange of two. Each lowers the cost, so it ends.
func (p *Problem) descent(in, move []int) []int {
	cost := p.Cost(in)
	for {
		next, least := []int(nil), cost
		try := func() {
			if k := p.Cost(in); k.Compare(least) < 0 {
				next, least = slices.Clone(in), k
			}
		}
		for _, i := range move {
			from := in[i]
			for c := range p.N {
				if in[i] = c; c != from {
					try()
				}
			}
			in[i] = from
		}
		for n, i := range move {
			if next != nil {
				break
			}
			for _, j := range move[n+1:] {
				if in[i] != in[j] {
					in[i], in[j] = in[j], in[i]
					try()
					in[i], in[j] = in[j], in[i]
				}
			}
		}
		if next == nil {
			return in
		}
		in, cost = next, least
	}
}

// Move is what it costs to put one piece into another compartment.
type Move struct {
	Piece, From, To int
	Cost            Cost // of the split afterwards
}

// Moves returns what each single move of a split into n compartments costs, by piece and compartment.
func (p *Problem) Moves(in []int, n int) []Move {
	in = slices.Clone(in)
	var out []Move
	for i := range p.Pieces {
		from := in[i]
		if p.Pieces[i].Pinned {
			continue
		}
		for c := range n {
			if c == from {
				continue
			}
			in[i] = c
			out = append(out, Move{i, from, c, p.Cost(in)})
		}
		in[i] = from
	}
	return out
}
