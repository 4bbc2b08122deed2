// Package split finds how the libraries of a unikernel are best divided into
// compartments.
//
// # The problem
//
// A piece is what is assigned as a whole: a library of kraft.yaml with all its micro-libraries, or a
// micro-library that none of them stands for. It has a set of needs (the calls that its code can
// come to, package needs), a weight (bytes of its live code), and edges to the others: how many functions
// of another piece its code calls directly. A split assigns each piece to a compartment 0..N-1, of which
// 0 is the default one; pinned pieces are there.
//
// The needs of a compartment are the union of those of its pieces (package needs says when that is so). The
// privilege of a split is what control of one function of the image gives, summed over where it may be had:
//
//	privilege = sum over compartments C of |needs(C)| * code(C)      unit: call-bytes
//	crossings = sum over ordered pairs (a, b) in different compartments of edges(a, b)
//	cost      = privilege + price * crossings
//
// Splits are compared by cost, then by crossings. With price 0, to divide a compartment never adds cost, so that
// N compartments are used as far as that saves privilege at all.
//
// # Search
//
// Weighted set-union partitioning contains graph partitioning (price > 0), which is NP-hard (Garey, Johnson and
// Stockmeyer, Theoretical Computer Science 1, 1976), so:
//
//   - Exact is branch and bound over restricted growth strings (the compartments but the default one are
//     interchangeable; Knuth, The Art of Computer Programming 4A, 7.2.1.5), heaviest pieces first. The bound of a
//     partial split is its own cost and for each piece that is not assigned, its weight times the least number of
//     calls that it can be in a compartment with: its own, or the union with the smallest of the open
//     compartments once no new one can be opened. Both terms can only grow, so the bound is admissible. It gives up after a
//     number of nodes, not a time, so that the answer is the same everywhere. Up to that many nodes, which hold whatever
//     the input is for 10 pieces in any number of compartments, 13 in 3 and 19 in 2 (test), it is exhaustive.
//   - Heuristic is a descent: from each of several starts (all in the default compartment, the split
//     given, a greedy one, and random ones of a fixed generator) it takes the best of all moves of one
//     piece, if none lowers the cost the best exchange of two, until none does either. It is an upper bound, and the start of Exact; Bound
//     is a lower one.
//
// Cost: of the heuristic, starts * steps * pieces^2 * (compartments + pieces) word operations.
package split

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/compartment"
)

// Piece is what is assigned as a whole.
type Piece struct {
	Name   string
	Needs  compartment.Calls
	Weight uint64 // bytes of live code
	Pinned bool   // stays in compartment 0
}

// Problem is what is to be divided.
type Problem struct {
	Pieces []Piece
	Edges  [][]uint32 // by caller and callee: functions that are called directly
	N      int        // compartments at most, from 1
	Price  uint64     // of a crossing, in call-bytes
}

// Cost of a split. Privilege, in call-bytes, and crossings.
type Cost struct {
	Total     uint64
	Privilege uint64
	Crossings uint64
}

// Compare orders costs.
func (c Cost) Compare(d Cost) int {
	return cmp.Or(cmp.Compare(c.Total, d.Total), cmp.Compare(c.Crossings, d.Crossings))
}

// Split is an answer.
type Split struct {
	In    []int // by piece: its compartment
	Cost  Cost
	Exact bool   // nothing is better
	Bound uint64 // no split has a lower total
	Nodes int    // of the search
}

// MaxNodes is after how many nodes Best gives up the exact search.
const MaxNodes = 2_000_000

// Count returns how many calls are in a set.
func Count(c *compartment.Calls) int {
	n := 0
	for _, w := range c {
		n += bits.OnesCount64(w)
	}
	return n
}

// Union returns the calls of two sets.
func Union(a, b *compartment.Calls) compartment.Calls {
	u := *a
	for i := range u {
		u[i] |= b[i]
	}
	return u
}

// Without returns the calls of a that b has not.
func Without(a, b *compartment.Calls) compartment.Calls {
	u := *a
	for i := range u {
		u[i] &^= b[i]
	}
	return u
}

// Policies returns the needs of each of n compartments.
func (p *Problem) Policies(in []int, n int) []compartment.Calls {
	out := make([]compartment.Calls, n)
	for i, c := range in {
		out[c] = Union(&out[c], &p.Pieces[i].Needs)
	}
	return out
}

