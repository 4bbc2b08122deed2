package gofind

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/seal"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// PolicyOptions say which filter is made. The zero value makes one that kills the process
// at a call that is not needed, and follows what the programs execute.
type PolicyOptions struct {
	Scan            Options
	Action          string   // for calls that are not needed: kill (""), errno, errno:N, trap, log
	Base            string   // allow what this installer of the filter needs itself; see Bases
	Exec            []string // "deny", "allow-any", or paths of what is executed where the programs do not say
	Aliases         bool     // allow equivalents, so that another version of the C library works
	AllowUnresolved bool     // accept programs that may make calls which were not found
	NoArguments     bool     // allow calls with all arguments, also where it is known which values they have

	installsItself bool // the programs install the filter, after they were executed
}

// Bases returns the names of the installers of filters whose own calls are known.
func Bases() []string { return policy.Bases() }

// IncompleteError says that a program may make calls that the scan did not find.
type IncompleteError struct{ Result *Result }

func (e *IncompleteError) Error() string {
	s := fmt.Sprintf("%s may make calls that were not found, and a filter would stop them", e.Result.Program)
	for _, u := range e.Result.Unresolved {
		if u.Open {
			s += fmt.Sprintf("; %s at %s %s: %s", u.Kind, u.Image, u.Address, u.Effect)
			break
		}
	}
	if slices.ContainsFunc(e.Result.Dlopen, func(d Dlopen) bool { return d.Kind == "own" }) {
		s += "; libraries in its own directories count as loaded, since it loads files whose names are not known: --module FILE" +
			" (repeatable) names those that are loaded, --assume " + ownLibraries + " says that none is"
	}
	return s
}

// An OptionError says that PolicyOptions ask for something that there is not.
type OptionError struct{ Err error }

func (e *OptionError) Error() string { return e.Err.Error() }

func (e *OptionError) Unwrap() error { return e.Err }

// NewPolicy scans programs, and what they execute, and makes the policy that allows what
// they need together. Errors are those of Scan, an *IncompleteError, *ExecError or *OptionError.
func NewPolicy(ctx context.Context, programs []string, o PolicyOptions) (*Policy, error) {
	action := policy.KillProcess
	if o.Action != "" {
		var err error
		if action, err = policy.ParseAction(o.Action); err != nil {
			return nil, &OptionError{err}
		}
		if !action.Refuses() && action != policy.Log {
			return nil, &OptionError{fmt.Errorf("the action %s cannot be the one for calls that are not needed: kill, errno, errno:N, trap or log", o.Action)}
		}
		if action == policy.Errno(seal.ProbeErrno) {
			return nil, &OptionError{fmt.Errorf("the action %s is how a sealed program's filter says that it is in force; choose another error number", o.Action)}
		}
	}
	if o.Base != "" {
		if _, err := policy.BaseNeeds(o.Base); err != nil {
			return nil, &OptionError{err}
		}
	}
	o.Scan.Arguments = !o.NoArguments
	f, err := follow(ctx, programs, &o)
	if err != nil {
		return nil, err
	}
	b := policy.BuildOptions{Default: action, Aliases: o.Aliases, Base: o.Base}
	if f.exec.Mode == ExecDeny {
		b.Deny = execCalls()
	}
	var needs []policy.Need
	for i, r := range f.results {
		list, err := needsOf(r)
		if err != nil {
			return nil, err
		}
		for j := range list {
			list[j].Why = "needed by " + f.programs[i].Path
		}
		needs = append(needs, list...)
	}
	built, why, err := policy.Build(needs, b)
	if err != nil {
		return nil, err
	}
	p := &Policy{
		Schema: PolicySchema, Programs: f.programs, Base: o.Base, Complete: true, Exec: f.exec,
		Dangerous: []Danger{}, Notes: []string{}, Assumptions: []Assumption{}, Inputs: []Input{},
	}
	p.setFilter(built, why)
	for _, r := range f.results {
		p.Complete = p.Complete && r.Complete
		p.Assumptions = append(p.Assumptions, r.Assumptions...)
		p.Inputs = append(p.Inputs, r.Inputs...)
	}
	p.Assumptions = unique(p.Assumptions, func(a Assumption) string { return a.Name + "\x00" + a.Detail })
	p.Inputs = unique(p.Inputs, func(in Input) string { return in.Path + "\x00" + in.Kind })
	if f.exec.Mode == ExecAny {
		// What is not known may be sealed; what is known was scanned as it is.
		if built, err = p.sealable(); err != nil {
			return nil, err
		}
	}
	p.Dangerous = dangers(built, why, f.results)
	p.notes(built, f.results, o.installsItself)
	return p, nil
}

// unique sorts a list by key and drops what is there twice.
func unique[T any](list []T, key func(T) string) []T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return slices.CompactFunc(list, func(a, b T) bool { return key(a) == key(b) })
}

