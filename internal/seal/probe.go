package seal

import (
	"crypto/sha256"
	"reflect"
	"slices"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// ProbeErrno is how a filter answers its probe: above all error numbers of Linux, those internal to
// it (512 to 530) included. A filter that gives it as an answer to other calls of seccomp makes a sealed program
// take that for its own.
const ProbeErrno = 4001

// The probe is seccomp(SECCOMP_SET_MODE_FILTER, probeFlags, probe). Linux refuses these flags
// with EINVAL, and so does any later one that does not define all of them; a filter
// that lets a sealed program install its own, by the operation, lets the probe pass.
const (
	probeFlags = 0xf17e60f1

	setModeFilter = 1  // SECCOMP_SET_MODE_FILTER
	flagTsync     = 1  // SECCOMP_FILTER_FLAG_TSYNC
	setNoNewPrivs = 38 // PR_SET_NO_NEW_PRIVS
	widthInt      = 32
	widthPointer  = 64
	seccompName   = "seccomp"
	prctlName     = "prctl"
	execveName    = "execve"
	execveatName  = "execveat"
)

// Children returns p with what the stubs of sealed programs do that a program executes, if it
// can execute any: they ask for their filter, and install it.
func Children(p *policy.Policy) (*policy.Policy, error) {
	if !passes(p, "execve") && !passes(p, "execveat") || p.Default.Passes() {
		return p, nil
	}
	out := clone(p, seccompName, prctlName)
	// In front: what stands there may refuse all calls.
	allow := func(name string, tests ...policy.Test) {
		r, c := out.Rule(call(name)), policy.Clause{Tests: tests, Action: policy.Allow}
		if len(r.Clauses) > 0 && (len(r.Clauses[0].Tests) == 0 && r.Clauses[0].Action.Passes() || reflect.DeepEqual(r.Clauses[0], c)) {
			return // allowed in any case, or here already
		}
		r.Clauses = append([]policy.Clause{c}, r.Clauses...)
	}
	allow(seccompName, is(0, widthInt, setModeFilter), policy.Test{Arg: 1, Width: widthInt, Values: []uint64{flagTsync, probeFlags}})
	allow(prctlName, is(0, widthInt, setNoNewPrivs), is(1, widthPointer, 1))
	return out, out.Sort()
}

// answering returns p with the answer to the probe with this number.
func answering(p *policy.Policy, probe uint64) *policy.Policy {
	out := clone(p, "seccomp")
	asked := []policy.Test{is(0, 32, setModeFilter), is(1, 32, probeFlags)}
	seccomp := out.Rule(call("seccomp"))
	seccomp.Clauses = append([]policy.Clause{
		{Tests: append(asked[:2:2], is(2, 64, probe)), Action: policy.Errno(ProbeErrno)},
		// Another program's probe: the kernel answers it, or another filter in force.
		{Tests: asked, Action: policy.Allow},
	}, seccomp.Clauses...)
	return out
}

// clone returns a copy of p that has rules for some calls.
func clone(p *policy.Policy, names ...string) *policy.Policy {
	out := &policy.Policy{Default: p.Default, Unknown: p.Unknown}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, policy.Rule{Call: r.Call, Clauses: slices.Clone(r.Clauses)})
	}
	for _, name := range names {
		if c := call(name); p.Rule(c) == nil {
			out.Rules = append(out.Rules, policy.Rule{Call: c})
		}
	}
	if err := out.Sort(); err != nil {
		panic(err) // p is sorted
	}
	return out
}

// Filter returns the filter of a sealed program: that of a policy, and the answer to the probe; and the number that stands for it in the probe: bytes
// of the hash of the filter with the number 0.
func Filter(p *policy.Policy) (filter []byte, probe uint64, err error) {
	for range 2 {
		program, err := bpf.Compile(answering(p, probe))
		if err != nil {
			return nil, 0, err
		}
		filter = program.Bytes()
		if probe == 0 {
			sum := sha256.Sum256(append([]byte("gofind seal\n"), filter...))
			probe = le.Uint64(sum[:]) | 1
		}
	}
	return filter, probe, nil
}

// Agrees reports whether a filter that has this probe does what a policy says: it tries all numbers
// that have a name and some that have none, with arguments at the limits of the tests.
func Agrees(f *bpf.Filter, probe uint64, p *policy.Policy) bool {
	p = answering(p, probe)
	tries := 0
	for _, arch := range []uint32{policy.ArchX86_64, policy.ArchI386, 0} {
		for n := range uint32(1028) {
			nr := n
			switch {
			case n >= 1024:
				nr = []uint32{1 << 31, 1<<32 - 1, 1 << 20, sysno.X32Bit + 1023}[n-1024]
			case n >= 512:
				nr = sysno.X32Bit + n - 512
			}
			for _, args := range limits(p, arch, nr) {
				if tries++; tries > maxTries {
					return true
				}
				if got, _ := f.Run(&bpf.Data{Number: nr, Arch: arch, Args: args}); got != p.Eval(arch, nr, args) {
					return false
				}
			}
		}
	}
	return true
}

// maxLimits bounds the arguments that are tried for a call, maxTries all tries: a hostile file can have
// any number of rules.
const maxLimits, maxTries = 4000, 400000

// limits returns arguments at the limits of a call's tests: for each clause those that are around its values.
func limits(p *policy.Policy, arch, nr uint32) [][6]uint64 {
	out := [][6]uint64{{}, {1 << 32, 1 << 32, 1 << 32, 1 << 32, 1 << 32, 1 << 32}}
	c, ok := policy.CallOf(arch, nr)
	r := p.Rule(c)
	if !ok || r == nil {
		return out
	}
	for _, clause := range r.Clauses {
		var base [6]uint64
		for _, t := range clause.Tests {
			base[t.Arg] = t.Values[0]
		}
		out = append(out, base)
		for _, t := range clause.Tests {
			for _, v := range t.Values {
				for _, w := range []uint64{v, v - 1, v + 1, v | 1<<32, v ^ 1<<63, v | t.Mask, ^t.Mask | v} {
					args := base
					args[t.Arg] = w
					if out = append(out, args); len(out) > maxLimits {
						return out
					}
				}
			}
		}
	}
	return out
}

func is(arg, width uint8, value uint64) policy.Test {
	return policy.Test{Arg: arg, Width: width, Op: policy.In, Values: []uint64{value}}
}

func call(name string) sysno.Call {
	nr, ok := sysno.Number(sysno.X86_64, name)
	if !ok {
		panic("no number for " + name)
	}
	return sysno.Call{ABI: sysno.X86_64, Nr: nr}
}

// passes reports whether the call can be made with some arguments.
func passes(p *policy.Policy, name string) bool {
	r := p.Rule(call(name))
	return r != nil && r.Allows() || p.Default.Passes()
}
