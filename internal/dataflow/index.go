package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/fresh"
)

// index maps addresses, or hashes, to numbers. It is emptied at no cost, since what was
// entered before the last reset does not count. It begins small each time, so that
// the memory of a large unit does not slow down those that follow.
type index struct {
	tab   []indexEntry // open addressing; a power of two
	tabs  tables[indexEntry]
	n     int
	epoch uint32
}

type indexEntry struct {
	key   uint64
	v     int32
	epoch uint32
}

func (m *index) reset() {
	if m.epoch++; m.epoch == 0 {
		*m = index{epoch: 1}
	}
	m.tab, m.n = m.tabs.get(64), 0
}

// expect makes room for about n entries, while there is none.
func (m *index) expect(n int) {
	for m.n == 0 && 2*n > len(m.tab) {
		m.tab = m.tabs.get(2 * len(m.tab))
	}
}

// at returns the entry of a, or the free one where it belongs.
func (m *index) at(a uint64) *indexEntry {
	mask := uint64(len(m.tab) - 1)
	h := a * 0x9E3779B97F4A7C15
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		if e := &m.tab[i]; e.epoch != m.epoch || e.key == a {
			return e
		}
	}
}

func (m *index) get(a uint64) (int32, bool) {
	if m.n == 0 {
		return 0, false
	}
	e := m.at(a)
	return e.v, e.epoch == m.epoch
}

// add enters a, which must not be there.
func (m *index) add(a uint64, v int32) {
	m.room()
	*m.at(a) = indexEntry{a, v, m.epoch}
	m.n++
}

// first enters a, and reports whether it was not there.
func (m *index) first(a uint64) bool {
	m.room()
	e := m.at(a)
	if e.epoch == m.epoch {
		return false
	}
	*e = indexEntry{a, 0, m.epoch}
	m.n++
	return true
}

// room makes room for one more entry.
func (m *index) room() {
	if 2*m.n < len(m.tab) {
		return
	}
	old := m.tab
	m.tab = m.tabs.get(2 * len(old)) // of an earlier epoch
	for i := range old {
		if e := &old[i]; e.epoch == m.epoch {
			*m.at(e.key) = *e
		}
	}
}

// tables are the memory of a table that grows, one for each power of two.
type tables[T any] [32][]T

// get returns the table of n entries, as it was left.
func (t *tables[T]) get(n int) []T {
	p := &t[bits.TrailingZeros(uint(n))&31]
	if *p == nil {
		*p = fresh.Make[T](n)
	}
	return *p
}

// again returns the table to begin with, which is like base, after t was used and maybe outgrew it.
func (t *tables[T]) again(used, base []T) []T {
	if len(used) > len(base) {
		clear(used)
		used = t.get(len(base))
	}
	copy(used, base)
	return used
}
