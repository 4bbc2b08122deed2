package summary

import "math/bits"

// Held says which registers hold what a register held on entry, each four bits from bit 4 times its number on: the number of
// that register xor that of rsp. So 0 is none, as no register is said to hold what rsp did. In the place of
// rsp itself is heldSlot.
type Held uint64

const (
	rsp = 4

	heldSlot Held = 1 << (4 * rsp)     // see Held.Slot
	heldOwn  Held = 0xba98fedc32107654 // each register holds its own
	heldOnes Held = 0x1111111111111111
	heldNone Held = 0xe << (4 * rsp) // means nothing
)

// Own says that the registers of a mask hold their own values of the entry.
func Own(regs uint16) Held {
	h := Held(regs)
	h = (h | h<<24) & 0x000000ff000000ff
	h = (h | h<<12) & 0x000f000f000f000f
	h = (h | h<<6) & 0x0303030303030303
	h = (h | h<<3) & heldOnes
	return h * 0xf & heldOwn
}

// With is h, and register to holds what from did. Neither is rsp.
func (h Held) With(to, from uint8) Held {
	return h&^(0xf<<(4*(to&15))) | Held(from^rsp)&0xf<<(4*(to&15))
}

// From returns the register whose value register to holds, which is not rsp. It reports false if there is none.
func (h Held) From(to uint8) (from uint8, ok bool) {
	r := uint8(h>>(4*(to&15))) & 0xf
	return r ^ rsp, r != 0
}

// OfSlot is h of a call through a slot.
func (h Held) OfSlot() Held { return h | heldSlot }

// Slot reports whether control goes to what a pointer holds.
func (h Held) Slot() bool { return h&heldSlot != 0 }

// Any reports whether a register holds something.
func (h Held) Any() bool { return h&^heldSlot != 0 }

// To returns the registers that hold what one of the registers of a mask did.
func (h Held) To(regs uint16) (to uint16) {
	for h &^= heldSlot; h != 0; {
		i := bits.TrailingZeros64(uint64(h)) &^ 3
		to |= regs >> (uint8(h>>i)&0xf ^ rsp) & 1 << (i / 4)
		h &^= 0xf << i
	}
	return to
}

// Of returns the registers whose values the registers of a mask hold.
func (h Held) Of(to uint16) (from uint16) {
	for to &^= 1 << rsp; to != 0; to &= to - 1 {
		if r, ok := h.From(uint8(bits.TrailingZeros16(to))); ok {
			from |= 1 << r
		}
	}
	return from
}
