package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// A Need is a call that must be possible.
type Need struct {
	Call  sysno.Call
	Tests []Test // what its arguments are known to be: In, one test an argument; none: anything
	Why   string // who needs it, for people
}

// BuildOptions say what is done with the other calls.
type BuildOptions struct {
	Default Action
	Aliases bool         // allow equivalents too (aliases.txt)
	Base    string       // allow what this runtime needs too (base.txt), "" for none
	Deny    []sysno.Call // calls that are not allowed though needed, except to the base
}

// A Reason says why there is a rule.
type Reason string

// Build makes the policy that allows what is needed and nothing else, and says why there
// is each rule. It allows some calls always (always.txt).
//
// Where the default action lets calls pass (Log), nothing is refused: a policy that only
// watches must not change what the program does.
func Build(needs []Need, o BuildOptions) (*Policy, map[sysno.Call]Reason, error) {
	b := &build{rules: map[sysno.Call]*Rule{}, why: map[sysno.Call]Reason{}}
	for _, n := range needs {
		if !slices.Contains(o.Deny, n.Call) {
			b.need(n)
		}
	}
	for _, n := range Always() {
		b.need(n)
	}
	if o.Base != "" {
		base, err := BaseNeeds(o.Base)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range base {
			b.need(n)
		}
	}
	if o.Aliases {
		b.aliases()
	}
	p := &Policy{Default: o.Default, Unknown: Errno(ENOSYS)}
	if o.Default.Passes() {
		p.Unknown = o.Default
	} else {
		b.probed(o.Deny)
	}
	for _, r := range b.rules {
		p.Rules = append(p.Rules, *r)
	}
	if err := p.Sort(); err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	return p, b.why, nil
}

type build struct {
	rules map[sysno.Call]*Rule
	why   map[sysno.Call]Reason
}

// need allows a call. If it is allowed already, the arguments of both are: for each
// argument the union of the values, and no test where one side has none. That allows
// more than either where several arguments are tested, never less.
func (b *build) need(n Need) {
	r := b.rules[n.Call]
	if r == nil {
		b.rules[n.Call] = &Rule{Call: n.Call, Clauses: []Clause{{Tests: cloneTests(n.Tests), Action: Allow}}}
		b.why[n.Call] = Reason(n.Why)
		return
	}
	r.Clauses[0].Tests = union(r.Clauses[0].Tests, n.Tests)
}

func cloneTests(tests []Test) []Test {
	out := slices.Clone(tests)
	for i := range out {
		out[i].Values = slices.Clone(out[i].Values)
	}
	return out
}

// union returns tests that hold where those of a or those of b do.
func union(a, b []Test) []Test {
	var out []Test
	for _, t := range a {
		i := slices.IndexFunc(b, func(u Test) bool { return u.Arg == t.Arg })
		if i < 0 || t.Op != In || b[i].Op != In {
			continue
		}
		// Values of 32 bits are not tested with 64: the upper half may be anything.
		t.Width = min(t.Width, b[i].Width)
		values := slices.Concat(t.Values, b[i].Values)
		if t.Width == 32 {
			for i := range values {
				values[i] = uint64(uint32(values[i]))
			}
		}
		slices.Sort(values)
		t.Values = slices.Compact(values)
		out = append(out, t)
	}
	return out
}

// aliases allows the equivalents of what is allowed. A rule with tests has none, as
// the arguments of the equivalent stand elsewhere.
func (b *build) aliases() {
	for _, c := range slices.Collect(maps.Keys(b.rules)) {
		r := b.rules[c]
		if len(r.Clauses[0].Tests) > 0 {
			continue
		}
		for _, other := range Aliases(c) {
			if b.rules[other] == nil {
				b.need(Need{Call: other, Why: "alias of " + c.String()})
			} else if old := b.rules[other]; len(old.Clauses[0].Tests) > 0 {
				continue // the program's own arguments say more
			}
		}
	}
}

// probed answers ENOSYS to calls that are tried first and not needed, in those ABIs that
// have rules.
func (b *build) probed(deny []sysno.Call) {
	var abis [3]bool
	for c := range b.rules {
		abis[c.ABI] = true
	}
	for _, pr := range Probed() {
		if abis[pr.Call.ABI] && b.rules[pr.Call] == nil && !slices.Contains(deny, pr.Call) {
			b.rules[pr.Call] = &Rule{Call: pr.Call, Clauses: []Clause{{Action: Errno(ENOSYS)}}}
			b.why[pr.Call] = Reason("tried before " + pr.Else)
		}
	}
}