// needsOf returns the calls of a scan as the policy takes them.
func needsOf(r *Result) ([]policy.Need, error) {
	var out []policy.Need
	for i := range r.Syscalls {
		c, err := r.Syscalls[i].call()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Program, err)
		}
		need := policy.Need{Call: c}
		for _, a := range r.Syscalls[i].Args {
			t, ok, err := a.test()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", r.Program, c, err)
			}
			if ok {
				need.Tests = append(need.Tests, t)
			}
		}
		out = append(out, need)
	}
	return out, nil
}

// test returns the test that an argument has one of its values; false if a policy has none for
// its width.
func (a *ArgValues) test() (policy.Test, bool, error) {
	if a.Index < 0 || a.Index > 5 || len(a.Values) == 0 {
		return policy.Test{}, false, fmt.Errorf("argument %d with %d values", a.Index, len(a.Values))
	}
	if a.Width != 32 && a.Width != 64 {
		return policy.Test{}, false, nil
	}
	values := slices.Clone(a.Values)
	for i := range values {
		values[i] &= ^uint64(0) >> (64 - a.Width)
	}
	slices.Sort(values)
	return policy.Test{Arg: uint8(a.Index), Width: uint8(a.Width), Op: policy.In, Values: slices.Compact(values)}, true, nil
}

// call returns the call that a part of a result stands for.
func (s *Syscall) call() (sysno.Call, error) {
	abi, ok := sysno.ParseABI(s.ABI)
	if !ok || s.Number < 0 || s.Number >= sysno.X32Bit {
		return sysno.Call{}, fmt.Errorf("call %q has the number %d of ABI %q; there is none", s.Name, s.Number, s.ABI)
	}
	return sysno.Call{ABI: abi, Nr: s.Number}, nil
}

// execCalls returns the calls that replace the program.
func execCalls() []sysno.Call {
	var out []sysno.Call
	for _, abi := range policy.ABIs {
		for _, name := range []string{"execve", "execveat"} {
			if nr, ok := sysno.Number(abi, name); ok {
				out = append(out, sysno.Call{ABI: abi, Nr: nr})
			}
		}
	}
	return out
}

// dangers lists the dangerous calls that a policy allows, with the chain in the first
// program that makes each.
func dangers(p *policy.Policy, why map[sysno.Call]policy.Reason, results []*Result) []Danger {
	out := []Danger{}
	for _, r := range p.Rules {
		for _, d := range policy.Dangers() {
			if d.Call != r.Call || !d.Dangerous(&r) {
				continue
			}
			name, _ := sysno.Name(r.Call.ABI, r.Call.Nr)
			entry := Danger{Name: name, ABI: r.Call.ABI.String(), Reason: d.Why, Why: string(why[r.Call]), Via: []Step{}}
			for _, result := range results {
				if s := result.find(r.Call); s != nil {
					entry.Program, entry.Via = result.Program, s.Via
					break
				}
			}
			out = append(out, entry)
		}
	}
	return out
}

// find returns what a result says of a call, nil if the program does not make it.
func (r *Result) find(c sysno.Call) *Syscall {
	for i := range r.Syscalls {
		if s := &r.Syscalls[i]; s.Number == c.Nr && s.ABI == c.ABI.String() {
			return s
		}
	}
	return nil
}

// notes adds what a reader of the policy must know.
func (p *Policy) notes(built *policy.Policy, results []*Result, installsItself bool) {
	add := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	nr, _ := sysno.Number(sysno.X86_64, "execve")
	if r := built.Rule(sysno.Call{ABI: sysno.X86_64, Nr: nr}); r == nil || !r.Allows() {
		if !built.Default.Passes() && !installsItself {
			add("execve is refused: what installs this filter and then executes the program needs a base (exec, runc, ...); a filter that the program installs itself does not")
		}
	} else if p.Exec.Mode == ExecDeny {
		add("%s executes the program under the filter, so execve is allowed after all: the kernel cannot tell this first time from later ones", p.Base)
	}
	for _, r := range results {
		if r.Since == "main" {
			add("%s: what only startup needs is not allowed; install the filter at main, not before", r.Program)
		}
		if !r.Complete {
			add("%s may make calls that were not found; the filter would stop them", r.Program)
		}
		for _, n := range r.Notes {
			if n.Kind == "jit" || n.Kind == "io_uring" {
				add("%s: %s", r.Program, n.Detail)
			}
		}
		for _, d := range r.Dlopen {
			if d.What == "unknown" {
				add("%s: %s; give the files with --module", r.Program, d.Why)
			}
		}
	}
	for _, path := range p.Exec.Missing {
		add("%s may be executed, but there is no such file: what it needs is not allowed", path)
	}
	if p.Exec.Mode == ExecAny {
		for _, who := range p.Exec.Unknown {
			add("%s executes programs that are not known: what they need and these do not is refused", who)
		}
	}
	slices.Sort(p.Notes)
	p.Notes = slices.Compact(p.Notes)
}
