package dataflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// A unit is the same, in the same order, if all blocks are evaluated again
// instead of being emitted from their notes; so are the answers of queries.
func TestNotesSayWhatBlocksReferTo(t *testing.T) {
	var f *image.File
	for _, p := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6", "/lib/ld-musl-x86_64.so.1"} {
		var err error
		if f, err = image.Open(p); err == nil {
			break
		}
	}
	if f == nil {
		t.Skip("no C library")
	}
	defer f.Close()
	with, without := New(f), New(f)
	without.w.book.most = -1
	for i, e := range f.FuncStarts() {
		if testing.Short() && i%8 != 0 {
			continue
		}
		want := without.Unit(e)
		if d := cmp.Diff(want, with.Unit(e)); d != "" {
			t.Fatalf("unit %#x (-evaluated +noted):\n%s", e, d)
		}
		asked := map[uint64][]Param{summary.AnyPointer: {{Kind: summary.Arg, Reg: 7}}}
		for _, r := range want.Refs {
			if r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot {
				asked[r.A] = []Param{{Kind: summary.Arg, Reg: 6, Size: 1}, {Kind: summary.Stack, N: 8}, {Kind: summary.ArgMem, Reg: 7, N: 8}}
			}
		}
		if d := cmp.Diff(without.Query(e, asked), with.Query(e, asked)); d != "" {
			t.Fatalf("query of unit %#x (-evaluated +noted):\n%s", e, d)
		}
	}
}
