package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// The JSON of Firecracker's seccompiler-bin (docs/seccompiler.md and src/seccompiler of
// firecracker) and of the crate seccompiler of rust-vmm (src/frontend/json.rs): filters for the threads of
// a program, by name. A filter has one action for calls that match a rule and one for all others,
// so a policy with ENOSYS for some calls cannot be said. There is one architecture; the other
// ABIs are killed.
//
// Firecracker compares with libseccomp since version 1.11: only eq knows widths there, so tests of
// 32 bits are written with eq, and ranges of them as blocks with masked_eq.
var seccompiler = &Format{
	Name: "seccompiler", Says: "the JSON that seccompiler makes a filter from (Firecracker, Cloud Hypervisor, rust-vmm)",
	write: writeSeccompiler, parse: parseSeccompiler, is: isSeccompiler,
}

// thread is the name of the filter that is written.
const thread = "main"

type scFilter struct {
	Default  json.RawMessage `json:"default_action,omitempty"`
	Mismatch json.RawMessage `json:"mismatch_action,omitempty"` // the same, in rust-vmm
	Action   json.RawMessage `json:"filter_action,omitempty"`
	Match    json.RawMessage `json:"match_action,omitempty"`
	Filter   []scRule        `json:"filter"`
}

type scRule struct {
	Syscall string   `json:"syscall"`
	Comment string   `json:"comment,omitempty"`
	Args    []scTest `json:"args,omitempty"`
}

type scTest struct {
	Index   uint            `json:"index"`
	Type    string          `json:"type"` // dword, qword
	Op      json.RawMessage `json:"op"`
	Val     uint64          `json:"val"`
	Comment string          `json:"comment,omitempty"`
}

func isSeccompiler(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] == '{' &&
		(bytes.Contains(data, []byte(`"filter_action"`)) || bytes.Contains(data, []byte(`"match_action"`)))
}

// scActions are the names of actions without a number.
var scActions = map[string]policy.Action{
	"allow": policy.Allow, "log": policy.Log, "trap": policy.Trap,
	"kill_process": policy.KillProcess, "kill_thread": policy.KillThread,
}

func scAction(a policy.Action) (json.RawMessage, bool) {
	for name, b := range scActions {
		if a == b {
			return json.RawMessage(strconv.Quote(name)), true
		}
	}
	if n, ok := a.Errno(); ok {
		return json.RawMessage(fmt.Sprintf(`{"errno":%d}`, n)), true
	}
	if a&^0xffff == policy.Trace {
		return json.RawMessage(fmt.Sprintf(`{"trace":%d}`, a&0xffff)), true
	}
	return nil, false
}

func writeSeccompiler(p *policy.Policy, info *Info) ([]byte, []string, error) {
	entries, notes := lower(p, ociTests)
	f := scFilter{Filter: []scRule{}}
	action := policy.Allow
	// The other action is that of most entries, or the one that lets calls pass.
	if p.Default.Passes() {
		action = policy.Errno(policy.ENOSYS)
		for _, e := range entries {
			if !e.action.Passes() {
				action = e.action
			}
		}
		if slices.ContainsFunc(entries, func(e entry) bool { return e.action == policy.Allow }) && p.Default == policy.Log {
			action = policy.Allow
		}
	}
	var ok bool
	if f.Default, ok = scAction(p.Default); !ok {
		return nil, nil, fmt.Errorf("the format has no action %s", p.Default)
	}
	f.Action, _ = scAction(action)
	var lost []string
	for _, e := range entries {
		name, named := sysno.Name(e.call.ABI, e.call.Nr)
		switch {
		case e.call.ABI != sysno.X86_64:
			if e.action.Passes() {
				return nil, nil, fmt.Errorf("%s: the format knows calls of x86_64 only", e.call)
			}
			continue
		case e.action != action && e.action.Passes() != action.Passes():
			lost = append(lost, e.call.String())
			continue
		case !named && e.action.Passes():
			return nil, nil, fmt.Errorf("the call %s has no name, and the format knows calls by name only", e.call)
		case !named:
			continue
		case e.action != action:
			notes = append(notes, fmt.Sprintf("%s gets %s, not %s", e.call, action, e.action))
		}
		r := scRule{Syscall: name}
		for _, t := range e.tests {
			r.Args = append(r.Args, scTestOf(&t))
		}
		f.Filter = append(f.Filter, r)
	}
	if len(lost) > 0 {
		notes = append(notes, fmt.Sprintf("a filter has two actions, %s and %s, so these get %s: %v", action, p.Default, p.Default, lost))
	}
	if p.Unknown != p.Default {
		notes = append(notes, fmt.Sprintf("numbers that no table names get %s, not %s", p.Default, p.Unknown))
	}
	if p.Default.Passes() {
		notes = append(notes, "calls of other ABIs are killed")
	}
	if len(f.Filter) > 0 {
		f.Filter[0].Comment = info.title()
	}
	data, err := marshal(map[string]scFilter{thread: f})
	return data, notes, err
}

var scOps = map[policy.Op]string{
	policy.In: "eq", policy.Ne: "ne", policy.Lt: "lt", policy.Le: "le", policy.Ge: "ge", policy.Gt: "gt",
}

// scTestOf writes a test as ociTests makes them: of 64 bits.
func scTestOf(t *policy.Test) scTest {
	out := scTest{Index: uint(t.Arg), Type: "qword", Val: t.Values[0]}
	switch {
	case t.Op == policy.MaskedEq && t.Mask == 1<<32-1:
		out.Type, out.Op = "dword", json.RawMessage(`"eq"`)
	case t.Op == policy.MaskedEq:
		out.Op = json.RawMessage(fmt.Sprintf(`{"masked_eq":%d}`, t.Mask))
	default:
		out.Op = json.RawMessage(strconv.Quote(scOps[t.Op]))
	}
	return out
}

