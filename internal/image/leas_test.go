package image

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// TestLeas: whatever objdump shows that an instruction of this test or of libc forms is among what Leas and Routines find.
func TestLeas(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	formed := regexp.MustCompile(`lea +-?0x[0-9a-f]+\(%rip\),%r.*# ([0-9a-f]+)`)
	n := 0
	for _, p := range []string{exe, "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6"} {
		f, err := Open(p)
		if err != nil {
			continue
		}
		defer f.Close()
		out, err := bounded.Command(t, "objdump", "-d", "--no-show-raw-insn", p).Output()
		if err != nil {
			t.Skip("objdump: ", err)
		}
		data := map[uint64]bool{}
		f.Leas(func(a uint64) { data[a] = true })
		for _, m := range formed.FindAllSubmatch(out, -1) {
			a, err := strconv.ParseUint(string(m[1]), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			found := data[a]
			switch {
			case a < f.Low || a >= f.High || f.Exec(a) && f.FDEAt(a) != nil:
				continue
			case f.Exec(a):
				_, found = slices.BinarySearch(f.Routines(), a)
			}
			if n++; !found {
				t.Errorf("%s: %#x is missing", p, a)
			}
		}
	}
	if n < 1000 {
		t.Errorf("objdump shows %d", n)
	}
}
