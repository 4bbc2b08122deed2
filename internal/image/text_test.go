package image

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPrintable compares printable with a loop over bytes, on texts that end anywhere with anything.
func TestPrintable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := []byte(strings.Repeat("The quick brown fox~ jumps\tover\n", 4))
	for ch := range 256 {
		for range 64 {
			b := append([]byte(nil), text[:r.IntN(len(text))+1]...)
			b[r.IntN(len(b))] = byte(ch)
			if r.IntN(2) == 0 {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
			want := len(b)
			for i, ch := range b {
				if ch < ' ' && ch != '\n' && ch != '\t' || ch > '~' {
					want = i
					break
				}
			}
			if got := printable(b); got != want {
				t.Fatalf("printable(%q) = %d, want %d", b, got, want)
			}
		}
	}
}
