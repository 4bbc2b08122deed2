package fresh

import (
	"syscall"
	"testing"
)

// TestMake counts the page faults of a table whose places are read before they are written to.
func TestMake(t *testing.T) {
	const n = 1 << 20
	faults := func(table []uint64) int64 {
		count := func() int64 {
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				t.Fatal(err)
			}
			return u.Minflt
		}
		before := count()
		for i := range table {
			if table[i] == 0 {
				table[i] = 1
			}
		}
		return count() - before
	}
	table := Make[uint64](n)
	if len(table) != n {
		t.Fatalf("%d places, not %d", len(table), n)
	}
	for i, x := range table {
		if x != 0 {
			t.Fatalf("place %d is not zero", i)
		}
	}
	if got := faults(table); got > n*8/page/4 {
		t.Errorf("%d pages of %d were not touched", got, n*8/page)
	}
	large := Make[[3 * page]byte](3)
	large[2][3*page-1] = 1
	if s := Make[uint64](0); len(s) != 0 || large[1] != [3 * page]byte{} {
		t.Errorf("%d places of 0, %x", len(s), large[1][:8])
	}
}
