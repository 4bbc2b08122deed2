package dataflow

import (
	"sync"
	"testing"
)

// TestMemo adds the same facts from several goroutines and asks for them later.
func TestMemo(t *testing.T) {
	m := newMemo()
	fact := func(a uint64) uint64 { return a*0x9E3779B97F4A7C15 | 1 }
	var wg sync.WaitGroup
	for k := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(20000) {
				a := (i*7+k*1000)%20000 + 1
				if got := m.get(a); got != 0 && got != fact(a) {
					t.Errorf("get(%d) = %#x, want %#x or nothing", a, got, fact(a))
				}
				m.add(a, fact(a))
			}
		})
	}
	wg.Wait()
	for a := uint64(1); a <= 20000; a++ {
		m.add(a, fact(a)) // may have been lost
		if got := m.get(a); got != fact(a) {
			t.Fatalf("get(%d) = %#x, want %#x", a, got, fact(a))
		}
	}
	if m.get(0) != 0 {
		t.Fatal("something is known of address 0")
	}
}
