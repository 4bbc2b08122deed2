// Package policy holds what a process may do: for each system call, an action,
// which may depend on the call's arguments. A Policy is what all forms of a
// profile are written from and read into, and Eval is its meaning: a filter, in
// whatever form, is right if it does what Eval says for every call.
//
// # Precedence
//
// The action of a call is decided by the first of these that applies:
//
//  1. A number with bit 31 set (-1 among them), or a call of an ABI for which there are no
//     rules: Default.
//  2. The first clause, in the rule for the call, all tests of which hold.
//  3. A rule whose clauses do not hold: Default.
//  4. A number that the table does not name, because it was given out later or
//     never: Unknown, which is ENOSYS in the policies that this module makes. The C library
//     then does without the call; any other answer breaks programs after an
//     upgrade.
//  5. All others: Default.
//
// Calls that C libraries try first and do without have rules of their own that
// answer ENOSYS (Probed).
//
// # Arguments
//
// The kernel cuts an argument to the width of its C type, so that the upper half
// of a register that holds an int may be anything. A test compares Width bits and
// ignores the others, as the kernel does. seccomp cannot follow pointers.
package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// The architectures of struct seccomp_data: include/uapi/linux/audit.h.
const (
	ArchX86_64 = 0xc000003e // AUDIT_ARCH_X86_64, also of x32
	ArchI386   = 0x40000003 // AUDIT_ARCH_I386
)

// An Op compares an argument.
type Op uint8

// The comparisons, all of unsigned numbers: those of libseccomp, and In.
const (
	In       Op = iota // one of Values
	Ne                 // not Values[0]
	Lt                 // below Values[0]
	Le                 // at most Values[0]
	Ge                 // at least Values[0]
	Gt                 // above Values[0]
	MaskedEq           // of the bits in Mask, those of Values[0] and no others are set
	numOp
)

var opNames = [numOp]string{"in", "ne", "lt", "le", "ge", "gt", "masked_eq"}

// String returns a name that ParseOp understands.
func (o Op) String() string {
	if o < numOp {
		return opNames[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// ParseOp reads the name of a comparison.
func ParseOp(s string) (Op, bool) {
	i := slices.Index(opNames[:], s)
	return Op(max(i, 0)), i >= 0
}

// A Test is a condition on one argument.
type Test struct {
	Arg    uint8    // 0..5
	Width  uint8    // bits that are compared: 32 or 64
	Op     Op       //
	Mask   uint64   // of MaskedEq
	Values []uint64 // of In: sorted, each once, at least one; of the others: one
}

// String says the test in words: "argument 1 is 0x1 or 0x2".
func (t *Test) String() string {
	s := fmt.Sprintf("argument %d", t.Arg)
	if t.Width == 32 {
		s = fmt.Sprintf("the lower half of argument %d", t.Arg)
	}
	v := fmt.Sprintf("%#x", t.Values[0])
	switch t.Op {
	case In:
		for i, n := range t.Values[1:] {
			if i == 14 {
				v += fmt.Sprintf(" or one of %d more", len(t.Values)-15)
				break
			}
			v += fmt.Sprintf(" or %#x", n)
		}
		return s + " is " + v
	case Ne:
		return s + " is not " + v
	case Lt:
		return s + " is below " + v
	case Le:
		return s + " is at most " + v
	case Ge:
		return s + " is at least " + v
	case Gt:
		return s + " is above " + v
	}
	return fmt.Sprintf("%s has %s in the bits %#x", s, v, t.Mask)
}

// Holds reports whether an argument meets the test.
func (t *Test) Holds(arg uint64) bool {
	if t.Width == 32 {
		arg = uint64(uint32(arg))
	}
	v := t.Values[0]
	switch t.Op {
	case In:
		return slices.Contains(t.Values, arg)
	case Ne:
		return arg != v
	case Lt:
		return arg < v
	case Le:
		return arg <= v
	case Ge:
		return arg >= v
	case Gt:
		return arg > v
	case MaskedEq:
		return arg&t.Mask == v
	}
	return false
}

// A Clause gives an action to those calls that meet all of its tests.
type Clause struct {
	Tests  []Test // none: every call
	Action Action
}

// A Rule says what happens to one call.
type Rule struct {
	Call    sysno.Call
	Clauses []Clause // the first that holds decides
}

// A Policy is the meaning of a seccomp filter. See the package comment.
type Policy struct {
	Default Action
	Unknown Action
	Rules   []Rule // sorted by ABI and number, one for a call
}

// Sort puts the rules into order. It is an error if a call has two, a test is
// malformed or a number is out of range.
func (p *Policy) Sort() error {
	slices.SortStableFunc(p.Rules, func(a, b Rule) int { return compare(a.Call, b.Call) })
	for i, r := range p.Rules {
		if i > 0 && p.Rules[i-1].Call == r.Call {
			return fmt.Errorf("two rules for %s", r.Call)
		}
		if r.Call.Nr < 0 || r.Call.Nr >= sysno.X32Bit {
			return fmt.Errorf("no call has the number %d", r.Call.Nr)
		}
		for _, c := range r.Clauses {
			for _, t := range c.Tests {
				if err := t.check(); err != nil {
					return fmt.Errorf("%s: %w", r.Call, err)
				}
			}
		}
	}
	return nil
}

func (t *Test) check() error {
	switch {
	case t.Arg > 5:
		return fmt.Errorf("argument %d: calls have six, 0 to 5", t.Arg)
	case t.Width != 32 && t.Width != 64:
		return fmt.Errorf("argument %d: a width of %d bits", t.Arg, t.Width)
	case t.Op >= numOp:
		return fmt.Errorf("argument %d: no comparison %d", t.Arg, t.Op)
	case len(t.Values) == 0 || t.Op != In && len(t.Values) != 1:
		return fmt.Errorf("argument %d: %d values", t.Arg, len(t.Values))
	case !slices.IsSorted(t.Values):
		return fmt.Errorf("argument %d: values are not in order", t.Arg)
	}
	for _, v := range t.Values {
		if t.Width == 32 && (v>>32 != 0 || t.Mask>>32 != 0) {
			return fmt.Errorf("argument %d: %#x has more than 32 bits", t.Arg, v)
		}
	}
	return nil
}

func compare(a, b sysno.Call) int {
	return cmp.Or(cmp.Compare(a.ABI, b.ABI), cmp.Compare(a.Nr, b.Nr))
}

// Rule returns the rule for a call, nil if there is none.
func (p *Policy) Rule(c sysno.Call) *Rule {
	i, ok := slices.BinarySearchFunc(p.Rules, c, func(r Rule, c sysno.Call) int { return compare(r.Call, c) })
	if !ok {
		return nil
	}
	return &p.Rules[i]
}

// Has reports whether there are rules for an ABI.
func (p *Policy) Has(abi sysno.ABI) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Call.ABI == abi })
}

