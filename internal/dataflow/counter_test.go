package dataflow

import (
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// What is counted in a loop is unknown behind it, after one more visit of the loop. A constant that is set anew in
// each round is no counter.
func TestCounter(t *testing.T) {
	text := "\xb8\x05\x00\x00\x00" + // mov eax, 5
		"\xff\xc0" + // again: inc eax
		"\xbb\x26\x00\x00\x00" + // mov ebx, 38
		"\x83\xc3\x01" + // add ebx, 1
		"\x39\xf8" + // cmp eax, edi
		"\x75\xf2" + // jne again
		"\x0f\x05" + // syscall
		"\x89\xd8" + // mov eax, ebx
		"\x0f\x05" + // syscall
		"\xc3" // ret
	f, err := image.Parse("counter", flat([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	a := New(f)
	sites := a.Unit(0x1000).More().Sites
	if len(sites) != 2 {
		t.Fatalf("sites %+v", sites)
	}
	if !slices.Contains(sites[0].Values, summary.Value{}) {
		t.Errorf("what was counted is known: %+v", sites[0].Values)
	}
	if want := []summary.Value{{Kind: summary.Const, N: 39}}; !slices.Equal(sites[1].Values, want) {
		t.Errorf("what was not counted is %+v, want %+v", sites[1].Values, want)
	}
	if again := a.w.blocks[a.w.instBlk[a.w.instAt(0x1005)]]; again.visits > 2 {
		t.Errorf("the loop was visited %d times", again.visits)
	}
}
