package gate

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/gofind-dev/gofind/internal/x86"
)

// TestJumpsTo: a jump to a place is found wherever its bytes begin, and nothing else is.
func TestJumpsTo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const addr = 0x1000
	found := 0
	for range 20000 {
		code := make([]byte, 6+rng.IntN(300))
		for i := range code {
			code[i] = byte(rng.Uint32())
		}
		to := uint64(addr + rng.IntN(len(code)+600) - 300)
		if at := rng.IntN(len(code) - 5); rng.IntN(2) == 0 {
			op := [][]byte{{0xe9}, {0x0f, 0x85}, {0xeb}, {0x7c}}[rng.IntN(4)]
			n := copy(code[at:], op)
			if d := int64(to) - addr - int64(at+n); op[0] == 0xe9 || op[0] == 0x0f {
				binary.LittleEndian.PutUint32(code[at+n:], uint32(d-4))
			} else {
				code[at+n] = byte(d - 1)
			}
		}
		want := false
		for i := range code {
			var in x86.Inst
			if code[i] == 0xe9 || code[i] == 0xeb || code[i]&0xf0 == 0x70 || code[i] == 0x0f && i+1 < len(code) && code[i+1]&0xf0 == 0x80 {
				want = want || x86.Decode(code[i:], addr+uint64(i), &in) && uint64(in.Imm) == to
			}
		}
		if want {
			found++
		}
		if got := jumpsTo(code, addr, []uint64{3, to}); got != want {
			t.Fatalf("jumpsTo(%x, %#x) = %v, want %v", code, to, got, want)
		}
	}
	if found < 1000 {
		t.Errorf("only %d of the jumps lead to the place", found)
	}
}
