package reach

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// eachVsyscall finds what looking at one word after the other does, wherever it stands among words like it.
func TestEachVsyscall(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 20000 {
		b := make([]byte, r.IntN(300))
		for i := 0; i+8 <= len(b); i += 8 {
			v := [...]uint64{0, r.Uint64(), ^uint64(0), 0xffffffff, 0xfffffffe_ffffffff, vsyscallPage - 1, vsyscallPage + 0x1000}[r.IntN(7)]
			binary.LittleEndian.PutUint64(b[i:], v)
		}
		off := r.IntN(8)
		for range r.IntN(3) {
			if i := off + 8*r.IntN(40); i+8 <= len(b) {
				binary.LittleEndian.PutUint64(b[i:], vsyscallPage+r.Uint64N(0x1000))
			}
		}
		var want, got []uint64
		for i := off; i+8 <= len(b); i += 8 {
			if v := binary.LittleEndian.Uint64(b[i:]); v >= vsyscallPage && v < vsyscallPage+0x1000 {
				want = append(want, uint64(i), v)
			}
		}
		eachVsyscall(b, off, func(i int, v uint64) { got = append(got, uint64(i), v) })
		if !slices.Equal(got, want) {
			t.Fatalf("%x from %d: %x, not %x", b, off, got, want)
		}
		found += len(want) / 2
	}
	if found < 1000 {
		t.Errorf("only %d words were to be found", found)
	}
}
