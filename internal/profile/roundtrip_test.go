package profile

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// randomPolicy returns a policy with rules of all kinds: plain ones have no tests, mixed ones have
// clauses of different actions in one rule.
func randomPolicy(r *rand.Rand, plain, mixed bool) *policy.Policy {
	pick := func(list ...policy.Action) policy.Action { return list[r.IntN(len(list))] }
	p := &policy.Policy{Default: pick(policy.KillProcess, policy.KillProcess, policy.Errno(1), policy.Errno(38), policy.Trap, policy.KillThread, policy.Log, policy.Allow)}
	p.Unknown = pick(p.Default, policy.Errno(38))
	if plain {
		p.Default = pick(policy.KillProcess, policy.Errno(1), policy.Allow)
		p.Unknown = p.Default
	}
	if p.Default.Passes() {
		p.Unknown = p.Default
	}
	seen := map[sysno.Call]bool{}
	abis := []sysno.ABI{sysno.X86_64, sysno.X86_64, sysno.X86_64}
	if r.IntN(3) == 0 {
		abis = append(abis, sysno.I386, sysno.X32)
	}
	for range r.IntN(60) {
		abi := abis[r.IntN(len(abis))]
		c := sysno.Call{ABI: abi, Nr: r.IntN(sysno.Max(abi) + 1)}
		if _, ok := sysno.Name(abi, c.Nr); !ok || seen[c] {
			continue
		}
		seen[c] = true
		rule := policy.Rule{Call: c}
		action := pick(policy.Allow, policy.Allow, policy.Allow, policy.Errno(38), policy.Log, policy.KillProcess)
		if plain {
			action = pick(policy.Allow, policy.Errno(38), policy.KillProcess)
		}
		for range 1 + r.IntN(2) {
			clause := policy.Clause{Action: action}
			if mixed {
				clause.Action = pick(policy.Allow, policy.Errno(38), policy.KillProcess, policy.Log)
			}
			for range r.IntN(3) {
				if plain {
					break
				}
				clause.Tests = append(clause.Tests, randomTest(r))
			}
			rule.Clauses = append(rule.Clauses, clause)
		}
		p.Rules = append(p.Rules, rule)
	}
	if err := p.Sort(); err != nil {
		panic(err)
	}
	return p
}

var someNumbers = []uint64{0, 1, 2, 3, 7, 8, 15, 16, 255, 0x8000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	0x100000000, 0x100000001, 0x1ffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff}

func randomTest(r *rand.Rand) policy.Test {
	t := policy.Test{Arg: uint8(r.IntN(3)), Width: 32, Op: policy.Op(r.IntN(7))}
	all := ^uint64(0) >> 32
	if r.IntN(2) == 0 {
		t.Width, all = 64, ^uint64(0)
	}
	number := func() uint64 { return someNumbers[r.IntN(len(someNumbers))] & all }
	n := 1
	if t.Op == policy.In {
		n = 1 + r.IntN(4)
	}
	for range n {
		t.Values = append(t.Values, number())
	}
	slices.Sort(t.Values)
	t.Values = slices.Compact(t.Values)
	if t.Op == policy.MaskedEq {
		t.Mask = number()
		if r.IntN(4) > 0 {
			t.Values[0] &= t.Mask
		}
	}
	return t
}

// samples are arguments around the numbers that policies test. Those of i386 have 32 bits.
func samples(r *rand.Rand, abi sysno.ABI) [6]uint64 {
	var args [6]uint64
	for i := range args {
		args[i] = someNumbers[r.IntN(len(someNumbers))] + uint64(r.IntN(3)) - 1
		if r.IntN(2) == 0 {
			args[i] ^= uint64(r.Uint32()) << 32 // what a register may hold above an int
		}
		if abi == sysno.I386 {
			args[i] = uint64(uint32(args[i]))
		}
	}
	return args
}

// disagreement returns a call for which q does not do what p says: what p allows if
// exact is false, everything if it is true.
func disagreement(r *rand.Rand, p, q *policy.Policy, exact bool, abis []sysno.ABI) (policy.Action, policy.Action, sysno.Call, [6]uint64, bool) {
	for _, abi := range abis {
		for nr := range 600 {
			tries := 1
			c := sysno.Call{ABI: abi, Nr: nr}
			if p.Rule(c) != nil {
				tries = 60
			}
			arch, number := dataOf(c)
			for range tries {
				args := samples(r, abi)
				a, b := p.Eval(arch, number, args), q.Eval(arch, number, args)
				if exact && a != b || !exact && a.Passes() && !b.Passes() {
					return a, b, c, args, true
				}
			}
		}
	}
	return 0, 0, sysno.Call{}, [6]uint64{}, false
}

// What is written and read again allows what the policy allows; if there was no note, it
// is the same.
func TestRoundTrip(t *testing.T) {
	for _, f := range Formats {
		t.Run(f.Name, func(t *testing.T) {
			exact := 0
			for seed := range uint64(120) {
				r := rand.New(rand.NewPCG(seed, 1))
				p := randomPolicy(r, seed%4 == 2, seed%4 == 3)
				data, notes, err := Write(f.Name, p, &Info{Programs: []string{"/usr/bin/some \"program\" */"}, Notes: []string{"a\nnote */"}})
				if err != nil {
					if f == seccompiler {
						continue // knows neither i386 nor x32
					}
					t.Fatalf("seed %d: %v", seed, err)
				}
				q, name, more, err := Parse("file", data)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, data)
				}
				if name != f.Name && f != docker {
					t.Fatalf("seed %d: read as %s\n%s", seed, name, data)
				}
				same := len(notes)+len(more) == 0
				if same {
					exact++
				}
				if a, b, c, args, bad := disagreement(r, p, q, same, policy.ABIs); bad {
					t.Fatalf("seed %d: %s %#x: the policy says %s, the file %s\npolicy: %+v\nfile: %+v\nnotes: %q %q", seed, c, args, a, b, p.Rule(c), q.Rule(c), notes, more)
				}
			}
			t.Logf("%d of 120 exact", exact)
			if exact == 0 {
				t.Error("no policy could be said without a note")
			}
		})
	}
}
