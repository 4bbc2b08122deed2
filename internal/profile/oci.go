package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// The JSON of the OCI runtime specification (config-linux.md, section Seccomp), which
// runc and crun give to libseccomp, and Docker's dialect of it (docs.docker.com, Seccomp
// security profiles), which adds conditions.
//
// libseccomp compares whole registers, so an argument of 32 bits is written with
// SCMP_CMP_MASKED_EQ, which leaves the upper half alone. It translates names to all
// architectures of the profile, so calls of one name cannot have different rules there.
var (
	oci = &Format{
		Name: "oci", Says: "the seccomp section of an OCI runtime configuration (runc, crun, youki)",
		write: writeOCI, parse: parseOCI, is: isOCI,
	}
	docker = &Format{
		Name: "docker", Says: "a profile for docker run --security-opt seccomp=FILE, or podman",
		write: writeDocker, parse: parseOCI, is: func([]byte) bool { return false }, // oci reads it too
	}
)

func isOCI(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && data[0] == '{' &&
		(bytes.Contains(data, []byte(`"defaultAction"`)) || bytes.Contains(data, []byte(`"ociVersion"`)) || bytes.Contains(data, []byte(`"seccomp"`)))
}

// archOf are the names of architectures.
var archOf = map[sysno.ABI]specs.Arch{sysno.X86_64: specs.ArchX86_64, sysno.I386: specs.ArchX86, sysno.X32: specs.ArchX32}

func writeOCI(p *policy.Policy, info *Info) ([]byte, []string, error) {
	s, notes, err := linuxSeccomp(p)
	if err != nil {
		return nil, nil, err
	}
	data, err := marshal(s)
	return data, notes, err
}

