package needs

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestInside: who goes directly to a place within a function of another compartment passes its gate by, which is said, and is
// in the plan; within a system call, the call is not found, so that the answer is open. Within one's own
// functions it is no matter.
func TestInside(t *testing.T) {
	said := func(r *Result) (places []string) {
		for _, u := range r.Graph.Unresolved {
			if u.Kind == "inside" {
				places = append(places, fmt.Sprint(r.Graph.NameAt(u.PC), " open ", u.Open))
			}
		}
		for _, g := range r.Plan.Gates {
			if g.Inside {
				places = append(places, fmt.Sprint("gate ", g.Func, " of ", r.Plan.Compartments[g.To].Name, " ", g.Size))
			}
		}
		slices.Sort(places)
		return places
	}
	image := "mini_qemu-x86_64.dbg"
	if places := said(find(t, filepath.Join(mini(t), image))); len(places) > 0 {
		t.Errorf("without such jumps: %v", places)
	}
	r := find(t, filepath.Join(mini(t, "-DINSIDE"), image))
	if got, want := said(r), []string{"gate plugin_asm+0x3 of plugin 6", "plugin_asm+0x3 open false", "uk_syscall_r_pause+0x2 open true"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	// What it does there is in the needs of both all the same.
	for _, c := range r.Plan.Compartments[1:3] {
		if !c.Needs.Has(39) {
			t.Errorf("%s does not need getpid", c.Name)
		}
	}
}
