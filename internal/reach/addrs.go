package reach

// addrs maps addresses of an image to values that are not zero. The graph asks for each address
// that code refers to, most of them several times: a map of the language takes twice the time
// and memory.
type addrs[V ~uint8 | ~uint32] struct {
	keys []uint64 // open addressing; a power of two
	vals []V      // 0: free
	n    int
}

// at returns the place of a, or the free one where it belongs.
func (m *addrs[V]) at(a uint64) int {
	mask := uint64(len(m.keys) - 1)
	h := a * 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		if m.vals[i] == 0 || m.keys[i] == a {
			return int(i)
		}
	}
}

// get returns the value of a, 0 if it has none.
func (m *addrs[V]) get(a uint64) V {
	if m.n == 0 {
		return 0
	}
	return m.vals[m.at(a)]
}

// find is get, and reports whether there is one.
func (m *addrs[V]) find(a uint64) (V, bool) {
	v := m.get(a)
	return v, v != 0
}

// put gives a a value.
func (m *addrs[V]) put(a uint64, v V) {
	if 4*m.n >= 3*len(m.keys) {
		m.grow()
	}
	i := m.at(a)
	if m.vals[i] == 0 {
		m.keys[i] = a
		m.n++
	}
	m.vals[i] = v
}

func (m *addrs[V]) grow() {
	keys, vals := m.keys, m.vals
	size := max(64, 2*len(keys))
	m.keys, m.vals = make([]uint64, size), make([]V, size)
	for i, v := range vals {
		if v != 0 {
			at := m.at(keys[i])
			m.keys[at], m.vals[at] = keys[i], v
		}
	}
}

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
	markOut                      // an address of data that code of its image lets escape: all that it leads to is live
)

// marks are the marks of the addresses of an image.
type marks struct{ addrs[mark] }

// has reports whether a has a mark.
func (m *marks) has(a uint64, k mark) bool { return m.get(a)&k != 0 }

// set gives a a mark, and reports whether it did not have it.
func (m *marks) set(a uint64, k mark) bool {
	if 4*m.n >= 3*len(m.keys) {
		m.grow()
	}
	i := m.at(a)
	old := m.vals[i]
	if old&k != 0 {
		return false
	}
	if old == 0 {
		m.keys[i] = a
		m.n++
	}
	m.vals[i] = old | k
	return true
}
