package dataflow

// slot is a word of the frame that holds a known value.
type slot struct {
	off  int32 // from rsp on entry
	size uint8 // bytes stored
	v    val
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
				t.v = v
				return
			}
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
		s.st[s.n] = slot{off, size, v}
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
		}
	}
	s.n = k
	s.lost = true
}

// set copies t, but not the slots that it does not use.
func (s *state) set(t *state) {
	s.r, s.n, s.esc, s.lost = t.r, t.n, t.esc, t.lost
	copy(s.st[:t.n], t.st[:t.n])
}
