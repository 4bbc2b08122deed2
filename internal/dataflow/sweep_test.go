package dataflow

import (
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
)

// Where there is room for instructions, there is for what is known of each of them: also when a unit over budget made it.
func TestRoomAfterAUnitOverBudget(t *testing.T) {
	for _, p := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6", "/lib/ld-musl-x86_64.so.1"} {
		f, err := image.Open(p)
		if err != nil {
			continue
		}
		defer f.Close()
		for _, over := range f.FuncStarts() {
			a := New(f)
			a.w.begin(over)
			a.w.sweepAll()
			if n := cap(a.w.insts); cap(a.w.instBlk) < n || cap(a.w.callees) < n {
				t.Fatalf("%s: after %#x was swept there is room for %d instructions, but for the blocks of %d and the callees of %d", p, over, n, cap(a.w.instBlk), cap(a.w.callees))
			}
		}
		return
	}
	t.Skip("no C library")
}
