package summary

import "math/bits"

// Moves says which registers hold what a register held on entry, each four bits from bit 4 times its number on: the number of
// that register xor that of rsp. So 0 is none, as no register is said to hold what rsp did. In the place of
// rsp itself is movesSlot.
type Moves uint64

const (
	rsp = 4

	movesSlot Moves = 1 << (4 * rsp)     // see Moves.Slot
	movesOwn  Moves = 0xba98fedc32107654 // each register holds its own
	movesOnes Moves = 0x1111111111111111
	movesNone Moves = 0xe << (4 * rsp) // means nothing
)

// Own says that the registers of a mask hold their own values of the entry.
func Own(regs uint16) Moves {
	m := Moves(regs)
	m = (m | m<<24) & 0x000000ff000000ff
	m = (m | m<<12) & 0x000f000f000f000f
	m = (m | m<<6) & 0x0303030303030303
	m = (m | m<<3) & movesOnes
	return m * 0xf & movesOwn
}

// With is m, and register to holds what from did. Neither is rsp.
func (m Moves) With(to, from uint8) Moves {
	return m&^(0xf<<(4*(to&15))) | Moves(from^rsp)&0xf<<(4*(to&15))
}

// From returns the register whose value register to holds, which is not rsp. It reports false if there is none.
func (m Moves) From(to uint8) (from uint8, ok bool) {
	r := uint8(m>>(4*(to&15))) & 0xf
	return r ^ rsp, r != 0
}

// OfSlot is m of a call through a slot.
func (m Moves) OfSlot() Moves { return m | movesSlot }

// Slot reports whether control goes to what a pointer holds.
func (m Moves) Slot() bool { return m&movesSlot != 0 }

// Any reports whether a register holds something.
func (m Moves) Any() bool { return m&^movesSlot != 0 }

// To returns the registers that hold what one of the registers of a mask did.
func (m Moves) To(regs uint16) (to uint16) {
	for m &^= movesSlot; m != 0; {
		i := bits.TrailingZeros64(uint64(m)) &^ 3
		to |= regs >> (uint8(m>>i)&0xf ^ rsp) & 1 << (i / 4)
		m &^= 0xf << i
	}
	return to
}

// Of returns the registers whose values the registers of a mask hold.
func (m Moves) Of(to uint16) (from uint16) {
	for to &^= 1 << rsp; to != 0; to &= to - 1 {
		if r, ok := m.From(uint8(bits.TrailingZeros16(to))); ok {
			from |= 1 << r
		}
	}
	return from
}
