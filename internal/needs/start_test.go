package needs

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestStart: what starts the image is on no chain, though its address is where others find it: who comes to that address, as far as is
// known, needs no more for it. If any code goes back there, it does.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		flag string
		back bool
	}{{"1", false}, {"2", true}, {"3", true}, {"4", true}, {"5", true}} {
		t.Run(c.flag, func(t *testing.T) {
			r := find(t, filepath.Join(mini(t, "-DSTART="+c.flag), "mini_qemu-x86_64.dbg"))
			have, want := got(r), wants(t)
			if !c.back {
				for set, calls := range want {
					if !slices.Equal(have[set], calls) {
						t.Errorf("%s: %v, want %v", set, have[set], calls)
						showChains(t, r, set, calls)
					}
				}
				return
			}
			for _, call := range want["app needs"] {
				if !slices.Contains(have["worker needs"], call) {
					t.Errorf("the worker may start the image again, and does not need %s: %v", call, have["worker needs"])
				}
			}
		})
	}
}