func writeDocker(p *policy.Policy, info *Info) ([]byte, []string, error) {
	s, notes, err := linuxSeccomp(p)
	if err != nil {
		return nil, nil, err
	}
	d := &seccomp.Seccomp{LinuxSeccomp: *s}
	d.ArchMap = []seccomp.Architecture{{Arch: s.Architectures[0], SubArches: append([]specs.Arch{}, s.Architectures[1:]...)}}
	for _, call := range s.Syscalls {
		d.Syscalls = append(d.Syscalls, &seccomp.Syscall{LinuxSyscall: call})
	}
	d.LinuxSeccomp.Architectures, d.LinuxSeccomp.Syscalls = nil, nil
	if len(d.Syscalls) > 0 {
		d.Syscalls[0].Comment = info.title()
	}
	data, err := marshal(d)
	return data, notes, err
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// linuxSeccomp returns the policy as the specification has it.
func linuxSeccomp(p *policy.Policy) (*specs.LinuxSeccomp, []string, error) {
	s := &specs.LinuxSeccomp{}
	var err error
	if s.DefaultAction, s.DefaultErrnoRet, err = ociAction(p.Default); err != nil {
		return nil, nil, err
	}
	abis := []sysno.ABI{sysno.X86_64}
	for _, abi := range policy.ABIs[1:] {
		if p.Has(abi) || p.Default.Passes() {
			abis = append(abis, abi)
		}
	}
	for _, abi := range abis {
		s.Architectures = append(s.Architectures, archOf[abi])
	}
	merged, notes := byName(p, abis)
	tests := ociTests
	if len(abis) > 1 { // where it compares 32 bits, a cube holds for more, but a comparison for others
		tests = cubeTests
	}
	entries, more := lower(merged, tests)
	notes = append(notes, more...)
	if p.Unknown != p.Default {
		notes = append(notes, fmt.Sprintf("numbers that no table names get %s, not %s (runc itself answers ENOSYS to numbers above the highest that the profile names)", p.Default, p.Unknown))
	}
	if p.Default.Passes() {
		notes = append(notes, "libseccomp stops calls of other architectures, whatever the default action is")
	}
	for _, e := range entries {
		name, ok := sysno.Name(e.call.ABI, e.call.Nr)
		if len(abis) > 1 && slices.ContainsFunc(e.tests, func(t policy.Test) bool { return wide(&t, abis) }) {
			notes = append(notes, fmt.Sprintf("%s: libseccomp compares 32 bits of arguments of i386 and x32, so more is allowed", e.call))
			if !e.action.Passes() {
				continue // it would refuse more
			}
		}
		if !ok {
			if e.action.Passes() && !p.Default.Passes() {
				return nil, nil, fmt.Errorf("the call %s has no name, and the format knows calls by name only", e.call)
			}
			notes = append(notes, fmt.Sprintf("%s has no name, and gets the default action", e.call))
			continue
		}
		call := specs.LinuxSyscall{Names: []string{name}}
		if call.Action, call.ErrnoRet, err = ociAction(e.action); err != nil {
			return nil, nil, err
		}
		for _, t := range e.tests {
			call.Args = append(call.Args, ociArg(&t))
		}
		i := slices.IndexFunc(s.Syscalls, func(c specs.LinuxSyscall) bool {
			return len(c.Args)+len(call.Args) == 0 && c.Action == call.Action && equal(c.ErrnoRet, call.ErrnoRet)
		})
		if i >= 0 {
			s.Syscalls[i].Names = append(s.Syscalls[i].Names, name)
		} else {
			s.Syscalls = append(s.Syscalls, call)
		}
	}
	return s, notes, nil
}

// wide reports whether it makes a difference to a test that libseccomp compares only 32 bits of
// arguments of i386, where the other bits are 0, and of x32, where they may be anything.
func wide(t *policy.Test, abis []sysno.ABI) bool {
	return t.Values[0]>>32 != 0 || slices.Contains(abis, sysno.X32) && (t.Op != policy.MaskedEq || t.Mask>>32 != 0)
}

func equal(a, b *uint) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// byName returns a policy in which calls of one name have one rule, that of the first
// ABI that has it. Where ABIs differ, the rule allows what any of them allows.
func byName(p *policy.Policy, abis []sysno.ABI) (*policy.Policy, []string) {
	if len(abis) == 1 {
		return p, nil
	}
	out := &policy.Policy{Default: p.Default, Unknown: p.Unknown}
	var notes []string
	done := map[string]bool{}
	for _, abi := range abis {
		for _, r := range p.Rules {
			name, ok := sysno.Name(abi, r.Call.Nr)
			if r.Call.ABI != abi || done[name] {
				continue
			}
			if !ok {
				out.Rules = append(out.Rules, r)
				continue
			}
			done[name] = true
			var all []policy.Rule // one for each ABI that has the name
			for _, other := range abis {
				nr, ok := sysno.Number(other, name)
				if !ok {
					continue
				}
				if rule := p.Rule(sysno.Call{ABI: other, Nr: nr}); rule != nil {
					all = append(all, *rule)
				} else {
					all = append(all, policy.Rule{})
				}
			}
			same := !slices.ContainsFunc(all, func(r policy.Rule) bool { return !sameClauses(r.Clauses, all[0].Clauses) })
			if !same {
				r.Clauses = nil
				for _, one := range all {
					for _, c := range one.Clauses {
						if c.Action.Passes() {
							r.Clauses = append(r.Clauses, c)
						}
					}
				}
				if r.Clauses == nil && !p.Default.Passes() {
					r.Clauses = all[slices.IndexFunc(all, func(r policy.Rule) bool { return r.Clauses != nil })].Clauses
				}
				notes = append(notes, fmt.Sprintf("%s has one rule for all of %s", name, strings.Join(abiNames(abis), ", ")))
			}
			out.Rules = append(out.Rules, r)
		}
	}
	return out, notes
}

func abiNames(abis []sysno.ABI) []string {
	var out []string
	for _, a := range abis {
		out = append(out, a.String())
	}
	return out
}

func sameClauses(a, b []policy.Clause) bool {
	return slices.EqualFunc(a, b, func(x, y policy.Clause) bool {
		return x.Action == y.Action && slices.EqualFunc(x.Tests, y.Tests, func(s, t policy.Test) bool {
			return s.Arg == t.Arg && s.Width == t.Width && s.Op == t.Op && s.Mask == t.Mask && slices.Equal(s.Values, t.Values)
		})
	})
}

// ociTests returns tests that libseccomp can make: cubes, or a comparison of 64 bits.
func ociTests(tests []policy.Test) [][]policy.Test {
	if t := tests[0]; len(tests) == 1 && t.Width == 64 && t.Op != policy.In && t.Op != policy.MaskedEq {
		return [][]policy.Test{{t}}
	}
	return cubeTests(tests)
}

// cubeTests returns tests that compare some bits with a value.
func cubeTests(tests []policy.Test) [][]policy.Test {
	set := []cube{{}}
	for _, t := range tests {
		set = meet(set, cubes(&t))
	}
	var out [][]policy.Test
	for _, c := range set {
		t := policy.Test{Arg: tests[0].Arg, Width: 64, Op: policy.MaskedEq, Mask: c.mask, Values: []uint64{c.value}}
		if c.mask == ^uint64(0) {
			t.Op, t.Mask = policy.In, 0
		}
		out = append(out, []policy.Test{t})
	}
	return out
}

var ociOps = map[policy.Op]specs.LinuxSeccompOperator{
	policy.In: specs.OpEqualTo, policy.Ne: specs.OpNotEqual, policy.Lt: specs.OpLessThan, policy.Le: specs.OpLessEqual,
	policy.Ge: specs.OpGreaterEqual, policy.Gt: specs.OpGreaterThan, policy.MaskedEq: specs.OpMaskedEqual,
}

func ociArg(t *policy.Test) specs.LinuxSeccompArg {
	a := specs.LinuxSeccompArg{Index: uint(t.Arg), Op: ociOps[t.Op], Value: t.Values[0]}
	if t.Op == policy.MaskedEq {
		a.Value, a.ValueTwo = t.Mask, t.Values[0]
	}
	return a
}

// ociActions are the names of actions. SCMP_ACT_KILL is kept for reading: it kills the thread.
var ociActions = map[specs.LinuxSeccompAction]policy.Action{
	specs.ActKillProcess: policy.KillProcess, specs.ActKillThread: policy.KillThread, specs.ActKill: policy.KillThread,
	specs.ActTrap: policy.Trap, specs.ActTrace: policy.Trace, specs.ActLog: policy.Log, specs.ActAllow: policy.Allow,
	specs.ActNotify: policy.UserNotify,
}

func ociAction(a policy.Action) (specs.LinuxSeccompAction, *uint, error) {
	if n, ok := a.Errno(); ok {
		number := uint(n)
		return specs.ActErrno, &number, nil
	}
	if a&^0xffff == policy.Trace {
		number := uint(a & 0xffff)
		return specs.ActTrace, &number, nil
	}
	for _, name := range []specs.LinuxSeccompAction{specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActLog, specs.ActAllow, specs.ActNotify} {
		if ociActions[name] == a {
			return name, nil, nil
		}
	}
	return "", nil, fmt.Errorf("the format has no action %s", a)
}

// parseAction reads an action. Without a number, errno is EPERM, and so is trace's (runc's
// seccomp_linux.go, crun's seccomp.c).
func parseAction(name specs.LinuxSeccompAction, errnoRet *uint) (policy.Action, error) {
	number := uint(1)
	if errnoRet != nil {
		number = *errnoRet
	}
	if number > policy.MaxErrno {
		return 0, fmt.Errorf("%d is no error number: 0 to %d", number, policy.MaxErrno)
	}
	a, ok := ociActions[name]
	switch {
	case name == specs.ActErrno:
		return policy.Errno(uint16(number)), nil
	case name == specs.ActTrace:
		return policy.Trace | policy.Action(number), nil
	case !ok:
		return 0, fmt.Errorf("no action %q: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL_PROCESS, ...", name)
	}
	return a, nil
}

// containerCaps are the capabilities that Docker gives a container
// (moby daemon/pkg/oci/caps/defaults.go).
var containerCaps = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

func parseOCI(data []byte) (*policy.Policy, []string, error) {
	var d struct {
		seccomp.Seccomp
		Linux *struct {
			Seccomp *seccomp.Seccomp `json:"seccomp"`
		} `json:"linux"`
	}
	if err := unmarshal(data, &d); err != nil {
		return nil, nil, err
	}
	var at []any
	s := &d.Seccomp
	if d.Linux != nil {
		if d.Linux.Seccomp == nil {
			return nil, nil, errors.New("a configuration without a section linux.seccomp; nothing is filtered")
		}
		s, at = d.Linux.Seccomp, []any{"linux", "seccomp"}
	}
	r := &ociReader{s: s}
	p, err := r.policy()
	if err != nil {
		return nil, nil, &lineError{lineOf(data, append(at, r.at...)...), err}
	}
	return p, r.notes, nil
}

// ociReader reads a profile; at is where it is, for errors.
type ociReader struct {
	s     *seccomp.Seccomp
	at    []any
	notes []string
}

func (r *ociReader) policy() (*policy.Policy, error) {
	r.at = []any{"defaultAction"}
	def, err := parseAction(r.s.DefaultAction, r.s.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	abis, err := r.architectures()
	if err != nil {
		return nil, err
	}
	if slices.Contains(abis, sysno.I386) {
		r.notes = append(r.notes, "of i386, libseccomp lets socketcall and ipc pass too for the calls that they stand for")
	}
	b := newRules(def, def, abis)
	for i, call := range r.s.Syscalls {
		r.at = []any{"syscalls", i}
		if call == nil {
			return nil, errors.New("null is no call")
		}
		if !r.applies(call) {
			continue
		}
		if err := r.call(b, i, call); err != nil {
			return nil, err
		}
	}
	r.at = nil
	return b.policy()
}

// architectures returns the ABIs that the profile is for: the native one always is.
func (r *ociReader) architectures() ([]sysno.ABI, error) {
	list := r.s.Architectures
	field := "architectures"
	for _, m := range r.s.ArchMap {
		if m.Arch == specs.ArchX86_64 {
			list, field = append([]specs.Arch{m.Arch}, m.SubArches...), "archMap"
		}
	}
	abis := []sysno.ABI{sysno.X86_64}
	for _, a := range list {
		r.at = []any{field}
		if !strings.HasPrefix(string(a), "SCMP_ARCH_") {
			return nil, fmt.Errorf("no architecture %q: SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32, ...", a)
		}
		for abi, name := range archOf {
			if a == name && !slices.Contains(abis, abi) {
				abis = append(abis, abi)
			}
		}
	}
	return abis, nil
}

// applies reports whether Docker takes an entry on x86-64, on a new kernel, in a container with
// the capabilities that it gives by default.
func (r *ociReader) applies(call *seccomp.Syscall) bool {
	has := func(c string) bool { return slices.Contains(containerCaps, c) }
	conditional := false
	for _, f := range []*seccomp.Filter{call.Includes, call.Excludes} {
		conditional = conditional || f != nil && len(f.Caps) > 0
	}
	if note := "entries that depend on capabilities are read for those that Docker gives by default"; conditional && !slices.Contains(r.notes, note) {
		r.notes = append(r.notes, note)
	}
	if f := call.Excludes; f != nil {
		if slices.Contains(f.Arches, "amd64") || slices.ContainsFunc(f.Caps, has) || f.MinKernel != nil {
			return false
		}
	}
	if f := call.Includes; f != nil {
		if len(f.Arches) > 0 && !slices.Contains(f.Arches, "amd64") || slices.ContainsFunc(f.Caps, func(c string) bool { return !has(c) }) {
			return false
		}
	}
	return true
}

// call adds the rules of one entry.
func (r *ociReader) call(b *rules, i int, call *seccomp.Syscall) error {
	r.at = []any{"syscalls", i, "action"}
	action, err := parseAction(call.Action, call.ErrnoRet)
	if err != nil {
		return err
	}
	lists := [][]policy.Test{nil}
	count := [6]int{}
	for j, a := range call.Args {
		r.at = []any{"syscalls", i, "args", j}
		t, err := parseArg(&a)
		if err != nil {
			return err
		}
		lists[0] = append(lists[0], t)
		count[t.Arg]++
	}
	if slices.Max(count[:]) > 1 { // runc takes each as a rule of its own then
		all := lists[0]
		lists = nil
		for _, t := range all {
			lists = append(lists, []policy.Test{t})
		}
		r.notes = append(r.notes, fmt.Sprintf("%s: several tests of one argument are alternatives, as in runc", strings.Join(call.Names, ", ")))
	}
	names := call.Names
	r.at = []any{"syscalls", i, "names"}
	if call.Name != "" {
		r.at = []any{"syscalls", i, "name"}
		names = append(names, call.Name)
	}
	for _, name := range names {
		for _, tests := range lists {
			if err := b.add(name, action, tests); err != nil {
				if call.Name == "" {
					r.at = append(r.at, slices.Index(names, name))
				}
				return err
			}
		}
	}
	return nil
}

func parseArg(a *specs.LinuxSeccompArg) (policy.Test, error) {
	if a.Index > 5 {
		return policy.Test{}, fmt.Errorf("argument %d: calls have six, 0 to 5", a.Index)
	}
	for op, name := range ociOps {
		if name != a.Op {
			continue
		}
		t := policy.Test{Arg: uint8(a.Index), Width: 64, Op: op, Values: []uint64{a.Value}}
		if op == policy.MaskedEq {
			t = masked(uint8(a.Index), a.Value, a.ValueTwo)
		}
		return t, nil
	}
	return policy.Test{}, fmt.Errorf("no comparison %q: SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, ...", a.Op)
}

// masked returns the test that the bits in mask are those of value, as a list of values
// where the mask is a whole register or its lower half. libseccomp cuts the value to the mask.
func masked(arg uint8, mask, value uint64) policy.Test {
	value &= mask
	switch mask {
	case ^uint64(0):
		return policy.Test{Arg: arg, Width: 64, Op: policy.In, Values: []uint64{value}}
	case 1<<32 - 1:
		return policy.Test{Arg: arg, Width: 32, Op: policy.In, Values: []uint64{value}}
	}
	return policy.Test{Arg: arg, Width: 64, Op: policy.MaskedEq, Mask: mask, Values: []uint64{value}}
}
