package report

import (
	"bufio"
	"fmt"
	"io"

	"github.com/gofind-dev/gofind"
)

// PolicyNotes writes what a person must know of a policy that was written in a format:
// what the format cannot express, what the filter costs if that is known, and what is dangerous
// of what it allows.
func PolicyNotes(w io.Writer, p *gofind.Policy, format string, limits []string, cost *gofind.FilterCost) error {
	b := bufio.NewWriter(w)
	for _, prog := range p.Programs {
		fmt.Fprintf(b, "# program: %s (%s)\n", Clean(prog.Path), Clean(prog.Why))
	}
	if p.Base != "" {
		fmt.Fprintf(b, "# base: %s\n", Clean(p.Base))
	}
	fmt.Fprintf(b, "# exec: %s\n", Clean(p.Exec.Mode))
	for _, n := range p.Notes {
		fmt.Fprintf(b, "# note: %s\n", Clean(n))
	}
	for _, n := range limits {
		fmt.Fprintf(b, "# %s cannot say: %s\n", Clean(format), Clean(n))
	}
	if cost != nil {
		fmt.Fprintf(b, "# filter: %d instructions; a call takes %.1f of them on average; the kernel answers %d of %d calls without it\n",
			cost.Instructions, cost.Mean, cost.Constant, cost.Calls)
	}
	for _, d := range p.Dangerous {
		name := CallName(gofind.Syscall{Name: d.Name, ABI: d.ABI})
		fmt.Fprintf(b, "# allowed: %s: %s (%s)\n", name, Clean(d.Reason), Clean(d.Why))
		for _, s := range d.Via {
			fmt.Fprintf(b, "#   %s %s (%s)\n", base(s.Image), function(s.Function), Clean(s.How))
		}
	}
	return b.Flush()
}
