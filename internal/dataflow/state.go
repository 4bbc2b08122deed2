package dataflow

// slot is a word of the frame that holds a known value.
type slot struct {
	off  int32 // from rsp on entry
	size uint8 // bytes stored
	sp   bool  // v may be an address in the frame that has not escaped by being stored here
	v    val
}

// inside reports whether the slot is all in [off, off+size).
func (t *slot) inside(off int32, size uint8) bool {
	return off <= t.off && t.off+int32(t.size) <= off+int32(size)
}

const maxSlots = 28

// state is what is known before an instruction: registers and frame.
type state struct {
	r    [16]val
	n    int
	esc  bool // an address in the frame has escaped: stores elsewhere and calls may write it
	lost bool // words of the caller's frame that were not written here may have changed too
	st   [maxSlots]slot
}

// load returns the value of size bytes at off.
func (s *state) load(off int32, size uint8) (val, uint8, bool) {
	for i := 0; i < s.n; i++ {
		if s.st[i].off == off && s.st[i].size >= size {
			return s.st[i].v, s.st[i].size, true
		}
	}
	return 0, 0, false
}

// overlaps reports whether any part of [off, off+size) was written with a known value.
func (s *state) overlaps(off int32, size uint8) bool {
	for i := 0; i < s.n; i++ {
		if t := &s.st[i]; t.off < off+int32(size) && off < t.off+int32(t.size) {
			return true
		}
	}
	return false
}

// store overwrites [off, off+size) with v. vTop is kept too: it says that the
// word no longer holds what the caller put there.
func (s *state) store(off int32, size uint8, v val) {
	for i := 0; i < s.n; {
		t := &s.st[i]
		if t.off < off+int32(size) && off < t.off+int32(t.size) {
			if t.off == off && t.size == size {
				t.v, t.sp = v, false
				return
			}
			s.esc = s.esc || t.sp && !t.inside(off, size)
			s.n--
			s.st[i] = s.st[s.n]
			continue
		}
		i++
	}
	if v == vTop && off < 0 {
		return
	}
	if s.n < maxSlots {
		s.st[s.n] = slot{off, size, false, v}
		s.n++
	} else if off >= 0 {
		s.lost = true
	}
}

// smash forgets every slot but the saved registers: words that hold what a
// register held on entry are the compiler's own and have no C name.
func (s *state) smash(v *values) {
	k := 0
	for i := 0; i < s.n; i++ {
		e := v.one(s.st[i].v)
		if e.k == kArg && e.b == 0 && calleeSaved>>uint(e.r)&1 != 0 && s.st[i].off < 0 {
			s.st[k] = s.st[i]
			k++
		} else {
			s.esc = s.esc || s.st[i].sp
		}
	}
	s.n = k
	s.lost = true
}

// storeSP overwrites the word at off with an address in the frame, which is known to
// be there as long as the slot is: when it is lost, the address has escaped.
func (s *state) storeSP(off int32, v val) {
	s.store(off, 8, v)
	for i := 0; i < s.n; i++ {
		if t := &s.st[i]; t.off == off && t.size == 8 {
			t.sp = true
			return
		}
	}
	s.esc = true
}

// holdsSP reports whether the word at off is known to hold an address in the frame.
func (s *state) holdsSP(off int32) bool {
	for i := 0; i < s.n; i++ {
		if s.st[i].off == off && s.st[i].sp {
			return true
		}
	}
	return false
}

// seen says that [off, off+size) is read in a way that is not followed.
func (s *state) seen(off int32, size uint8) {
	for i := 0; i < s.n; i++ {
		t := &s.st[i]
		s.esc = s.esc || t.sp && t.off < off+int32(size) && off < t.off+int32(t.size)
	}
}

// shown says that any of the frame may be read.
func (s *state) shown() {
	for i := 0; i < s.n; i++ {
		s.esc = s.esc || s.st[i].sp
	}
}

// differs returns the registers that s and t do not agree on. It does not branch: how many these are, and
// which, cannot be predicted.
func (s *state) differs(t *state) (regs uint16) {
	m := uint64(0)
	for r := range s.r {
		m |= (uint64(s.r[r]^t.r[r]) + (1<<32 - 1)) >> 32 << uint(r)
	}
	return uint16(m)
}

// given returns the registers that hold a value that says something: their own one of the entry, or another.
func (s *state) given() (own, other uint16) {
	m, n := uint64(0), uint64(0)
	for r, x := range s.r {
		m |= (uint64(x^(vArg0+val(r))) - 1) >> 63 << uint(r)
		n |= (uint64(vMany) - uint64(x)) >> 63 << uint(r)
	}
	return uint16(m), uint16(n &^ m)
}

// drop forgets registers.
func (s *state) drop(regs uint16) {
	for r := range s.r {
		if regs>>uint(r)&1 != 0 {
			s.r[r] = vTop
		}
	}
}

// set copies t, but not the slots that it does not use.
func (s *state) set(t *state) {
	s.r, s.n, s.esc, s.lost = t.r, t.n, t.esc, t.lost
	copy(s.st[:t.n], t.st[:t.n])
}
