package reach

import "github.com/gofind-dev/gofind/internal/fresh"

// addrs maps addresses of an image to values that are not zero. The graph asks for each address
// that code refers to, most of them several times: a map of the language takes twice the time
// and memory.
type addrs[V ~uint8 | ~uint32] struct {
	slots []slot[V]    // open addressing; a power of two
	n     int          // of them that are not free
	far   map[uint64]V // those of addresses that fit in no slot: of no process
}

// slot is an address of 48 bits with its value, 0 if it is free: together, since they are met in no order.
type slot[V ~uint8 | ~uint32] struct {
	low  uint32
	high uint16
	v    V
}

// at returns the slot of a, or the free one where it belongs.
func (m *addrs[V]) at(a uint64) *slot[V] {
	mask := uint64(len(m.slots) - 1)
	h := a >> 6 * 0x9E3779B97F4A7C15                                // 2^64 divided by the golden ratio
	for i := ((h^h>>32)&^7 | a>>3&7) & mask; ; i = (i + 1) & mask { // neighbours are asked for together
		if s := &m.slots[i]; s.v == 0 || s.low == uint32(a) && s.high == uint16(a>>32) {
			return s
		}
	}
}

// get returns the value of a, 0 if it has none.
func (m *addrs[V]) get(a uint64) V {
	switch {
	case a>>48 != 0:
		return m.far[a]
	case m.n == 0:
		return 0
	}
	return m.at(a).v
}

// find is get, and reports whether there is one.
func (m *addrs[V]) find(a uint64) (V, bool) {
	v := m.get(a)
	return v, v != 0
}

// put gives a a value.
func (m *addrs[V]) put(a uint64, v V) {
	if a>>48 != 0 {
		if m.far == nil {
			m.far = map[uint64]V{}
		}
		m.far[a] = v
		return
	}
	m.room(a).v = v
}

// room returns the slot of a, which is a's own from now on: it is to be given a value.
func (m *addrs[V]) room(a uint64) *slot[V] {
	if 4*m.n >= 3*len(m.slots) {
		m.grow()
	}
	s := m.at(a)
	if s.v == 0 {
		m.n++
		s.low, s.high = uint32(a), uint16(a>>32)
	}
	return s
}

func (m *addrs[V]) grow() {
	old := m.slots
	m.slots = fresh.Make[slot[V]](max(64, 2*len(old)))
	for _, s := range old {
		if s.v != 0 {
			*m.at(uint64(s.high)<<32 | uint64(s.low)) = s
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

// add gives a marks, and returns those that it had.
func (m *marks) add(a uint64, k mark) (old mark) {
	if a>>48 != 0 {
		old = m.far[a]
		m.put(a, old|k)
		return old
	}
	s := m.room(a)
	old = s.v
	s.v |= k
	return old
}

// has reports whether a has a mark.
func (m *marks) has(a uint64, k mark) bool { return m.get(a)&k != 0 }

// set gives a a mark, and reports whether it did not have it.
func (m *marks) set(a uint64, k mark) bool {
	return m.add(a, k)&k == 0
}
