package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/x86"
)

// slot is a word of the frame that holds a known value.
type slot struct {
	off  int32 // from rsp on entry
	v    val
	size uint8 // bytes stored
	sp   bool  // v may be an address in the frame that has not escaped by being stored here
}

// inside reports whether the slot is all in [off, off+size).
func (t *slot) inside(off int32, size uint8) bool {
	return off <= t.off && t.off+int32(t.size) <= off+int32(size)
}

// common returns how many slots a and b both begin with.
func common(a, b []slot) int {
	for i := range a {
		if i == len(b) || a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

const maxSlots = 28

// state is what is known before an instruction: registers and frame. Most code leaves the frame alone, so
// that states share it.
type state struct {
	r    [16]val
	st   []slot          // of the frame; of others too, and not to be changed, if it is not own
	room *[maxSlots]slot // for a frame of its own; nil: the state is never stored to
	own  bool            // st is in room
	esc  bool            // an address in the frame has escaped: stores elsewhere and calls may write it
	did  deeds           // to the words of the frame, since the state was set up
	lost bool            // words of the caller's frame that were not written here may have changed too
}

// deeds is what was done to words of a frame, or is.
type deeds uint8

const (
	worded  deeds = 1 << iota // one was looked for, or stored to
	smashed                   // those that are not saved registers were forgotten
)

// newState returns a state that can be stored to.
func newState() state { return state{room: new([maxSlots]slot)} }

// mine returns the words of the frame, to be changed.
func (s *state) mine() []slot {
	if !s.own {
		s.st, s.own = s.room[:copy(s.room[:], s.st)], true
	}
	return s.st
}

// load returns the value of size bytes at off.
func (s *state) load(off int32, size uint8) (val, uint8, bool) {
	s.did |= worded
	for i := range s.st {
		if t := &s.st[i]; t.off == off && t.size >= size {
			return t.v, t.size, true
		}
	}
	return 0, 0, false
}

// overlaps reports whether any part of [off, off+size) was written with a known value.
func (s *state) overlaps(off int32, size uint8) bool {
	s.did |= worded
	for i := range s.st {
		if t := &s.st[i]; t.off < off+int32(size) && off < t.off+int32(t.size) {
			return true
		}
	}
	return false
}

// store overwrites [off, off+size) with v. vTop is kept too: it says that the
// word no longer holds what the caller put there.
func (s *state) store(off int32, size uint8, v val) {
	s.did |= worded
	for i := 0; i < len(s.st); {
		t := &s.st[i]
		if t.off < off+int32(size) && off < t.off+int32(t.size) {
			if t.off == off && t.size == size {
				if t.v != v || t.sp {
					t = &s.mine()[i]
					t.v, t.sp = v, false
				}
				return
			}
			s.esc = s.esc || t.sp && !t.inside(off, size)
			s.drop(i)
			continue
		}
		i++
	}
	if v == vTop && off < 0 {
		return
	}
	if len(s.st) < maxSlots {
		s.st = append(s.mine(), slot{off, v, size, false})
	} else if off >= 0 {
		s.lost = true
	}
}

// clobber overwrites [off, off+size) with something unknown.
func (s *state) clobber(off int32, size uint8) {
	if size > 64 {
		s.smash()
		return
	}
	if size > 8 && off+int32(size) <= 0 && !s.overlaps(off, size) {
		return // as mostly
	}
	for o := uint8(0); o < size; o += 8 {
		s.store(off+int32(o), min(8, size-o), vTop)
	}
}

// drop forgets word i.
func (s *state) drop(i int) {
	st := s.mine()
	n := len(st) - 1
	st[i] = st[n]
	s.st = st[:n]
}

// smash forgets every slot but the saved registers: words that hold what a
// register held on entry are the compiler's own and have no C name.
func (s *state) smash() {
	s.did |= smashed
	s.lost = true
	k := 0
	for k < len(s.st) && s.st[k].saved() {
		k++ // mostly all of them are
	}
	for i := k; i < len(s.st); i++ {
		if t := &s.st[i]; t.saved() {
			s.mine()[k] = *t
			k++
		} else {
			s.esc = s.esc || t.sp
		}
	}
	s.st = s.st[:k]
}

// saved reports whether the slot holds what the caller left in a register that calls preserve.
func (t *slot) saved() bool { return preserved(t.v) && t.off < 0 }

// preserved reports whether x is what the caller left in a register that calls preserve.
func preserved(x val) bool { return x-vArg0 < 16 && calleeSaved>>(x-vArg0)&1 != 0 }

// storeSP overwrites the word at off with an address in the frame, which is known to
// be there as long as the slot is: when it is lost, the address has escaped.
func (s *state) storeSP(off int32, v val) {
	s.store(off, 8, v)
	for i := range s.st {
		if t := &s.st[i]; t.off == off && t.size == 8 {
			s.mine()[i].sp = true
			return
		}
	}
	s.esc = true
}

// holdsSP reports whether the word at off is known to hold an address in the frame.
func (s *state) holdsSP(off int32) bool {
	for i := range s.st {
		if s.st[i].off == off && s.st[i].sp {
			return true
		}
	}
	return false
}

// rewritten says that the words of the frame may have been written since.
func (s *state) rewritten() {
	s.did |= worded
	st := s.mine()
	for i := range st {
		st[i].v = vTop
	}
	s.esc, s.lost = true, true
}

// The two functions that follow look at two registers at once, whose values have 31 bits, and do not branch: how many
// registers it will be, and which, cannot be predicted. That the numbers of registers are constants is what makes one load of two.

const each = 1<<32 | 1 // 1 for each of two registers

// pair returns registers r and r+1.
func (s *state) pair(r int) uint64 { return uint64(s.r[r]) | uint64(s.r[r+1])<<32 }

// above returns in bits 0 and 32 which of two registers are more than n.
func above(pair, n uint64) uint64 { return (pair + (1<<31-1-n)*each) >> 31 & each }

// mask returns the registers of pairs of bits.
func mask(a, b, c, d, e, f, g, h uint64) uint16 {
	m := a | b<<2 | c<<4 | d<<6 | e<<8 | f<<10 | g<<12 | h<<14
	return uint16(m | m>>31)
}

// differs returns the registers that s and t do not agree on.
func (s *state) differs(t *state) (regs uint16) {
	return mask(above(s.pair(0)^t.pair(0), 0), above(s.pair(2)^t.pair(2), 0), above(s.pair(4)^t.pair(4), 0), above(s.pair(6)^t.pair(6), 0),
		above(s.pair(8)^t.pair(8), 0), above(s.pair(10)^t.pair(10), 0), above(s.pair(12)^t.pair(12), 0), above(s.pair(14)^t.pair(14), 0))
}

// atEntry is what the registers hold on entry.
var atEntry = func() (s state) {
	for r := range s.r {
		s.r[r] = vArg0 + val(r)
	}
	return
}()

// given returns the registers that hold a value that says something: their own one of the entry, or another.
func (s *state) given() (own, other uint16) {
	some := mask(above(s.pair(0), uint64(vMany)), above(s.pair(2), uint64(vMany)), above(s.pair(4), uint64(vMany)), above(s.pair(6), uint64(vMany)),
		above(s.pair(8), uint64(vMany)), above(s.pair(10), uint64(vMany)), above(s.pair(12), uint64(vMany)), above(s.pair(14), uint64(vMany)))
	other = s.differs(&atEntry)
	return ^other, some & other
}

// forget leaves nothing known of some registers.
func (s *state) forget(regs uint16) {
	if regs == callerSaved { // as mostly
		s.r[x86.RAX], s.r[x86.RCX], s.r[x86.RDX], s.r[x86.RSI], s.r[x86.RDI] = vTop, vTop, vTop, vTop, vTop
		s.r[x86.R8], s.r[x86.R9], s.r[x86.R10], s.r[x86.R11] = vTop, vTop, vTop, vTop
		return
	}
	for ; regs != 0; regs &= regs - 1 {
		s.r[bits.TrailingZeros16(regs)&15] = vTop
	}
}

// set makes s like t.
func (s *state) set(t *state) {
	s.r, s.st, s.own, s.esc, s.lost, s.did = t.r, t.st, false, t.esc, t.lost, 0
	if t.own {
		s.mine()
	}
}
