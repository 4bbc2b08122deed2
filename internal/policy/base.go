package policy

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/sysno"
)

//go:embed base.txt
var textBase string

var bases = sync.OnceValue(func() map[string][]Need {
	out := map[string][]Need{}
	facts.MustParse("base.txt", textBase, 3, func(f []string) error {
		if other, ok := strings.CutPrefix(f[1], "@"); ok {
			if out[other] == nil || out[f[0]] != nil {
				return fmt.Errorf("%s: a line @%s stands alone, after the lines of %s", f[0], other, other)
			}
			out[f[0]] = slices.Clone(out[other])
			return nil
		}
		name, values, _ := strings.Cut(f[1], " ")
		nr, ok := sysno.Number(sysno.X86_64, name)
		if !ok {
			return fmt.Errorf("x86_64 has no call %q", name)
		}
		c := sysno.Call{ABI: sysno.X86_64, Nr: nr}
		var tests []Test
		if values != "" {
			t, err := parseValues(values)
			if err != nil {
				return err
			}
			tests = []Test{t}
		}
		if slices.ContainsFunc(out[f[0]], func(n Need) bool { return n.Call == c }) {
			return fmt.Errorf("%s: %s is there twice", f[0], name)
		}
		out[f[0]] = append(out[f[0]], Need{Call: c, Tests: tests, Why: f[0] + ": " + f[2]})
		return nil
	})
	return out
})

// parseValues reads "0=0x1,0x2": an argument of 32 bits and its values.
func parseValues(s string) (Test, error) {
	arg, list, _ := strings.Cut(s, "=")
	n, err := strconv.ParseUint(arg, 10, 8)
	if err != nil || n > 5 {
		return Test{}, fmt.Errorf("%q is no argument", arg)
	}
	t := Test{Arg: uint8(n), Width: 32, Op: In}
	for _, text := range strings.Split(list, ",") {
		v, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			return Test{}, fmt.Errorf("%q is no value of 32 bits", text)
		}
		t.Values = append(t.Values, v)
	}
	slices.Sort(t.Values)
	t.Values = slices.Compact(t.Values)
	return t, nil
}

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
