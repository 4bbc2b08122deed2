package image

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestLeas: whatever objdump shows that an instruction of this test or of libc forms is among what Leas finds.
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
		out, err := exec.Command("objdump", "-d", "--no-show-raw-insn", p).Output()
		if err != nil {
			t.Skip("objdump: ", err)
		}
		l := f.Leas()
		code, data := slices.Sorted(slices.Values(l.Code)), slices.Sorted(slices.Values(l.Data))
		for _, m := range formed.FindAllSubmatch(out, -1) {
			a, err := strconv.ParseUint(string(m[1]), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			list := data
			switch {
			case f.Exec(a):
				list = code
			case a%LeaAlign != 0 || a < f.Low || a >= f.High:
				continue
			}
			n++
			if _, ok := slices.BinarySearch(list, a); !ok {
				t.Errorf("%s: %#x is missing", p, a)
			}
		}
	}
	if n < 1000 {
		t.Errorf("objdump shows %d", n)
	}
}