// Cost returns that of a split into any number of compartments.
func (p *Problem) Cost(in []int) Cost {
	n := 0
	for _, c := range in {
		n = max(n, c+1)
	}
	needs, code := p.Policies(in, n), make([]uint64, n)
	for i, c := range in {
		code[c] += p.Pieces[i].Weight
	}
	var k Cost
	for c := range needs {
		k.Privilege += uint64(Count(&needs[c])) * code[c]
	}
	for i := range in {
		for j, e := range p.Edges[i] {
			if in[i] != in[j] {
				k.Crossings += uint64(e)
			}
		}
	}
	k.Total = k.Privilege + p.Price*k.Crossings
	return k
}

// Best returns the best split that it finds, which is the best one if Exact. given is a split to begin
// with, or nil.
func (p *Problem) Best(given []int) Split {
	s := p.Heuristic(given)
	e := p.Exact(&s, MaxNodes)
	if e.Exact {
		e.Bound = e.Cost.Total
	} else {
		e.Bound = p.newSearch(nil, 0).least()
	}
	e.In = canonical(e.In)
	return e
}

// canonical numbers the compartments in the order of their first piece.
func canonical(in []int) []int {
	number := map[int]int{0: 0}
	out := make([]int, len(in))
	for i, c := range in {
		if _, ok := number[c]; !ok {
			number[c] = len(number)
		}
		out[i] = number[c]
	}
	return out
}

// search is the state of Exact.
type search struct {
	p     *Problem
	order []int // pieces that can move, heaviest first
	in    []int
	needs []compartment.Calls // by compartment
	code  []uint64
	best  Split
	limit int
	nodes int
}

func (p *Problem) newSearch(start *Split, limit int) *search {
	s := &search{p: p, in: make([]int, len(p.Pieces)), needs: make([]compartment.Calls, p.N), code: make([]uint64, p.N), limit: limit}
	for i := range p.Pieces {
		x := &p.Pieces[i]
		if x.Pinned {
			s.needs[0] = Union(&s.needs[0], &x.Needs)
			s.code[0] += x.Weight
			continue
		}
		s.in[i] = -1
		s.order = append(s.order, i)
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(p.Pieces[b].Weight, p.Pieces[a].Weight) })
	if start != nil {
		s.best = *start
		s.best.In = slices.Clone(start.In)
	}
	return s
}

// least is a lower bound of the total of all splits.
func (s *search) least() uint64 { return s.bound(0, 1, 0).Total }

// Exact searches all splits for one that is better than the one to start with, and gives up after a
// number of nodes.
func (p *Problem) Exact(start *Split, limit int) Split {
	s := p.newSearch(start, limit)
	s.best.Exact = s.descend(0, 1, 0)
	s.best.Nodes = s.nodes
	return s.best
}

// bound is a lower bound of what the splits cost that agree with the pieces up to k, of which
// the first used compartments have some.
func (s *search) bound(k, used int, crossings uint64) Cost {
	c := Cost{Crossings: crossings}
	for i := range used {
		c.Privilege += uint64(Count(&s.needs[i])) * s.code[i]
	}
	for _, i := range s.order[k:] {
		x := &s.p.Pieces[i]
		least := Count(&x.Needs)
		if used == s.p.N {
			least = 512
			for j := range used {
				u := Union(&x.Needs, &s.needs[j])
				least = min(least, Count(&u))
			}
		}
		c.Privilege += uint64(least) * x.Weight
	}
	c.Total = c.Privilege + s.p.Price*crossings
	return c
}

// descend assigns piece k of order and those behind it, and reports whether it saw all ways to.
func (s *search) descend(k, used int, crossings uint64) bool {
	if s.nodes++; s.nodes > s.limit {
		return false
	}
	if s.bound(k, used, crossings).Compare(s.best.Cost) >= 0 {
		return true
	}
	if k == len(s.order) {
		s.best.In, s.best.Cost = slices.Clone(s.in), s.p.Cost(s.in)
		return true
	}
	i := s.order[k]
	x := &s.p.Pieces[i]
	for c := range min(used+1, s.p.N) {
		more := crossings
		for j, in := range s.in {
			if in >= 0 && in != c && j != i {
				more += uint64(s.p.Edges[i][j]) + uint64(s.p.Edges[j][i])
			}
		}
		needs, code := s.needs[c], s.code[c]
		s.in[i], s.needs[c], s.code[c] = c, Union(&needs, &x.Needs), code+x.Weight
		all := s.descend(k+1, max(used, c+1), more)
		s.in[i], s.needs[c], s.code[c] = -1, needs, code
		if !all {
			return false
		}
	}
	return true
}
