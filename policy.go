package gofind

import (
	"fmt"
	"strconv"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// PolicySchema is the schema of a Policy.
const PolicySchema = "gofind.policy/v1"

// Policy is a seccomp filter, what it was made from and what it still allows: the
// gofind.policy/v1 JSON document (see docs/json.md). All slices are sorted and never nil.
type Policy struct {
	Schema      string          `json:"schema"`
	Programs    []PolicyProgram `json:"programs"`       // those given first, then those that they execute
	Base        string          `json:"base,omitempty"` // the installer whose own calls are allowed too
	Complete    bool            `json:"complete"`       // no program may make calls that were not found
	Exec        PolicyExec      `json:"exec"`
	Default     string          `json:"default"` // the action for calls without a rule, and where no clause holds
	Unknown     string          `json:"unknown"` // the action for numbers that no table names
	Rules       []PolicyRule    `json:"rules"`
	Dangerous   []Danger        `json:"dangerous"`
	Notes       []string        `json:"notes"`
	Assumptions []Assumption    `json:"assumptions"`
	Inputs      []Input         `json:"inputs"`
}

// PolicyProgram is a program that a policy is for.
type PolicyProgram struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Since  string `json:"since"` // as in Result
	Why    string `json:"why"`   // "given", or what executes it
}

// PolicyExec says what the programs may execute under the filter.
type PolicyExec struct {
	Mode    string   `json:"mode"`    // none, followed, listed, deny, allow-any
	Unknown []string `json:"unknown"` // programs that execute files whose paths are not known
	Missing []string `json:"missing"` // paths of which there is no file
}

// PolicyRule says what happens to one call.
type PolicyRule struct {
	Name    string         `json:"name"` // "" for a number that no table names
	Number  int            `json:"number"`
	ABI     string         `json:"abi"`     // x86_64, i386 or x32
	Clauses []PolicyClause `json:"clauses"` // the first that holds decides
	Why     string         `json:"why"`
}

// PolicyClause gives an action to calls with some arguments.
type PolicyClause struct {
	Action string       `json:"action"`
	Tests  []PolicyTest `json:"tests"` // all must hold
}

// PolicyTest is a condition on one argument. Numbers are hexadecimal texts, as JSON's
// own do not reach 64 bits everywhere.
type PolicyTest struct {
	Arg    int      `json:"arg"`   // 0 to 5
	Width  int      `json:"width"` // bits that are compared: 32 or 64
	Op     string   `json:"op"`    // in, ne, lt, le, ge, gt, masked_eq
	Mask   string   `json:"mask,omitempty"`
	Values []string `json:"values"`
}

// Danger is a call that a policy allows and that its reader should know of.
type Danger struct {
	Name    string `json:"name"`
	ABI     string `json:"abi"`
	Reason  string `json:"reason"`
	Program string `json:"program"` // that needs it; "" if none does
	Why     string `json:"why"`     // as in PolicyRule
	Via     []Step `json:"via"`     // how the program comes to it
}

// setFilter takes over the actions and rules of a filter.
func (p *Policy) setFilter(f *policy.Policy, why map[sysno.Call]policy.Reason) {
	p.Default, p.Unknown, p.Rules = f.Default.String(), f.Unknown.String(), []PolicyRule{}
	for _, r := range f.Rules {
		name, _ := sysno.Name(r.Call.ABI, r.Call.Nr)
		out := PolicyRule{Name: name, Number: r.Call.Nr, ABI: r.Call.ABI.String(), Clauses: []PolicyClause{}, Why: string(why[r.Call])}
		for _, c := range r.Clauses {
			clause := PolicyClause{Action: c.Action.String(), Tests: []PolicyTest{}}
			for _, t := range c.Tests {
				test := PolicyTest{Arg: int(t.Arg), Width: int(t.Width), Op: t.Op.String(), Values: []string{}}
				if t.Op == policy.MaskedEq {
					test.Mask = hex(t.Mask)
				}
				for _, v := range t.Values {
					test.Values = append(test.Values, hex(v))
				}
				clause.Tests = append(clause.Tests, test)
			}
			out.Clauses = append(out.Clauses, clause)
		}
		p.Rules = append(p.Rules, out)
	}
}

// filter returns the meaning of the policy. An error says which rule is malformed.
func (p *Policy) filter() (*policy.Policy, error) {
	if p.Schema != PolicySchema {
		return nil, fmt.Errorf("schema %q, want %q", p.Schema, PolicySchema)
	}
	f := &policy.Policy{}
	var err error
	if f.Default, err = policy.ParseAction(p.Default); err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	if f.Unknown, err = policy.ParseAction(p.Unknown); err != nil {
		return nil, fmt.Errorf("unknown: %w", err)
	}
	for i, r := range p.Rules {
		rule, err := r.rule()
		if err != nil {
			return nil, &ruleError{i, err}
		}
		f.Rules = append(f.Rules, rule)
	}
	return f, f.Sort()
}

// ruleError is an error in a rule.
type ruleError struct {
	index int
	err   error
}

func (e *ruleError) Error() string { return fmt.Sprintf("rules[%d]: %v", e.index, e.err) }

func (e *ruleError) Unwrap() error { return e.err }

func (r *PolicyRule) rule() (policy.Rule, error) {
	abi, ok := sysno.ParseABI(r.ABI)
	if !ok {
		return policy.Rule{}, fmt.Errorf("no ABI %q: x86_64, i386, x32", r.ABI)
	}
	out := policy.Rule{Call: sysno.Call{ABI: abi, Nr: r.Number}}
	if r.Name != "" {
		nr, ok := sysno.Number(abi, r.Name)
		if !ok {
			return policy.Rule{}, fmt.Errorf("%s has no call %q", abi, r.Name)
		}
		if nr != r.Number {
			return policy.Rule{}, fmt.Errorf("%s has the number %d, not %d", r.Name, nr, r.Number)
		}
	}
	for _, c := range r.Clauses {
		action, err := policy.ParseAction(c.Action)
		if err != nil {
			return policy.Rule{}, fmt.Errorf("%s: %w", out.Call, err)
		}
		clause := policy.Clause{Action: action}
		for _, t := range c.Tests {
			test, err := t.test()
			if err != nil {
				return policy.Rule{}, fmt.Errorf("%s: %w", out.Call, err)
			}
			clause.Tests = append(clause.Tests, test)
		}
		out.Clauses = append(out.Clauses, clause)
	}
	return out, nil
}

func (t *PolicyTest) test() (policy.Test, error) {
	op, ok := policy.ParseOp(t.Op)
	if !ok {
		return policy.Test{}, fmt.Errorf("no comparison %q", t.Op)
	}
	if t.Arg < 0 || t.Arg > 5 {
		return policy.Test{}, fmt.Errorf("argument %d: calls have six, 0 to 5", t.Arg)
	}
	if t.Width != 32 && t.Width != 64 {
		return policy.Test{}, fmt.Errorf("argument %d: a width of %d bits, must be 32 or 64", t.Arg, t.Width)
	}
	out := policy.Test{Arg: uint8(t.Arg), Width: uint8(t.Width), Op: op}
	var err error
	if op == policy.MaskedEq {
		if out.Mask, err = strconv.ParseUint(t.Mask, 0, 64); err != nil {
			return policy.Test{}, fmt.Errorf("mask %q is no number", t.Mask)
		}
	}
	for _, s := range t.Values {
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return policy.Test{}, fmt.Errorf("value %q is no number", s)
		}
		out.Values = append(out.Values, v)
	}
	return out, nil
}
