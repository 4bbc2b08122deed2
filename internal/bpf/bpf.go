// Package bpf compiles a policy into the classic BPF program that seccomp runs,
// and runs such programs.
//
// # Compilation
//
// The numbers of an ABI are cut into segments of neighbours with the same
// outcome, and a tree of comparisons finds the segment of a number. The tree is
// the cheapest by dynamic programming over intervals of segments, where an inner node
// is either a comparison with a bound, or, for one number between two segments of the
// same outcome, a comparison with that number. The mean counts calls that the
// policy allows, each once: those that it refuses do not come again. Cost: O(n^3) for n
// segments, which are fewer than the calls of the policy and at most maxOptimal; above that the tree is balanced.
//
// Arguments are tested in the order of the clauses. A test is a set of ranges of 64-bit
// numbers, so the same trees find it: first over the upper half, then over the lower;
// tests of 32 bits never load the upper half. Equal subprograms are one, and each
// instruction that ends the program may be copied instead of jumped to, as jumps of
// comparisons reach 255 instructions only.
//
// # The kernel's cache
//
// Since Linux 5.11 the kernel runs a filter once for each number when it is
// installed, and later allows a call without running it if only the number and the
// architecture were looked at (seccomp_is_const_allow in kernel/seccomp.c). The
// compiler loads nothing else before the number is known, and uses for that only
// instructions which that function understands. [Filter.Constant] is that function.
//
// # Soundness
//
// A filter is right if it returns what [policy.Policy.Eval] returns for every
// architecture, number and arguments. Tests run filters over all numbers that have
// a name and more, on three machines: the one in this package, that of
// golang.org/x/net/bpf, and the kernel; and compare with a filter that Naive makes
// without any of the above.
package bpf

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/policy"
)

// MaxInstructions is how long a program may be: BPF_MAXINSNS in
// include/uapi/linux/bpf_common.h.
const MaxInstructions = 4096

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h). An argument is two
// words of 32 bits, the lower one first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
	dataSize  = 64
)

// A Filter is a program for seccomp.
type Filter struct {
	Instructions []bpf.RawInstruction
}

// A SizeError says that a filter would be longer than the kernel takes.
type SizeError struct{ Instructions int }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the filter has %d instructions, the kernel takes %d: give fewer calls argument tests", e.Instructions, MaxInstructions)
}

// Compile makes the filter of a policy, whose rules are sorted. The error is a *SizeError.
func Compile(p *policy.Policy) (*Filter, error) {
	b := newBuilder()
	return b.assemble(b.program(p))
}

// Naive makes a filter that compares with one number after the other. It is what
// Compile is tested against.
func Naive(p *policy.Policy) (*Filter, error) {
	b := newBuilder()
	return b.assemble(b.naive(p))
}
