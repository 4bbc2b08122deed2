package dataflow

import (
	"sync"
	"sync/atomic"

	"github.com/gofind-dev/gofind/internal/fresh"
)

// memo remembers bits about addresses of a file, for all analysers of it. Bits
// depend on the file alone and are only added; those that are added while
// the table grows may be lost, and are found again.
type memo struct {
	tab  atomic.Pointer[memoTab]
	grow sync.Mutex
}

// memoTab is an open hash table of a power of two entries.
type memoTab struct {
	entries []memoEntry
	n       atomic.Int32
}

type memoEntry struct{ addr, bits atomic.Uint64 } // 0: free

// What is remembered of the code at an address. For three depths, from bit 16
// on: the registers that it may change.
const (
	memoNever      = 1 << 0 // and at bits 2, 4 for the next depths: the next bit is known
	memoNeverValue = 1 << 1 // it does not return
	memoTwice      = 1 << 6 // the next bit is known
	memoTwiceValue = 1 << 7
	memoClob       = 1 << 8 // and at bits 9, 10: the registers are known
	memoClobShift  = 16

	memoBack = 1 << 11 // a call of it comes back without a condition

	memoDecides      = 1 << 12 // the next bit is known
	memoDecidesValue = 1 << 13 // it is a short leaf with conditions

	memoArgless      = 1 << 14 // the next bit is known
	memoArglessValue = 1 << 15 // it does not look at its caller's frame
)

func newMemo() *memo {
	m := &memo{}
	m.tab.Store(&memoTab{entries: make([]memoEntry, 256)})
	return m
}

// at returns the entry of a, or nil if there is none and none is to be made.
func (t *memoTab) at(a uint64, add bool) *memoEntry {
	mask := uint64(len(t.entries) - 1)
	h := a * 0x9E3779B97F4A7C15
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		k := e.addr.Load()
		if k == 0 {
			if !add {
				return nil
			}
			if e.addr.CompareAndSwap(0, a) {
				t.n.Add(1)
				return e
			}
			k = e.addr.Load()
		}
		if k == a {
			return e
		}
	}
}

func (m *memo) get(a uint64) uint64 {
	if e := m.tab.Load().at(a, false); e != nil && a != 0 {
		return e.bits.Load()
	}
	return 0
}

func (m *memo) add(a, bits uint64) {
	if a == 0 {
		return
	}
	t := m.tab.Load()
	if 2*int(t.n.Load()) > len(t.entries) {
		m.grow.Lock()
		if t = m.tab.Load(); 2*int(t.n.Load()) > len(t.entries) {
			n := &memoTab{entries: fresh.Make[memoEntry](2 * len(t.entries))}
			for i := range t.entries {
				if k := t.entries[i].addr.Load(); k != 0 {
					n.at(k, true).bits.Store(t.entries[i].bits.Load())
				}
			}
			t = n
			m.tab.Store(n)
		}
		m.grow.Unlock()
	}
	t.at(a, true).bits.Or(bits)
}
