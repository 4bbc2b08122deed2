package dataflow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/summary"
)

// TestLog compares what a log says of units, one after the other, with what was put into it: few values and
// many, in one part and in several, with visits that do not count and what is of no block.
func TestLog(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var l log
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
		some := func() (vals []entry) {
			for range r.IntN(1 + r.IntN(1+n%30)) {
				k := r.IntN(kinds)
				switch a := uint64(0x1000 * k); k % 5 {
				case 0:
					vals = append(vals, entryOfPass(summary.ArgPass{Callee: a, Moves: summary.Moves(k)}))
				case 1:
					vals = append(vals, entryOfStore(summary.ArgStore{Slot: a, Size: uint8(k)}))
				default:
					vals = append(vals, entryOfRef(summary.Ref{A: a, Kind: summary.Kind(k % 3), Reg: uint8(k & 4)}))
				}
			}
			return vals
		}
		in := make([][]entry, parts) // all of what is in a part
		visit := func() (from, to int32, vals []entry) {
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
			vals     []entry
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
		var want, got summary.Unit
		var kept, gotKept summary.Rest
		wantDiv, gotDiv := &summary.Division{}, &summary.Division{Parts: make([]summary.Part, parts)}
		for p, vals := range in {
			for i, v := range vals {
				if slices.Contains(vals[:i], v) || p > 0 && slices.Contains(in[0], v) {
					continue
				}
				switch {
				case v.fields >= entryStore:
					kept.Kept = append(kept.Kept, v.store())
				case v.fields >= entryPass:
					want.Passes = append(want.Passes, v.pass())
				default:
					want.Refs = append(want.Refs, v.ref())
				}
			}
			wantDiv.Parts = append(wantDiv.Parts, summary.Part{Refs: uint32(len(want.Refs)), Passes: uint32(len(want.Passes)), Kept: uint32(len(kept.Kept))})
		}
		if parts == 1 {
			wantDiv, gotDiv = nil, nil
		}
		l.unit(&got, &gotKept, part, gotDiv)
		if d := cmp.Diff([]any{want, kept, wantDiv}, []any{got, gotKept, gotDiv}); d != "" {
			t.Fatalf("unit %d of %d parts (-want +got):\n%s", n, parts, d)
		}
	}
}

// TestEntry writes down what a unit may refer to, with all that its fields can hold, and reads it.
func TestEntry(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	small := func() uint8 { return uint8(r.Uint32()) }
	for range 10000 {
		ref := summary.Ref{A: r.Uint64(), B: r.Uint64(), Off: int32(r.Uint32()), Size: uint16(r.Uint32()), Kind: summary.Kind(r.IntN(int(summary.RefTable) + 1)), Reg: small()}
		pass := summary.ArgPass{Callee: r.Uint64(), Moves: summary.Moves(r.Uint64())}
		store := summary.ArgStore{Slot: r.Uint64(), N: int64(r.Uint64()), Kind: summary.StoreKind(r.IntN(3)), Reg: small(), Size: small()}
		e, f, g := entryOfRef(ref), entryOfPass(pass), entryOfStore(store)
		if e.ref() != ref || f.pass() != pass || g.store() != store {
			t.Fatalf("%+v, %+v and %+v are read as %+v, %+v and %+v", ref, pass, store, e.ref(), f.pass(), g.store())
		}
		if e.fields >= entryPass || f.fields < entryPass || f.fields >= entryStore || g.fields < entryStore {
			t.Fatalf("%+v, %+v and %+v are not told apart", e, f, g)
		}
	}
}
