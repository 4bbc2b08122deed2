package dataflow

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is done to two registers at a time is what is done to one after the other.
func TestRegistersAreComparedAsOneByOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	some := []val{vBottom, vTop, vMany, vArg0, vArg0 + 15, setBit - 1, setBit | topBit, setBit | topBit | (topBit - 1), 1<<31 - 1}
	for range 20000 {
		var s, u state
		for r := range s.r {
			s.r[r] = some[rnd.IntN(len(some))]
			if u.r[r] = s.r[r]; rnd.IntN(3) == 0 {
				u.r[r] = some[rnd.IntN(len(some))]
			}
			if rnd.IntN(4) == 0 {
				s.r[r] = vArg0 + val(r)
			}
		}
		var differs, own, other uint16
		for r := range s.r {
			if s.r[r] != u.r[r] {
				differs |= 1 << r
			}
			switch {
			case s.r[r] == vArg0+val(r):
				own |= 1 << r
			case s.r[r] > vMany:
				other |= 1 << r
			}
		}
		if got := s.differs(&u); got != differs {
			t.Fatalf("%v and %v differ in %#x, want %#x", s.r, u.r, got, differs)
		}
		if a, b := s.given(); a != own || b != other {
			t.Fatalf("%v gives %#x, %#x, want %#x, %#x", s.r, a, b, own, other)
		}
	}
}

// States that share a frame do not see what is stored to it in one of them.
func TestSharedFramesDoNotChange(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var all states
	s := newState()
	all.add(&s)
	want := [][]slot{nil}
	for i := range 3000 {
		switch rnd.IntN(6) {
		case 0:
			s.set(all.at(int32(rnd.IntN(len(want)))))
		case 1:
			s.smash()
		case 2:
			before := slices.Clone(s.st)
			u := newState()
			u.set(&s) // which may have a frame of its own
			u.store(-8, 8, vTop)
			u.store(16, 8, val(i))
			if !slices.Equal(s.st, before) {
				t.Fatalf("the frame became %v, was %v", s.st, before)
			}
		default:
			s.store(int32(rnd.IntN(80)-40), 1<<rnd.IntN(4), vArg0+val(rnd.IntN(40)))
		}
		if rnd.IntN(2) == 0 {
			want = append(want, slices.Clone(s.st))
			all.add(&s)
		}
	}
	for i, w := range want {
		if got := all.at(int32(i)).st; !slices.Equal(got, w) {
			t.Fatalf("state %d has the frame %v, was added with %v", i, got, w)
		}
	}
}

// The queue gives the blocks by rank, and those of the same rank by address.
func TestQueueIsInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	w := &worker{}
	for range 400 {
		w.blocks = append(w.blocks, block{rank: rnd.Uint64N(100), pc: rnd.Uint64()})
	}
	queued := map[int32]bool{}
	for i := range 50000 {
		if rnd.IntN(3) < 1+i/10000%2 { // grows and shrinks
			b := int32(rnd.IntN(len(w.blocks)))
			queued[b] = true
			w.enqueue(b)
			continue
		}
		want := int32(-1)
		for b := range queued {
			x, y := &w.blocks[b], &w.blocks[max(want, 0)]
			if want < 0 || x.rank < y.rank || x.rank == y.rank && x.pc < y.pc {
				want = b
			}
		}
		got := w.next()
		if got != want {
			t.Fatalf("step %d: block %d, want %d", i, got, want)
		}
		if got >= 0 {
			delete(queued, got)
			w.blocks[got].queued = false
		}
	}
}