func parseScAction(raw ...json.RawMessage) (policy.Action, error) {
	var data json.RawMessage
	for _, r := range raw {
		if r != nil {
			data = r
		}
	}
	if data == nil {
		return 0, errors.New("a filter needs default_action and filter_action")
	}
	var name string
	if json.Unmarshal(data, &name) == nil {
		if a, ok := scActions[name]; ok {
			return a, nil
		}
		return 0, fmt.Errorf("no action %q: allow, errno, kill_process, kill_thread, log, trace, trap", name)
	}
	var numbered struct{ Errno, Trace *uint16 }
	if err := json.Unmarshal(data, &numbered); err == nil {
		switch {
		case numbered.Errno != nil && *numbered.Errno <= policy.MaxErrno:
			return policy.Errno(*numbered.Errno), nil
		case numbered.Trace != nil:
			return policy.Trace | policy.Action(*numbered.Trace), nil
		}
	}
	return 0, fmt.Errorf("no action %s", data)
}

// parseSeccompiler reads the filters of all threads as one that allows what any of them does.
func parseSeccompiler(data []byte) (*policy.Policy, []string, error) {
	var threads map[string]*scFilter
	if err := unmarshal(data, &threads); err != nil {
		return nil, nil, err
	}
	var names []string
	for name := range threads {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, nil, errors.New("no filter")
	}
	var all []*policy.Policy
	for _, name := range names {
		f := threads[name]
		if f == nil {
			return nil, nil, &lineError{lineOf(data, name), errors.New("null is no filter")}
		}
		p, at, err := f.policy()
		if err != nil {
			return nil, nil, &lineError{lineOf(data, append([]any{name}, at...)...), err}
		}
		all = append(all, p)
	}
	if len(all) == 1 {
		return all[0], nil, nil
	}
	return merge(all), []string{fmt.Sprintf("the filters of %d threads (%v) are read as one that allows what any of them does", len(names), names)}, nil
}

// policy reads one filter; at says where an error is.
func (f *scFilter) policy() (p *policy.Policy, at []any, err error) {
	def, err := parseScAction(f.Default, f.Mismatch)
	if err != nil {
		return nil, []any{"default_action"}, err
	}
	action, err := parseScAction(f.Action, f.Match)
	if err != nil {
		return nil, []any{"filter_action"}, err
	}
	if action == def {
		return nil, []any{"filter_action"}, errors.New("both actions are the same")
	}
	b := newRules(def, def, []sysno.ABI{sysno.X86_64})
	for i, r := range f.Filter {
		var tests []policy.Test
		for j := range r.Args {
			t, err := r.Args[j].test()
			if err != nil {
				return nil, []any{"filter", i, "args", j}, err
			}
			tests = append(tests, t)
		}
		if err := b.add(r.Syscall, action, tests); err != nil {
			return nil, []any{"filter", i, "syscall"}, err
		}
	}
	p, err = b.policy()
	return p, nil, err
}

func (t *scTest) test() (policy.Test, error) {
	width := map[string]uint8{"dword": 32, "qword": 64}[t.Type]
	if width == 0 {
		return policy.Test{}, fmt.Errorf("no type %q: dword, qword", t.Type)
	}
	if t.Index > 5 {
		return policy.Test{}, fmt.Errorf("argument %d: calls have six, 0 to 5", t.Index)
	}
	val := t.Val
	if width == 32 {
		val = uint64(uint32(val))
	}
	var name string
	if json.Unmarshal(t.Op, &name) == nil {
		for op, s := range scOps {
			if s == name {
				return policy.Test{Arg: uint8(t.Index), Width: width, Op: op, Values: []uint64{val}}, nil
			}
		}
		return policy.Test{}, fmt.Errorf("no comparison %q: eq, ge, gt, le, lt, masked_eq, ne", name)
	}
	var op struct {
		Mask *uint64 `json:"masked_eq"`
	}
	if err := json.Unmarshal(t.Op, &op); err != nil || op.Mask == nil {
		return policy.Test{}, fmt.Errorf("no comparison %s", t.Op)
	}
	mask := *op.Mask
	if width == 32 {
		mask = uint64(uint32(mask))
	}
	return masked(uint8(t.Index), mask, val), nil
}

// merge returns the policy that allows what one of several allows.
func merge(all []*policy.Policy) *policy.Policy {
	out := &policy.Policy{Default: all[0].Default, Unknown: all[0].Unknown}
	for _, p := range all {
		if p.Default.Passes() {
			out.Default, out.Unknown = p.Default, p.Unknown
		}
	}
	seen := map[sysno.Call]bool{}
	for _, p := range all {
		for _, r := range p.Rules {
			if seen[r.Call] {
				continue
			}
			seen[r.Call] = true
			var clauses []policy.Clause
			for _, q := range all {
				rule := q.Rule(r.Call)
				switch {
				case rule == nil && q.Default.Passes():
					clauses = append(clauses, policy.Clause{Action: q.Default})
				case rule != nil:
					for _, c := range rule.Clauses {
						if c.Action.Passes() {
							clauses = append(clauses, c)
						}
					}
					if q.Default.Passes() && len(rule.Clauses[len(rule.Clauses)-1].Tests) > 0 {
						clauses = append(clauses, policy.Clause{Action: q.Default})
					}
				}
			}
			if clauses == nil {
				clauses = r.Clauses
			}
			out.Rules = append(out.Rules, policy.Rule{Call: r.Call, Clauses: clauses})
		}
	}
	if out.Sort() != nil {
		panic("profile: merged rules of the same call")
	}
	return out
}
