package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	xbpf "golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// randomPolicy makes a policy that uses everything a policy can say.
func randomPolicy(r *rand.Rand, rules int, abis ...sysno.ABI) *policy.Policy {
	action := func() policy.Action {
		return []policy.Action{policy.Allow, policy.Allow, policy.KillProcess, policy.Errno(uint16(1 + r.IntN(50))), policy.Trap, policy.Log}[r.IntN(6)]
	}
	value := func(width uint8) uint64 {
		v := []uint64{0, 1, 2, uint64(r.IntN(16)), math.MaxUint32, 1 << 31, 1 << 32, 5<<32 | 7, math.MaxUint64, r.Uint64()}[r.IntN(10)]
		if width == 32 {
			v = uint64(uint32(v))
		}
		return v
	}
	p := &policy.Policy{Default: action(), Unknown: policy.Errno(policy.ENOSYS)}
	seen := make(map[sysno.Call]bool)
	for range rules {
		c := sysno.Call{ABI: abis[r.IntN(len(abis))], Nr: r.IntN(600)}
		if r.IntN(40) == 0 {
			c.Nr = r.IntN(sysno.X32Bit)
		}
		if seen[c] {
			continue
		}
		seen[c] = true
		rule := policy.Rule{Call: c}
		for range 1 + r.IntN(3) {
			clause := policy.Clause{Action: action()}
			for range []int{0, 0, 1, 2, 3}[r.IntN(5)] {
				t := policy.Test{Arg: uint8(r.IntN(6)), Width: []uint8{32, 64}[r.IntN(2)], Op: policy.Op(r.IntN(int(policy.MaskedEq) + 1))}
				t.Values = []uint64{value(t.Width)}
				switch t.Op {
				case policy.In:
					for range r.IntN(12) {
						t.Values = append(t.Values, value(t.Width))
					}
					slices.Sort(t.Values)
					t.Values = slices.Compact(t.Values)
				case policy.MaskedEq:
					t.Mask = value(t.Width)
					if r.IntN(4) > 0 {
						t.Values[0] &= t.Mask
					}
				}
				clause.Tests = append(clause.Tests, t)
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

// samples calls f with numbers that have a meaning and their neighbours, and arguments at
// which a test may change its mind, upper halves included.
func samples(p *policy.Policy, r *rand.Rand, f func(arch, nr uint32, args [6]uint64)) {
	numbers := []uint32{math.MaxUint32, 1 << 31, 1<<31 - 1, sysno.X32Bit - 1, 2*sysno.X32Bit - 1}
	for nr := range uint32(1024) {
		numbers = append(numbers, nr, nr|sysno.X32Bit, nr|1<<31, nr|3<<30)
	}
	interesting := make(map[uint32][6][]uint64)
	for _, rule := range p.Rules {
		nr := uint32(rule.Call.Nr)
		numbers = append(numbers, nr, nr+1, nr-1, nr|sysno.X32Bit)
		values := interesting[nr]
		for _, c := range rule.Clauses {
			for _, t := range c.Tests {
				for _, v := range append([]uint64{t.Mask, ^t.Mask, t.Mask | t.Values[0]}, t.Values...) {
					values[t.Arg] = append(values[t.Arg], v, v+1, v-1, v|1<<32, v^1<<63, v&math.MaxUint32)
				}
			}
		}
		interesting[nr] = values
	}
	for _, arch := range []uint32{policy.ArchX86_64, policy.ArchI386, 0xc00000b7, 0} {
		for _, nr := range numbers {
			f(arch, nr, [6]uint64{})
			values := interesting[nr&^sysno.X32Bit]
			for range 12 {
				var args [6]uint64
				for i := range args {
					args[i] = r.Uint64() >> r.IntN(64)
					if len(values[i]) > 0 && r.IntN(5) > 0 {
						args[i] = values[i][r.IntN(len(values[i]))]
					}
				}
				f(arch, nr, args)
			}
		}
	}
}

// vm runs a filter on the machine of golang.org/x/net/bpf, which loads big-endian.
func vm(t *testing.T, f *Filter) func(d *Data) policy.Action {
	decoded, ok := xbpf.Disassemble(f.Instructions)
	if !ok {
		t.Fatal("instructions that x/net/bpf does not know")
	}
	machine, err := xbpf.NewVM(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return func(d *Data) policy.Action {
		var packet [dataSize]byte
		for off := uint32(0); off < dataSize; off += 4 {
			binary.BigEndian.PutUint32(packet[off:], d.word(off))
		}
		v, err := machine.Run(packet[:])
		if err != nil {
			t.Fatal(err)
		}
		return policy.Action(v)
	}
}

func TestRandomPolicies(t *testing.T) {
	count := 60
	if testing.Short() {
		count = 8
	}
	sets := [][]sysno.ABI{{sysno.X86_64}, {sysno.X86_64, sysno.I386}, {sysno.X86_64, sysno.X32, sysno.I386}, {sysno.X32}, {sysno.I386}}
	for seed := range count {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		p := randomPolicy(r, []int{0, 1, 5, 40, 120}[seed/len(sets)%5], sets[seed%len(sets)]...)
		differential(t, fmt.Sprint("seed ", seed), p, r)
	}
}

// differential compares everything that says what a policy means.
func differential(t *testing.T, name string, p *policy.Policy, r *rand.Rand) {
	t.Helper()
	fast, err := Compile(p)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	back, err := Parse(fast.Bytes())
	if err != nil || !slices.Equal(back.Instructions, fast.Instructions) {
		t.Fatalf("%s: reading the program back: %v", name, err)
	}
	naive, err := Naive(p)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	other := vm(t, fast)
	samples(p, r, func(arch, nr uint32, args [6]uint64) {
		d := &Data{Number: nr, Arch: arch, Args: args, IP: 1 << 40}
		want := p.Eval(arch, nr, args)
		got, _ := fast.Run(d)
		plain, _ := naive.Run(d)
		if v := other(d); got != want || plain != want || v != want {
			t.Fatalf("%s: arch %#x, number %#x, arguments %#x: the policy says %v; compiled %v, naive %v, in x/net/bpf %v",
				name, arch, nr, args, want, got, plain, v)
		}
		if fast.Constant(arch, nr) && want != policy.Allow {
			t.Fatalf("%s: arch %#x, number %#x: the kernel would never refuse it, the policy says %v", name, arch, nr, want)
		}
	})
}

func TestCompileLarge(t *testing.T) {
	// Every call with a test of its own: jumps get longer than a byte can hold.
	p := &policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(policy.ENOSYS)}
	for nr := range 330 {
		p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{Nr: nr}, Clauses: []policy.Clause{{
			Action: policy.Allow,
			Tests:  []policy.Test{{Arg: uint8(nr % 6), Width: 32, Values: []uint64{uint64(nr), uint64(nr) + 7, 1 << 20}}},
		}}})
	}
	differential(t, "330 tests", p, rand.New(rand.NewPCG(1, 2)))

	for i := range p.Rules {
		tests := &p.Rules[i].Clauses[0].Tests[0]
		tests.Width, tests.Values = 64, nil
		for v := range uint64(12) {
			tests.Values = append(tests.Values, (v+uint64(i))<<33|v)
		}
	}
	_, err := Compile(p)
	var size *SizeError
	if !errors.As(err, &size) || size.Instructions <= MaxInstructions {
		t.Errorf("a filter that is too large: %v", err)
	}
}

// A policy with no test at all is answered from the kernel's cache alone.
func TestCost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var sum float64
	const rounds = 20
	for range rounds {
		p := &policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(policy.ENOSYS)}
		for _, nr := range r.Perm(335)[:100] {
			p.Rules = append(p.Rules, policy.Rule{Call: sysno.Call{Nr: nr}, Clauses: []policy.Clause{{Action: policy.Allow}}})
		}
		if err := p.Sort(); err != nil {
			t.Fatal(err)
		}
		f, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		c := f.Cost(p)
		if c.Calls != 100 || c.Constant != 100 {
			t.Errorf("%d of %d calls constant, want all 100", c.Constant, c.Calls)
		}
		sum += c.Mean
	}
	// Calls that are spread at random are the worst case: real programs use neighbours.
	if mean := sum / rounds; mean > 12 {
		t.Errorf("%.1f instructions a call, want at most 12", mean)
	} else {
		t.Logf("%.2f instructions a call", mean)
	}
}

