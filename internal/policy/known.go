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

var (
	//go:embed probed.txt
	textProbed string
	//go:embed aliases.txt
	textAliases string
	//go:embed danger.txt
	textDanger string
	//go:embed always.txt
	textAlways string
)

// A Probe is a call that libraries try first and do without. See probed.txt.
type Probe struct {
	Call   sysno.Call
	Else   string // what they do then
	Source string
}

// Probed lists the calls of probed.txt, in all ABIs that have them.
var Probed = sync.OnceValue(func() []Probe {
	var out []Probe
	facts.MustParse("probed.txt", textProbed, 3, func(f []string) error {
		list, err := calls(f[0])
		for _, c := range list {
			if slices.ContainsFunc(out, func(p Probe) bool { return p.Call == c }) {
				return fmt.Errorf("%s is there twice", f[0])
			}
			out = append(out, Probe{c, f[1], f[2]})
		}
		return err
	})
	return out
})

// Always lists the calls that every policy allows. See always.txt.
var Always = sync.OnceValue(func() []Need {
	var out []Need
	facts.MustParse("always.txt", textAlways, 2, func(f []string) error {
		nr, ok := sysno.Number(sysno.X86_64, f[0])
		if !ok {
			return fmt.Errorf("x86_64 has no call %q", f[0])
		}
		out = append(out, Need{Call: sysno.Call{ABI: sysno.X86_64, Nr: nr}, Why: f[1]})
		return nil
	})
	return out
})

// Aliases returns the equivalents of a call in its ABI. See aliases.txt.
func Aliases(c sysno.Call) []sysno.Call { return aliases()[c] }

var aliases = sync.OnceValue(func() map[sysno.Call][]sysno.Call {
	out := map[sysno.Call][]sysno.Call{}
	facts.MustParse("aliases.txt", textAliases, 3, func(f []string) error {
		from, err := calls(f[0])
		if err != nil {
			return err
		}
		to, err := calls(f[1])
		if err != nil {
			return err
		}
		for _, c := range from {
			for _, d := range to {
				if d.ABI != c.ABI || c == d {
					continue
				}
				if slices.Contains(out[c], d) {
					return fmt.Errorf("%s and %s are there twice", f[0], f[1])
				}
				out[c] = append(out[c], d)
			}
		}
		return nil
	})
	return out
})

// A Danger is a call that a reader of a profile should know of. See danger.txt.
type Danger struct {
	Call sysno.Call
	Arg  int      // the argument that makes it dangerous, -1: any
	Mask uint64   // if a bit of it is set
	Is   []uint64 // or if it is one of these
	Why  string
}

// Dangers lists the calls of danger.txt, in all ABIs that have them.
var Dangers = sync.OnceValue(func() []Danger {
	var out []Danger
	facts.MustParse("danger.txt", textDanger, 3, func(f []string) error {
		list, err := calls(f[0])
		if err != nil {
			return err
		}
		d := Danger{Arg: -1, Why: f[2]}
		if f[1] != "-" {
			if err := d.condition(f[1]); err != nil {
				return err
			}
		}
		for _, c := range list {
			if slices.ContainsFunc(out, func(d Danger) bool { return d.Call == c }) {
				return fmt.Errorf("%s is there twice", f[0])
			}
			d.Call = c
			out = append(out, d)
		}
		return nil
	})
	return out
})

// condition reads "2&0x4" or "1=3,4".
func (d *Danger) condition(s string) error {
	i := strings.IndexAny(s, "&=")
	if i < 0 {
		return fmt.Errorf("%q is no argument test", s)
	}
	arg, err := strconv.ParseUint(s[:i], 10, 8)
	if err != nil || arg > 5 {
		return fmt.Errorf("%q is no argument", s[:i])
	}
	d.Arg = int(arg)
	for _, text := range strings.Split(s[i+1:], ",") {
		v, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			return fmt.Errorf("%q is no value", text)
		}
		if s[i] == '=' {
			d.Is = append(d.Is, v)
		} else if d.Mask = v; v == 0 {
			return fmt.Errorf("the mask in %q is 0", s)
		}
	}
	return nil
}

// Dangerous reports whether a rule lets the call pass with arguments that make it dangerous.
func (d *Danger) Dangerous(r *Rule) bool {
	for _, c := range r.Clauses {
		if c.Action.Passes() && (d.Arg < 0 || d.possible(c.Tests)) {
			return true
		}
	}
	return false
}

// possible reports whether the tests may hold for an argument that is dangerous. Only
// lists of values are told apart; other tests count as possible.
func (d *Danger) possible(tests []Test) bool {
	for _, t := range tests {
		if int(t.Arg) != d.Arg || t.Op != In {
			continue
		}
		if !slices.ContainsFunc(t.Values, func(v uint64) bool { return v&d.Mask != 0 || slices.Contains(d.Is, v) }) {
			return false
		}
	}
	return true
}
