package dataflow

import "testing"

// TestNeverInAnyOrder: whether code comes back does not depend on what was asked before, and what does not come
// back at one depth does not at a greater one. Asked are this program, of Go, and a C library.
func TestNeverInAnyOrder(t *testing.T) {
	for _, f := range realFiles(t, "/lib/x86_64-linux-gnu/libc.so.6", "/lib/ld-musl-x86_64.so.1") {
		deep, shallow := New(f), New(f)
		for _, e := range f.FuncStarts() {
			deep.w.noreturn(e, neverDepth)
		}
		var never, none [neverDepth + 1]int
		for d := range neverDepth + 1 {
			for _, e := range f.FuncStarts() {
				got, want := deep.w.noreturn(e, d), shallow.w.noreturn(e, d)
				if got != want {
					t.Errorf("%s: %#x to depth %d: %t if asked for the greatest depth first, %t if for the smallest", f.Path, e, d, got, want)
				}
				if d > 0 && shallow.w.noreturn(e, d-1) && !want {
					t.Errorf("%s: %#x comes back to depth %d, not to %d", f.Path, e, d, d-1)
				}
				never[d] += b2i(got)
			}
		}
		if never == none {
			t.Errorf("%s: all functions come back", f.Path)
		}
	}
}
