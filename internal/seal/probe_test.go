package seal

import (
	"testing"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// The filter does what the policy says to every call, but for the probe.
func TestFilter(t *testing.T) {
	rule := func(name string, clauses ...policy.Clause) policy.Rule {
		return policy.Rule{Call: call(name), Clauses: clauses}
	}
	with := func(p *policy.Policy, rules ...policy.Rule) *policy.Policy {
		p.Rules = append(p.Rules, rules...)
		if err := p.Sort(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	allow := policy.Clause{Action: policy.Allow}
	noexec := []string{"execve", "execveat", "seccomp", "prctl"}
	for name, p := range map[string]*policy.Policy{
		"everything":       allBut(policy.KillProcess),
		"no seccomp":       allBut(policy.KillProcess, "seccomp", "prctl"),
		"no exec":          allBut(policy.Trap, noexec...),
		"log":              allBut(policy.Log, noexec...),
		"seccomp refused":  with(allBut(policy.KillProcess, "seccomp", "prctl"), rule("seccomp", policy.Clause{Action: policy.Errno(38)}), rule("prctl", policy.Clause{Action: policy.Errno(38)})),
		"seccomp in part":  with(allBut(policy.KillProcess, "seccomp"), rule("seccomp", policy.Clause{Tests: []policy.Test{is(0, 32, 3)}, Action: policy.Allow})),
		"nothing":          with(&policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(38)}, rule("exit_group", allow)),
		"exec and nothing": with(&policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(38)}, rule("execve", allow)),
	} {
		t.Run(name, func(t *testing.T) {
			children, err := Children(p)
			if err != nil {
				t.Fatal(err)
			}
			raw, probe, err := Filter(children)
			if err != nil {
				t.Fatal(err)
			}
			f, err := bpf.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !Agrees(f, probe, children) || Agrees(f, probe+1, children) {
				t.Error("Agrees is wrong")
			}
			if other := clone(children, "sync"); !passes(other, "sync") {
				other.Rule(call("sync")).Clauses = []policy.Clause{allow}
				if Agrees(f, probe, other) {
					t.Error("a filter agrees with another policy")
				}
			}
			action := func(arch, nr uint32, args ...uint64) policy.Action {
				d := bpf.Data{Number: nr, Arch: arch}
				copy(d.Args[:], args)
				a, _ := f.Run(&d)
				return a
			}
			numbers := []uint32{0xffffffff, 0x80000000, sysno.X32Bit, sysno.X32Bit + 317, 1 << 20}
			for nr := range uint32(1024) {
				numbers = append(numbers, nr)
			}
			for _, arch := range []uint32{policy.ArchX86_64, policy.ArchI386, 0} {
				for _, nr := range numbers {
					for _, args := range [][6]uint64{{}, {1, 1}, {1, 1 << 32}, {38, 1}, {38, 1 | 1<<32}, {3, 0}, {1 << 32, 1}} {
						if got, want := action(arch, nr, args[:]...), children.Eval(arch, nr, args); got != want {
							t.Fatalf("arch %#x, call %d%v: %v, want %v", arch, nr, args, got, want)
						}
					}
				}
			}

			const seccomp, high = 317, 0xabc << 32
			if got := action(policy.ArchX86_64, seccomp, high|1, high|probeFlags, probe); got != policy.Errno(ProbeErrno) {
				t.Errorf("its probe: %v", got)
			}
			if got := action(policy.ArchX86_64, seccomp, 1, probeFlags, probe+1); got != policy.Allow {
				t.Errorf("another's probe: %v", got)
			}
			if got := action(policy.ArchI386, 354, 1, probeFlags, probe); got != p.Default {
				t.Errorf("the probe in another ABI: %v", got)
			}
			// What a sealed child needs is allowed if there can be one.
			executes := passes(p, "execve")
			for _, c := range [][]uint64{{seccomp, 1, 1, 0x7ffe0000}, {157, 38, 1}} {
				if got := action(policy.ArchX86_64, uint32(c[0]), c[1:]...); executes && !got.Passes() {
					t.Errorf("a sealed child's call %d: %v", c[0], got)
				}
			}
			if p.Rule(call("prctl")) == nil && executes {
				for _, args := range [][]uint64{{38, 2}, {37, 1}, {22, 2, 5}} {
					if got := action(policy.ArchX86_64, 157, args...); got.Passes() != p.Default.Passes() {
						t.Errorf("prctl%v: %v", args, got)
					}
				}
			}
		})
	}
}

// Filters that differ have probes that differ.
func TestProbe(t *testing.T) {
	seen := map[uint64]string{}
	for name, p := range map[string]*policy.Policy{
		"kill": allBut(policy.KillProcess), "errno": allBut(policy.Errno(1)), "log": allBut(policy.Log), "less": allBut(policy.KillProcess, "sync"),
	} {
		_, probe, err := Filter(p)
		if err != nil {
			t.Fatal(err)
		}
		_, again, _ := Filter(p)
		if probe != again || probe == 0 || seen[probe] != "" {
			t.Errorf("%s: %#x, then %#x, as %s", name, probe, again, seen[probe])
		}
		seen[probe] = name
	}
}
