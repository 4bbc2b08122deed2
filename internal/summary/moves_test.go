package summary

import (
	"math/rand/v2"
	"testing"
)

// TestMoves compares Moves with a table of registers.
func TestMoves(t *testing.T) {
	const none = 0xff
	r := rand.New(rand.NewPCG(1, 2))
	reg := func() uint8 {
		n := uint8(r.IntN(15))
		if n >= rsp {
			n++
		}
		return n
	}
	for range 10000 {
		own := uint16(r.Uint32()) & uint16(r.Uint32())
		h, slot := Own(own), r.IntN(2) == 0
		if slot {
			h = h.OfSlot()
		}
		var held [16]uint8
		for to := range held {
			if held[to] = none; own>>to&1 != 0 && to != rsp {
				held[to] = uint8(to)
			}
		}
		for range r.IntN(6) {
			to, from := reg(), reg()
			h, held[to] = h.With(to, from), from
		}
		a, b := uint16(r.Uint32()), uint16(r.Uint32())
		any, to, from := false, uint16(0), uint16(0)
		for reg, is := range held {
			if reg == rsp {
				continue
			}
			if got, ok := h.From(uint8(reg)); ok != (is != none) || ok && got != is {
				t.Fatalf("%x: register %d holds %d (%v), not %d", uint64(h), reg, got, ok, is)
			}
			if is == none {
				continue
			}
			any = true
			if a>>is&1 != 0 {
				to |= 1 << reg
			}
			if b>>reg&1 != 0 {
				from |= 1 << is
			}
		}
		if h.Slot() != slot || h.Any() != any || h.To(a) != to || h.Of(b) != from {
			t.Fatalf("%x: Slot %v, Any %v, To(%x) %x, Of(%x) %x; not %v, %v, %x, %x", uint64(h), h.Slot(), h.Any(), a, h.To(a), b, h.Of(b), slot, any, to, from)
		}
		roundTrip(t, &File{SHA256: zeroSum, Units: []*Unit{{Passes: []ArgPass{{Callee: 1, Moves: h}, {Callee: 2}}}}})
	}
	if _, err := (&File{SHA256: zeroSum, Units: []*Unit{{Passes: []ArgPass{{Moves: movesNone}}}}}).MarshalBinary(); err == nil {
		t.Error("what means nothing was written")
	}
}
