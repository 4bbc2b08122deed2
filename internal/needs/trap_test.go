package needs

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// TestTrap: calls by the syscall instruction, where the image has a handler for it, are those of who executes it, like calls of a dispatcher. The
// handler makes none itself; but who passes a number to it that is not known may make any, and so may what an image loads that has no such
// instruction itself.
func TestTrap(t *testing.T) {
	for _, c := range []struct {
		flag            string
		executes, needs []string // of the plugin, beyond those without the instruction
		all             bool     // it needs all that there is
		unresolved      string
	}{
		{flag: "1", executes: []string{"getppid", "listen"}, needs: []string{"getppid", "listen"}},
		{flag: "2", executes: []string{"getppid", "listen"}, all: true, unresolved: "number open false"},
		{flag: "3", unresolved: "loaded-code open true"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			r := find(t, filepath.Join(mini(t, "-DTRAP="+c.flag), "mini_qemu-x86_64.dbg"))
			plain, have := wants(t), got(r)
			union := func(set string, more []string) []string {
				out := append(slices.Clone(plain[set]), more...)
				slices.Sort(out)
				return slices.Compact(out)
			}
			if want := union("plugin executes", c.executes); !slices.Equal(have["plugin executes"], want) {
				t.Errorf("executes %v, want %v", have["plugin executes"], want)
			}
			want := union("plugin needs", c.needs)
			if c.all {
				want = nil
				for n := range r.Calls {
					name, _ := sysno.Name(sysno.X86_64, n)
					want = append(want, name)
				}
				slices.Sort(want)
			}
			if !slices.Equal(have["plugin needs"], want) {
				t.Errorf("needs %v, want %v", have["plugin needs"], want)
			}
			if slices.Contains(have["kernel needs"], "pipe") != c.all {
				t.Errorf("the kernel needs %v", have["kernel needs"])
			}
			var unresolved string
			for _, u := range r.Graph.Unresolved {
				unresolved += fmt.Sprint(u.Kind, " open ", u.Open)
			}
			if unresolved != c.unresolved {
				t.Errorf("unresolved: %s, want %s", unresolved, c.unresolved)
			}
			for _, g := range r.Plan.Gates {
				if slices.Contains([]string{"_ukplat_syscall", "ukplat_syscall_handler", "uk_syscall6_r_e"}, g.Func) {
					t.Errorf("%s is a gate", g.Func)
				}
			}
		})
	}
}
