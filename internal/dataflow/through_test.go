package dataflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/image"
)

// A unit is the same if each block that something changed before is evaluated again, whether or not it looks at that,
// and if everything goes to all targets of computed jumps each time.
func TestChangesThatPassBlocksBySayTheSame(t *testing.T) {
	found := false
	for _, p := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6", "/lib/ld-musl-x86_64.so.1", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libdav1d.so.6", "/usr/bin/python3", "/usr/bin/python3.11"} {
		f, err := image.Open(p)
		if err != nil {
			continue
		}
		defer f.Close()
		found = true
		fast, plain := New(f), New(f)
		plain.w.plain = true
		for i, e := range f.FuncStarts() {
			if testing.Short() && i%8 != 0 {
				continue
			}
			if d := cmp.Diff(plain.Unit(e), fast.Unit(e)); d != "" {
				t.Fatalf("%s: unit %#x (-evaluated +passed by):\n%s", p, e, d)
			}
		}
	}
	if !found {
		t.Skip("no C library")
	}
}
