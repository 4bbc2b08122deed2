package dataflow

import (
	"slices"
	"strings"
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

// A jump that is not resolved goes to labels, too, whose addresses are formed by code that is found after it was looked at.
func TestLabelsOfLater(t *testing.T) {
	text := "\x53" + // push rbx
		"\x83\xfa\x01" + // cmp edx, 1
		"\x76\x07" + // jbe cases
		"\xb8\x27\x00\x00\x00" + // mov eax, 39
		"\xff\x26" + // jmp [rsi]
		"\x48\x8d\x0d\x20\x00\x00\x00" + // cases: lea rcx, [table]
		"\x48\x63\x14\x91" + // movsxd rdx, [rcx+4*rdx]
		"\x48\x01\xca" + // add rdx, rcx
		"\xff\xe2" + // jmp rdx
		"\xb8\x01\x00\x00\x00" + // one: mov eax, 1
		"\x48\x8d\x0d\x05\x00\x00\x00" + // lea rcx, [label]
		"\x48\x89\x0f" + // mov [rdi], rcx
		"\xff\x26" + // jmp [rsi]
		"\x0f\x05" + // label: syscall
		"\x5b" + // pop rbx
		"\xc3" + // ret
		"\xea\xff\xff\xff\xea\xff\xff\xff" // table: one, one
	f, err := image.Parse("labels", flat([]byte(text+string(make([]byte, 0x100)))))
	if err != nil {
		t.Fatal(err)
	}
	sites := New(f).Unit(0x1000).More().Sites
	if len(sites) != 1 {
		t.Fatalf("sites %+v", sites)
	}
	for _, n := range []int64{1, 39} {
		if !slices.Contains(sites[0].Values, summary.Value{Kind: summary.Const, N: n}) {
			t.Errorf("%d is not among the numbers: %+v", n, sites[0].Values)
		}
	}
}

// A jump that is not resolved is looked at again when more code is known. If it is one through a table then, that is not done for ever.
func TestJumpThatIsResolvedLater(t *testing.T) {
	code := "\x48\x8d\x0d\xe9\xff\xff\xff" + // lea rcx, [table]
		"\x48\x8d\x05\x09\x00\x00\x00" + // lea rax, [label]
		"\x48\x63\x14\xb9" + // movsxd rdx, [rcx+4*rdi]
		"\x48\x01\xca" + // add rdx, rcx
		"\xff\xe2" + // jmp rdx
		"\xeb\x01" + // label: jmp target
		"\xb8" + // with what follows, one instruction for who comes from above
		"\x31\xc0" + // target: xor eax, eax
		"\xc3\x90" // ret
	table := "\x2a\x00\x00\x00\xff\xff\xff\x7f" + "\x90\x90\x90\x90\x90\x90\x90\x90"
	f, err := image.Parse("later", flat([]byte(table+code)))
	if err != nil {
		t.Fatal(err)
	}
	more := New(f).Unit(0x1010).More()
	if slices.ContainsFunc(more.Gaps, func(g summary.Gap) bool { return g.Kind == summary.GapBudget }) {
		t.Errorf("it went over budget: %+v", more.Gaps)
	}
	if !slices.Contains(more.Targets, 0x102a) {
		t.Errorf("the target is not among %x", more.Targets)
	}
}

// What a jump through a table brings to what looked like another function is not lost where that is found to be in the unit later.
func TestTableOfWhatIsInTheUnitLater(t *testing.T) {
	text := "\x48\x00\x00\x00\xff\xff\xff\x7f\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc" + // table: target, nothing
		"\x4c\x8d\x05\xe9\x0f\x00\x00" + // lea r8, [0x2000]
		"\x48\x8d\x0d\xe2\xff\xff\xff" + // lea rcx, [table]
		"\x85\xf6" + // test esi, esi
		"\x74\x09" + // je other
		"\x48\x63\x14\xb9" + // movsxd rdx, [rcx+4*rdi]
		"\x48\x01\xca" + // add rdx, rcx
		"\xff\xe2" + // jmp rdx
		"\x45\x31\xc0" + // other: xor r8d, r8d
		"\x4c\x8d\x15\x13\x00\x00\x00" + // lea r10, [target]
		"\x4d\x01\xda" + // add r10, r11
		"\x41\xff\xe2" + // jmp r10
		"\xcc\xcc\xcc\xcc\xcc" +
		"\xc3\x90\x90\x90\x90\x90\x90\x90" + // function: ret
		"\x4c\x89\x06" + // target: mov [rsi], r8
		"\xc3" + // ret
		"\xe8\xef\xff\xff\xff" + // call function
		"\xc3" // ret
	f, err := image.Parse("later", flat([]byte(text+strings.Repeat("\x90", 0x1100-len(text)))))
	if err != nil {
		t.Fatal(err)
	}
	u := New(f).Unit(0x1010)
	if !slices.ContainsFunc(u.Refs, func(r summary.Ref) bool {
		return r.A == 0x2000 && (r.Kind == summary.RefAddr || r.Kind == summary.RefPass)
	}) {
		t.Errorf("the address that is brought is not among %+v", u.Refs)
	}
}

// TestTableOfOffsetsThatAreDisplaced: what the offsets of a table are added to is what is used, not only what lies where a constant
// that is added as well leads from there.
func TestTableOfOffsetsThatAreDisplaced(t *testing.T) {
	text := "\x48\x8d\x15\xf9\x0f\x00\x00" + // lea 0x2000(%rip), %rdx
		"\x48\x63\x04\x9a" + // movslq (%rdx,%rbx,4), %rax
		"\x48\x8d\x0d\xee\x1f\x00\x00" + // lea 0x3000(%rip), %rcx
		"\x48\x8d\x44\x01\xc0" + // lea -64(%rcx,%rax), %rax
		"\x31\xc9" + // xor %ecx, %ecx
		"\x48\x83\xc0\x08" + // add $8, %rax
		"\x48\x8b\x00" + // mov (%rax), %rax
		"\xc3" // ret
	f, err := image.Parse("displaced", flat([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	refs := New(f).Unit(0x1000).Refs
	for _, want := range []summary.Ref{{Kind: summary.RefTable, A: 0x2000, B: 0x2fc8}, {Kind: summary.RefAddr, A: 0x3000, Off: -56}} {
		if !slices.Contains(refs, want) {
			t.Errorf("%+v is not among %+v", want, refs)
		}
	}
}
