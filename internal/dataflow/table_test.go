package dataflow

import (
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// A jump through a table whose bound was known, until its own target was found to lead back to it with a base that is not
// known, is not looked at again for ever.
func TestTableNoLonger(t *testing.T) {
	text := "\x83\xff\x01" + // cmp edi, 1
		"\x77\x15" + // ja out
		"\x48\x8d\x0d\x0f\x00\x00\x00" + // lea rcx, [table]
		"\x48\x63\x14\xb9" + // again: movsxd rdx, [rcx+4*rdi]
		"\x48\x01\xca" + // add rdx, rcx
		"\xff\xe2" + // jmp rdx
		"\x48\x8b\x0e" + // one: mov rcx, [rsi]
		"\xeb\xf2" + // jmp again
		"\xc3" + // out: ret
		"\xfa\xff\xff\xff\xff\xff\xff\xff" // table: one, out
	f, err := image.Parse("table", flat([]byte(text+string(make([]byte, 0x100)))))
	if err != nil {
		t.Fatal(err)
	}
	more := New(f).Unit(0x1000).More()
	if slices.ContainsFunc(more.Gaps, func(g summary.Gap) bool { return g.Kind == summary.GapBudget }) {
		t.Errorf("it went over budget: %+v", more.Gaps)
	}
	for _, target := range []uint64{0x1015, 0x101a} {
		if !slices.Contains(more.Targets, target) {
			t.Errorf("%x is not among the targets: %x", target, more.Targets)
		}
	}
}

// What covers some code is found among landing pads in any order.
func TestPadsOver(t *testing.T) {
	sorted := []image.LandingPad{{Start: 10, End: 12, Pad: 1}, {Start: 12, End: 12, Pad: 2}, {Start: 12, End: 20, Pad: 3}, {Start: 25, End: 30, Pad: 4}}
	for _, pads := range [][]image.LandingPad{
		nil, sorted[:1], sorted,
		{sorted[3], sorted[0], sorted[2]},
		{{Start: 10, End: 30, Pad: 1}, {Start: 11, End: 15, Pad: 2}, {Start: 16, End: 18, Pad: 3}},
	} {
		w := &New(&image.File{}).w
		w.fde = &image.FDE{Start: 1, End: 100, LSDA: 1000}
		w.cover = image.Range{Start: 1, End: 100}
		w.pads[0].set(w.fde, pads)
		for first := uint64(8); first < 33; first++ {
			for last := first; last < 33; last++ {
				var want []image.LandingPad
				for _, p := range pads {
					if p.Start <= last && first < p.End {
						want = append(want, p)
					}
				}
				if got := w.padsOver(first, last); !slices.Equal(got, want) {
					t.Fatalf("%v: from %d to %d: %v, want %v", pads, first, last, got, want)
				}
			}
		}
	}
}