func FuzzParse(f *testing.F) {
	p := randomPolicy(rand.New(rand.NewPCG(5, 6)), 20, sysno.X86_64, sysno.I386)
	compiled, err := Compile(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(compiled.Bytes())
	f.Add([]byte{0x06, 0, 0, 0, 0, 0, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, raw []byte) {
		filter, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		for nr := range uint32(16) {
			filter.Run(&Data{Number: nr, Arch: policy.ArchX86_64})
			filter.Constant(policy.ArchX86_64, nr)
		}
	})
}

// FuzzCompile compares compiled and naive filters of policies that a seed stands for.
func FuzzCompile(f *testing.F) {
	f.Add(uint64(1), uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, rules uint8) {
		r := rand.New(rand.NewPCG(seed, uint64(rules)))
		p := randomPolicy(r, int(rules)%6, sysno.X86_64, sysno.X32, sysno.I386)
		fast, err := Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			d := &Data{Number: uint32(r.IntN(600)), Arch: policy.ArchX86_64}
			if len(p.Rules) > 0 && r.IntN(4) > 0 {
				c := p.Rules[r.IntN(len(p.Rules))].Call
				d.Number = uint32(c.Nr)
				switch c.ABI {
				case sysno.I386:
					d.Arch = policy.ArchI386
				case sysno.X32:
					d.Number |= sysno.X32Bit
				}
			}
			for i := range d.Args {
				d.Args[i] = []uint64{uint64(r.IntN(16)), math.MaxUint32, 1 << 31, 1 << 32, 5<<32 | 7, math.MaxUint64}[r.IntN(6)]
			}
			if got, _ := fast.Run(d); got != p.Eval(d.Arch, d.Number, d.Args) {
				t.Fatalf("arch %#x, number %#x, arguments %#x: %v, want %v", d.Arch, d.Number, d.Args, got, p.Eval(d.Arch, d.Number, d.Args))
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	p := randomPolicy(rand.New(rand.NewPCG(7, 8)), 120, sysno.X86_64)
	for b.Loop() {
		if _, err := Compile(p); err != nil {
			b.Fatal(err)
		}
	}
}
