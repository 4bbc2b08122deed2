package profile

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// An entry gives an action to a call if all conditions hold. Entries of a call have no
// order: forms of containers and seccompiler say what a rule does with a list of these.
type entry struct {
	call   sysno.Call
	action policy.Action
	tests  []policy.Test // at most one an argument if the form asks for cubes
}

// maxEntries bounds the entries of one clause: tests whose values multiply to more are
// left out.
const maxEntries = 512

// lower returns the entries for the rules of a policy, and what they cannot say. alternatives
// returns the tests one of which must hold for those of a clause on one argument.
func lower(p *policy.Policy, alternatives func([]policy.Test) [][]policy.Test) (out []entry, notes []string) {
	for _, r := range p.Rules {
		clauses, lost := unordered(&r, p.Default)
		if lost {
			notes = append(notes, fmt.Sprintf("%s: the order of its clauses is lost, so more is allowed", r.Call))
		}
		if !chained(clauses) {
			notes = append(notes, fmt.Sprintf("%s: libseccomp may refuse what such a list of tests allows, so none is made", r.Call))
			if clauses[0].Action.Passes() {
				out = append(out, entry{call: r.Call, action: clauses[0].Action})
			}
			continue
		}
		for _, c := range clauses {
			lists, lost := product(c.Tests, alternatives)
			if lost && !c.Action.Passes() { // with fewer tests it would refuse more
				lists = nil
			}
			if lost {
				notes = append(notes, fmt.Sprintf("%s: has more values of arguments than fit; some are not tested", r.Call))
			}
			for _, tests := range lists {
				out = append(out, entry{r.Call, c.Action, tests})
			}
		}
	}
	return out, notes
}

// chained reports whether libseccomp makes of clauses what they say: of lists of values, and of
// tests of one argument in one clause. Where several entries compare one argument in different ways, a
// comparison that holds hides the entries behind it (measured with 2.5.4: the calls that they allow are refused).
func chained(clauses []policy.Clause) bool {
	if len(clauses) == 1 && !slices.ContainsFunc(clauses[0].Tests, func(t policy.Test) bool { return t.Arg != clauses[0].Tests[0].Arg }) {
		return true
	}
	return !slices.ContainsFunc(clauses, func(c policy.Clause) bool {
		return slices.ContainsFunc(c.Tests, func(t policy.Test) bool { return t.Op != policy.In })
	})
}

// unordered returns clauses whose order does not matter and that allow at least what the
// rule allows. lost says that they allow more.
func unordered(r *policy.Rule, otherwise policy.Action) (out []policy.Clause, lost bool) {
	list := r.Clauses
	for i, c := range list { // what stands behind a clause without tests is never reached
		if len(c.Tests) == 0 {
			list = list[:i+1]
			break
		}
	}
	for len(list) > 0 && list[len(list)-1].Action == otherwise {
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		return nil, false
	}
	if !slices.ContainsFunc(list, func(c policy.Clause) bool { return c.Action != list[0].Action }) {
		if i := slices.IndexFunc(list, func(c policy.Clause) bool { return len(c.Tests) == 0 }); i >= 0 {
			return list[i : i+1], false
		}
		return list, false
	}
	// Of different actions, those that pass are kept, under one of them.
	for _, c := range list {
		if c.Action.Passes() {
			c.Action = policy.Allow
			if len(c.Tests) == 0 {
				return []policy.Clause{c}, true
			}
			out = append(out, c)
		}
	}
	if out == nil && len(list[len(list)-1].Tests) == 0 {
		out = list[len(list)-1:]
	}
	return out, true
}

// product returns all combinations of the alternatives for each argument. lost says that
// tests were left out because there would be too many.
func product(tests []policy.Test, alternatives func([]policy.Test) [][]policy.Test) (out [][]policy.Test, lost bool) {
	var factors [][][]policy.Test
	for arg := range uint8(6) {
		var of []policy.Test
		for _, t := range tests {
			if t.Arg == arg {
				of = append(of, t)
			}
		}
		if of == nil {
			continue
		}
		factors = append(factors, alternatives(of))
	}
	// The longest lists go first if something has to.
	slices.SortStableFunc(factors, func(a, b [][]policy.Test) int { return len(a) - len(b) })
	out = [][]policy.Test{nil}
	for _, f := range factors {
		if len(out)*len(f) > maxEntries {
			return out, true
		}
		var next [][]policy.Test
		for _, a := range out {
			for _, b := range f {
				next = append(next, slices.Concat(a, b))
			}
		}
		out = next
	}
	for _, tests := range out {
		slices.SortStableFunc(tests, func(a, b policy.Test) int { return int(a.Arg) - int(b.Arg) })
	}
	return out, false
}

// A cube is the set of numbers whose bits in mask are those of value.
type cube struct{ mask, value uint64 }

// cubes returns disjoint cubes that are together the numbers for which a test holds: a
// range falls apart into at most two aligned blocks for each bit.
func cubes(t *policy.Test) []cube {
	all := ^uint64(0) >> (64 - t.Width)
	v := t.Values[0]
	switch t.Op {
	case policy.In:
		var out []cube
		for _, v := range t.Values {
			out = append(out, cube{all, v})
		}
		return out
	case policy.MaskedEq:
		if v&^t.Mask != 0 {
			return nil // bits that the mask takes away are never set
		}
		return []cube{{t.Mask, v}}
	case policy.Ne:
		var out []cube
		if v > 0 {
			out = blocks(0, v-1, all)
		}
		if v < all {
			out = append(out, blocks(v+1, all, all)...)
		}
		return out
	case policy.Lt:
		if v == 0 {
			return nil
		}
		return blocks(0, v-1, all)
	case policy.Le:
		return blocks(0, v, all)
	case policy.Ge:
		return blocks(v, all, all)
	case policy.Gt:
		if v == all {
			return nil
		}
		return blocks(v+1, all, all)
	}
	panic("profile: no such comparison")
}

// blocks cuts a range into aligned blocks.
func blocks(first, last, all uint64) []cube {
	var out []cube
	for {
		size := 64
		if first != 0 {
			size = bits.TrailingZeros64(first)
		}
		for size > 0 && (size >= 64 || first+(1<<size-1) > last || first+(1<<size-1) < first) {
			if size == 64 && first == 0 && last == ^uint64(0) {
				break
			}
			size--
		}
		var low uint64 // the bits that are free
		if size == 64 {
			low = ^uint64(0)
		} else {
			low = 1<<size - 1
		}
		out = append(out, cube{all &^ low, first})
		if first+low >= last {
			return out
		}
		first += low + 1
	}
}

// meet returns the cubes of the numbers that are in one of a and in one of b.
func meet(a, b []cube) []cube {
	var out []cube
	for _, x := range a {
		for _, y := range b {
			if common := x.mask & y.mask; x.value&common == y.value&common {
				out = append(out, cube{x.mask | y.mask, x.value | y.value})
			}
		}
	}
	return out
}
