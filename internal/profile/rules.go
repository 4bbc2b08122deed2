package profile

import (
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// rules collects the entries of forms that know calls by name, for several ABIs at once.
type rules struct {
	p    policy.Policy
	abis []sysno.ABI
	at   map[sysno.Call]int // index into p.Rules
}

func newRules(def, unknown policy.Action, abis []sysno.ABI) *rules {
	return &rules{p: policy.Policy{Default: def, Unknown: unknown}, abis: abis, at: map[sysno.Call]int{}}
}

// add gives an action to a call under all ABIs that have the name. Names that only other
// architectures have are skipped; others are errors.
//
// Two entries for one call are what libseccomp makes of them (db.c): entries with tests
// are alternatives, and one without tests stands for all. Of two without tests, the
// first counts.
func (b *rules) add(name string, action policy.Action, tests []policy.Test) error {
	known := false
	for _, abi := range b.abis {
		nr, ok := sysno.Number(abi, name)
		if !ok {
			continue
		}
		known = true
		if action != b.p.Default { // libseccomp's users skip what the default says anyway
			b.call(sysno.Call{ABI: abi, Nr: nr}, action, narrow(abi, tests))
		}
	}
	if !known && !foreign(name) {
		return fmt.Errorf("there is no system call %q", name)
	}
	return nil
}

// narrow returns the tests as libseccomp makes them: of i386 and x32 it compares 32 bits.
func narrow(abi sysno.ABI, tests []policy.Test) []policy.Test {
	if abi == sysno.X86_64 {
		return tests
	}
	out := slices.Clone(tests)
	for i := range out {
		t := &out[i]
		t.Width, t.Mask, t.Values = 32, uint64(uint32(t.Mask)), []uint64{uint64(uint32(t.Values[0]))}
	}
	return out
}

func (b *rules) call(c sysno.Call, action policy.Action, tests []policy.Test) {
	i, ok := b.at[c]
	if !ok {
		i = len(b.p.Rules)
		b.at[c] = i
		b.p.Rules = append(b.p.Rules, policy.Rule{Call: c})
	}
	r := &b.p.Rules[i]
	switch {
	case len(r.Clauses) > 0 && len(r.Clauses[0].Tests) == 0: // all are decided
	case len(tests) == 0:
		r.Clauses = []policy.Clause{{Action: action}}
	default:
		if n := len(r.Clauses); n == 0 || !widen(&r.Clauses[n-1], action, tests) {
			r.Clauses = append(r.Clauses, policy.Clause{Tests: tests, Action: action})
		}
	}
}

// widen adds values to a clause that differs from another in the values of its only test.
func widen(c *policy.Clause, action policy.Action, tests []policy.Test) bool {
	if c.Action != action || len(tests) != 1 || len(c.Tests) != 1 {
		return false
	}
	a, b := &c.Tests[0], &tests[0]
	if a.Op != policy.In || b.Op != policy.In || a.Arg != b.Arg || a.Width != b.Width {
		return false
	}
	values := slices.Concat(a.Values, b.Values)
	slices.Sort(values)
	c.Tests = []policy.Test{{Arg: a.Arg, Width: a.Width, Op: policy.In, Values: slices.Compact(values)}}
	return true
}

// policy returns what was collected. An ABI that the file is for and that has no rule is
// one with nothing but the default.
func (b *rules) policy() (*policy.Policy, error) {
	if err := b.p.Sort(); err != nil {
		return nil, err
	}
	return &b.p, nil
}
