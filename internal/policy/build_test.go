package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/sysno"
)

func call(t *testing.T, name string) sysno.Call {
	t.Helper()
	nr, ok := sysno.Number(sysno.X86_64, name)
	if !ok {
		t.Fatalf("no call %q", name)
	}
	return sysno.Call{Nr: nr}
}

func in(arg, width uint8, values ...uint64) Test {
	return Test{Arg: arg, Width: width, Op: In, Values: values}
}

func policyOf(t *testing.T, o BuildOptions, needs ...Need) *Policy {
	t.Helper()
	p, why, err := Build(needs, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Rules {
		if why[r.Call] == "" {
			t.Errorf("no reason for %s", r.Call)
		}
	}
	return p
}

// evaluate returns the action for a call by name, with arguments.
func evaluate(t *testing.T, p *Policy, name string, args ...uint64) Action {
	t.Helper()
	var all [6]uint64
	copy(all[:], args)
	return p.Eval(ArchX86_64, uint32(call(t, name).Nr), all)
}

func TestBuild(t *testing.T) {
	needs := []Need{{Call: call(t, "read"), Why: "a"}, {Call: call(t, "clone3"), Why: "a"}}
	p := policyOf(t, BuildOptions{Default: KillProcess}, needs...)
	for name, want := range map[string]Action{
		"read": Allow, "clone3": Allow, // needed, though others only try it
		"exit": Allow, "exit_group": Allow, "uretprobe": Allow, // always
		"openat2": Errno(ENOSYS), "statx": Errno(ENOSYS), // tried
		"write": KillProcess, "execve": KillProcess,
	} {
		if got := evaluate(t, p, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, test := range []struct {
		arch, nr uint32
		want     Action
	}{
		{ArchX86_64, 999, Errno(ENOSYS)}, // newer than the table
		{ArchX86_64, 0xffffffff, KillProcess},
		{ArchX86_64, 0x40000000, KillProcess}, // read with the x32 bit
		{ArchX86_64, 0x400003e7, KillProcess}, // of an ABI without rules, even a new one is refused
		{ArchI386, 3, KillProcess},
		{0xc00000b7, 63, KillProcess},
	} {
		if got := p.Eval(test.arch, test.nr, [6]uint64{}); got != test.want {
			t.Errorf("%#x %#x: %s, want %s", test.arch, test.nr, got, test.want)
		}
	}
}

// A policy that only watches refuses nothing.
func TestBuildLog(t *testing.T) {
	p := policyOf(t, BuildOptions{Default: Log}, Need{Call: call(t, "read"), Why: "a"})
	for nr := range uint32(1000) {
		if a := p.Eval(ArchX86_64, nr, [6]uint64{}); !a.Passes() {
			t.Errorf("number %d: %s", nr, a)
		}
	}
}

func TestBuildArguments(t *testing.T) {
	socket, fcntl := call(t, "socket"), call(t, "fcntl")
	p := policyOf(t, BuildOptions{Default: KillProcess},
		Need{Call: socket, Tests: []Test{in(0, 32, 1, 2), in(2, 32, 0)}, Why: "a"},
		Need{Call: socket, Tests: []Test{in(0, 32, 2, 10)}, Why: "b"}, // says nothing of argument 2
		Need{Call: fcntl, Tests: []Test{in(1, 32, 1)}, Why: "a"},
		Need{Call: fcntl, Why: "b"}, // says nothing at all
	)
	for _, test := range []struct {
		name string
		args []uint64
		want Action
	}{
		{"socket", []uint64{1, 0, 6}, Allow},
		{"socket", []uint64{10, 0, 6}, Allow},
		{"socket", []uint64{0xdeadbeef0000000a, 0, 6}, Allow}, // the kernel takes the lower half
		{"socket", []uint64{3, 0, 0}, KillProcess},
		{"fcntl", []uint64{0, 77}, Allow},
	} {
		if got := evaluate(t, p, test.name, test.args...); got != test.want {
			t.Errorf("%s %v: %s, want %s", test.name, test.args, got, test.want)
		}
	}
	// Widths differ: the upper half may be anything.
	p = policyOf(t, BuildOptions{Default: KillProcess},
		Need{Call: fcntl, Tests: []Test{in(1, 32, 1)}, Why: "a"}, Need{Call: fcntl, Tests: []Test{in(1, 64, 2, 1<<32|3)}, Why: "b"})
	for _, arg := range []uint64{1, 2, 3, 0xff00000001} {
		if got := evaluate(t, p, "fcntl", 0, arg); got != Allow {
			t.Errorf("fcntl %#x: %s", arg, got)
		}
	}
}

func TestBuildAliases(t *testing.T) {
	p := policyOf(t, BuildOptions{Default: KillProcess, Aliases: true},
		Need{Call: call(t, "openat"), Why: "a"}, Need{Call: call(t, "select"), Why: "a"}, Need{Call: call(t, "clone"), Why: "a"},
		Need{Call: call(t, "dup2"), Tests: []Test{in(1, 32, 2)}, Why: "a"},
		Need{Call: call(t, "epoll_wait"), Why: "a"}, Need{Call: call(t, "epoll_pwait"), Tests: []Test{in(4, 64, 0)}, Why: "a"})
	for name, want := range map[string]Action{
		"open": Allow, "pselect6": Allow,
		"openat2": Errno(ENOSYS), "clone3": Errno(ENOSYS), // flags behind a pointer
		"fork": KillProcess, "vfork": KillProcess,
		"dup3": Errno(ENOSYS), // dup2 has a test
	} {
		if got := evaluate(t, p, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := evaluate(t, p, "epoll_pwait", 0, 0, 0, 0, 1); got != KillProcess {
		t.Errorf("an alias dropped the tests of epoll_pwait: %s", got)
	}
}

// No alias leads to a call that hides flags behind a pointer, or that is dangerous where the
// call itself is not.
func TestAliasesGiveNothing(t *testing.T) {
	danger := func(c sysno.Call) bool {
		return slices.ContainsFunc(Dangers(), func(d Danger) bool { return d.Call == c })
	}
	for from, list := range aliases() {
		for _, to := range list {
			if name, _ := sysno.Name(to.ABI, to.Nr); name == "clone3" || name == "openat2" || name == "clone" {
				t.Errorf("%s -> %s", from, to)
			}
			if danger(to) && !danger(from) {
				t.Errorf("%s -> %s is dangerous", from, to)
			}
		}
	}
}

func TestBuildDeny(t *testing.T) {
	exec := call(t, "execve")
	need := Need{Call: exec, Why: "a"}
	if p := policyOf(t, BuildOptions{Default: KillProcess, Deny: []sysno.Call{exec, call(t, "execveat")}}, need); evaluate(t, p, "execve") != KillProcess || evaluate(t, p, "execveat") != KillProcess {
		t.Error("execution is not refused")
	}
	if p := policyOf(t, BuildOptions{Default: KillProcess, Deny: []sysno.Call{exec}, Base: "runc"}, need); evaluate(t, p, "execve") != Allow {
		t.Error("the runtime cannot execute the program")
	}
}

func TestFacts(t *testing.T) {
	if len(Probed()) < 40 || len(aliases()) < 40 || len(Dangers()) < 50 || len(Always()) != 4 {
		t.Errorf("%d probed, %d aliases, %d dangers, %d always", len(Probed()), len(aliases()), len(Dangers()), len(Always()))
	}
	for _, base := range Bases() {
		needs, err := BaseNeeds(base)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(needs, func(n Need) bool { return n.Call == call(t, "execve") }) {
			t.Errorf("%s cannot execute the program", base)
		}
	}
	if _, err := BaseNeeds("docker"); err == nil || !strings.Contains(err.Error(), "containerd-shim") {
		t.Errorf("an unknown base: %v", err)
	}
}

// The threads of runc give a container no namespaces.
func TestBaseArguments(t *testing.T) {
	p := policyOf(t, BuildOptions{Default: KillProcess, Base: "containerd-shim"}, Need{Call: call(t, "read"), Why: "a"})
	for flags, want := range map[uint64]Action{0x3d0f00: Allow, 0x50f00: Allow, 0x10000000: KillProcess, 17: KillProcess} {
		if got := evaluate(t, p, "clone", flags); got != want {
			t.Errorf("clone %#x: %s", flags, got)
		}
	}
	if got := evaluate(t, p, "clone3"); got != Errno(ENOSYS) {
		t.Errorf("clone3: %s", got)
	}
	for _, d := range Dangers() {
		if r := p.Rule(d.Call); r != nil && d.Dangerous(r) && (d.Call == call(t, "clone") || d.Call == call(t, "clone3")) {
			t.Errorf("%s is dangerous", d.Call)
		}
	}
}

func TestDangerous(t *testing.T) {
	of := func(name string) *Danger {
		i := slices.IndexFunc(Dangers(), func(d Danger) bool { return d.Call == call(t, name) })
		return &Dangers()[i]
	}
	rule := func(name string, a Action, tests ...Test) *Rule {
		return &Rule{Call: call(t, name), Clauses: []Clause{{Tests: tests, Action: a}}}
	}
	for _, test := range []struct {
		rule *Rule
		want bool
	}{
		{rule("mprotect", Allow), true},
		{rule("mprotect", Allow, in(2, 32, 0, 1, 3)), false},
		{rule("mprotect", Allow, in(2, 32, 1, 5)), true},
		{rule("mprotect", Allow, in(0, 64, 0)), true}, // says nothing of the protection
		{rule("mprotect", Allow, Test{Arg: 2, Width: 32, Op: Le, Values: []uint64{3}}), true},
		{rule("mprotect", Errno(1)), false},
		{rule("ptrace", Allow, in(0, 32, 0)), true},
	} {
		name, _ := sysno.Name(0, test.rule.Call.Nr)
		if got := of(name).Dangerous(test.rule); got != test.want {
			t.Errorf("%+v: %v", test.rule, got)
		}
	}
}

func TestActions(t *testing.T) {
	for _, a := range []Action{KillProcess, KillThread, Trap, Trap | 7, UserNotify, Trace, Trace | 9, Log, Allow, Errno(0), Errno(1), Errno(MaxErrno)} {
		if got, err := ParseAction(a.String()); err != nil || got != a {
			t.Errorf("%s is read as %s: %v", a, got, err)
		}
	}
	for _, s := range []string{"", "die", "errno:", "errno:-1", "errno:4096", "errno:1:2", "trace:", "trace:65536", "kill:1:2", "trap:1:1"} {
		if a, err := ParseAction(s); err == nil {
			t.Errorf("%q is read as %s", s, a)
		}
	}
}
