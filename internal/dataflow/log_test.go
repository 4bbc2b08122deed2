package dataflow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/summary"
)

// TestLog compares what a log says of units, one after the other, with what was put into it: few values and
// many, in one part and in several, with visits that do not count and what is of no block.
func TestLog(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	l := log[summary.Ref]{hash: hashRefs}
	for n := range 3000 {
		l.reset()
		blocks, parts, kinds := 1+r.IntN(20), 1, 1+r.IntN(40)
		part := []int32(nil)
		if n%2 == 1 {
			parts = 1 + r.IntN(5)
			for range blocks {
				part = append(part, int32(r.IntN(parts)))
			}
		}
		some := func() (vals []summary.Ref) {
			for range r.IntN(1 + r.IntN(1+n%30)) {
				k := r.IntN(kinds)
				vals = append(vals, summary.Ref{A: uint64(0x1000 * k), Kind: summary.Kind(k % 3), Reg: uint8(k & 4)})
			}
			return vals
		}
		in := make([][]summary.Ref, parts) // all of what is in a part
		visit := func() (from, to int32, vals []summary.Ref) {
			vals = some()
			from = int32(len(l.noted))
			l.noted = append(l.noted, vals...)
			return from, int32(len(l.noted)), vals
		}
		for range r.IntN(30) {
			visit() // not the last one of its block
			at := len(l.noted)
			_, _, vals := visit()
			l.setAside(at)
			in[0] = append(in[0], vals...)
		}
		type noted struct {
			from, to int32
			vals     []summary.Ref
		}
		var notes []noted
		for range blocks {
			from, to, vals := visit()
			notes = append(notes, noted{from, to, vals})
		}
		l.start()
		for b, x := range notes {
			p := int32(0)
			if part != nil {
				p = part[b]
			}
			if b%5 == 4 { // evaluated again
				_, _, x.vals = visit()
				l.emitted(int32(b))
			} else {
				l.add(x.from, x.to, int32(b))
			}
			in[p] = append(in[p], x.vals...)
		}
		var want []summary.Ref
		var ends []uint32
		for p, vals := range in {
			from := len(want)
			for _, v := range vals {
				if !slices.Contains(want[from:], v) && (p == 0 || !slices.Contains(in[0], v)) {
					want = append(want, v)
				}
			}
			ends = append(ends, uint32(len(want)))
		}
		got, at := l.unit(part, parts)
		if !slices.Equal(got, want) || !slices.Equal(at, ends) {
			t.Fatalf("unit %d of %d parts: %v, parts end at %d; want %v, %d", n, parts, got, at, want, ends)
		}
		if got == nil != (len(want) == 0) {
			t.Fatalf("unit %d: %#v", n, got)
		}
	}
}
