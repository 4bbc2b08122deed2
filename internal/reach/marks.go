package reach

// mark is a fact about an address of an image, or the 8-byte word there.
type mark uint8

// Marks.
const (
	markRead    mark = 1 << iota // a word that live code reads
	markTaken                    // an escaped address of writable memory
	markWide                     // a pointer moves backwards from here
	markBack                     // a word whose pointers are moved backwards
	markOffsets                  // looked at as a table of offsets from itself
	markSeen                     // looked at as text
	markGiven                    // an entry of a jump table that was given away
)

// marks are the marks of an image. Most escaped addresses get several, and each is asked for
// whenever the address is met again, so they share one table: less than half the memory of a
// map for each, and of the time that a large program spends on them.
type marks struct {
	keys []uint64 // open addressing; a power of two
	bits []mark   // 0: free
	n    int
}

// at returns the place of a, or the free one where it belongs.
func (m *marks) at(a uint64) int {
	mask := uint64(len(m.keys) - 1)
	h := a * 0x9E3779B97F4A7C15
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		if m.bits[i] == 0 || m.keys[i] == a {
			return int(i)
		}
	}
}

// has reports whether a has a mark.
func (m *marks) has(a uint64, k mark) bool {
	return m.n > 0 && m.bits[m.at(a)]&k != 0
}

// set gives a a mark, and reports whether it did not have it.
func (m *marks) set(a uint64, k mark) bool {
	if 4*m.n >= 3*len(m.keys) {
		m.grow()
	}
	i := m.at(a)
	old := m.bits[i]
	if old&k != 0 {
		return false
	}
	if old == 0 {
		m.keys[i] = a
		m.n++
	}
	m.bits[i] = old | k
	return true
}

func (m *marks) grow() {
	keys, bits := m.keys, m.bits
	size := max(64, 2*len(keys))
	m.keys, m.bits = make([]uint64, size), make([]mark, size)
	for i, b := range bits {
		if b != 0 {
			at := m.at(keys[i])
			m.keys[at], m.bits[at] = keys[i], b
		}
	}
}
