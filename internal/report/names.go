package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// abis are the ABIs in the order in which a name is looked up.
var abis = []sysno.ABI{sysno.X86_64, sysno.I386, sysno.X32}

// Known reports whether the kernel names a call name in any ABI.
func Known(name string) bool {
	for _, abi := range abis {
		if _, ok := sysno.Number(abi, name); ok {
			return true
		}
	}
	return false
}

// Names returns the kernel's names of all calls of all ABIs, sorted.
func Names() []string {
	var names []string
	for _, abi := range abis {
		for nr := range sysno.Max(abi) + 1 {
			if name, ok := sysno.Name(abi, nr); ok {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Table describes the table of calls that names are taken from.
func Table() string {
	return fmt.Sprintf("system calls up to number %d, %d names", sysno.Max(sysno.X86_64), len(Names()))
}

// maxNearest is how many names Nearest returns at most.
const maxNearest = 3

// Nearest returns the known names that name may have been meant to be, the best
// first: those that begin with it, and those that are the fewest edits away; none
// if nothing is close. For a number it returns the name of that x86-64 call.
func Nearest(name string) []string {
	if nr, err := strconv.Atoi(name); err == nil {
		if name, ok := sysno.Name(sysno.X86_64, nr); ok {
			return []string{name}
		}
		return nil
	}
	limit := len(name)/3 + 2
	byDistance := make([][]string, limit)
	for _, n := range Names() {
		d := distance(name, n, limit)
		if len(name) >= 3 && strings.HasPrefix(n, name) {
			d = 1
		}
		if d < limit {
			byDistance[d] = append(byDistance[d], n)
		}
	}
	for _, nearest := range byDistance {
		if len(nearest) > 0 {
			return nearest[:min(len(nearest), maxNearest)]
		}
	}
	return nil
}

// distance returns the optimal string alignment distance of a and b (insert,
// delete, replace, swap neighbours), or limit if it is not below that.
// O(len(a)*len(b)).
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(prev[j]+cost, prev[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
		}
		before, prev, row = prev, row, before
	}
	return min(prev[len(b)], limit)
}
