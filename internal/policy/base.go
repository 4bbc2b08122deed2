package policy

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/sysno"
)

//go:embed base.txt
var textBase string

var bases = sync.OnceValue(func() map[string][]Need {
	out := map[string][]Need{}
	mustParseFacts("base.txt", textBase, 3, func(f []string) error {
		if other, ok := strings.CutPrefix(f[1], "@"); ok {
			if out[other] == nil || out[f[0]] != nil {
				return fmt.Errorf("%s: a line @%s stands alone, after the lines of %s", f[0], other, other)
			}
			out[f[0]] = slices.Clone(out[other])
			return nil
		}
		nr, ok := sysno.Number(sysno.X86_64, f[1])
		if !ok {
			return fmt.Errorf("x86_64 has no call %q", f[1])
		}
		c := sysno.Call{ABI: sysno.X86_64, Nr: nr}
		if slices.ContainsFunc(out[f[0]], func(n Need) bool { return n.Call == c }) {
			return fmt.Errorf("%s: %s is there twice", f[0], f[1])
		}
		out[f[0]] = append(out[f[0]], Need{Call: c, Why: f[0] + ": " + f[2]})
		return nil
	})
	return out
})

// Bases returns the names of what installs filters. See base.txt.
func Bases() []string {
	var out []string
	for name := range bases() {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// BaseNeeds returns the calls that an installer of filters makes itself between the
// moment when the filter is in place and the execution of the program.
func BaseNeeds(name string) ([]Need, error) {
	needs, ok := bases()[name]
	if !ok {
		return nil, fmt.Errorf("there is no base %q, but %s", name, strings.Join(Bases(), ", "))
	}
	return needs, nil
}