// Eval returns the action for a call: arch and nr as in struct seccomp_data, the
// arguments as in the registers.
func (p *Policy) Eval(arch, nr uint32, args [6]uint64) Action {
	call, ok := CallOf(arch, nr)
	if !ok || !p.Has(call.ABI) {
		return p.Default
	}
	r := p.Rule(call)
	if r == nil {
		if _, known := sysno.Name(call.ABI, call.Nr); !known {
			return p.Unknown
		}
		return p.Default
	}
	return r.Eval(args, p.Default)
}

// Eval returns the action of a rule: that of the first clause that holds, or
// otherwise.
func (r *Rule) Eval(args [6]uint64, otherwise Action) Action {
next:
	for _, c := range r.Clauses {
		for _, t := range c.Tests {
			if !t.Holds(args[t.Arg]) {
				continue next
			}
		}
		return c.Action
	}
	return otherwise
}

// CallOf returns the call that arch and nr of struct seccomp_data stand for, and
// false for other architectures and for numbers with bit 31 set.
func CallOf(arch, nr uint32) (sysno.Call, bool) {
	switch {
	case nr>>31 != 0:
	case arch == ArchX86_64 && nr&sysno.X32Bit != 0:
		return sysno.Call{ABI: sysno.X32, Nr: int(nr &^ sysno.X32Bit)}, true
	case arch == ArchX86_64:
		return sysno.Call{ABI: sysno.X86_64, Nr: int(nr)}, true
	case arch == ArchI386:
		return sysno.Call{ABI: sysno.I386, Nr: int(nr)}, true
	}
	return sysno.Call{}, false
}

// Allows reports whether a call can be made with some arguments.
func (r *Rule) Allows() bool {
	return slices.ContainsFunc(r.Clauses, func(c Clause) bool { return c.Action.Passes() })
}

// Calls returns the calls that can be made with some arguments, in order.
func (p *Policy) Calls() []sysno.Call {
	var calls []sysno.Call
	for _, r := range p.Rules {
		if r.Allows() {
			calls = append(calls, r.Call)
		}
	}
	return calls
}
