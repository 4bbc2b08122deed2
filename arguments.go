package gofind

import (
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/policy"
)

// Two lists of clauses are compared by asking both about arguments at the borders of their tests:
// the outcome of a comparison changes only there. For tests with masks these are single bits too, so
// that a difference can be overlooked only where several bits of two masks act together.

// maxAsked bounds how many combinations of arguments are tried.
const maxAsked = 1 << 14

// borders returns, for each argument, the values at which a test may change.
func borders(lists ...[]policy.Clause) [6][]uint64 {
	var out [6][]uint64
	for _, list := range lists {
		for _, c := range list {
			for _, t := range c.Tests {
				add := &out[t.Arg]
				*add = append(*add, 0, ^uint64(0))
				for _, v := range t.Values {
					*add = append(*add, v, v-1, v+1, v^1<<32, v|0xdeadbeef<<32)
				}
				for bit := uint64(1); bit != 0 && t.Op == policy.MaskedEq; bit <<= 1 {
					if t.Mask&bit != 0 {
						*add = append(*add, t.Values[0]^bit)
					}
				}
			}
		}
	}
	for i := range out {
		slices.Sort(out[i])
		if out[i] = slices.Compact(out[i]); len(out[i]) == 0 {
			out[i] = []uint64{0}
		}
	}
	return out
}

// ask calls f with combinations of values until f returns false.
func ask(values [6][]uint64, f func(args [6]uint64) bool) {
	var index [6]int
	for range maxAsked {
		var args [6]uint64
		for i := range args {
			args[i] = values[i][index[i]]
		}
		if !f(args) {
			return
		}
		i := 0
		for i < 6 {
			if index[i]++; index[i] < len(values[i]) {
				break
			}
			index[i] = 0
			i++
		}
		if i == 6 {
			return
		}
	}
}

func outcome(list []policy.Clause, args [6]uint64) policy.Action {
	r := policy.Rule{Clauses: list}
	return r.Eval(args, policy.KillProcess)
}

// differ reports whether two lists of clauses give some call different actions.
func differ(a, b []policy.Clause) (yes bool) {
	ask(borders(a, b), func(args [6]uint64) bool {
		yes = outcome(a, args) != outcome(b, args)
		return !yes
	})
	return yes
}

// refuses returns which arguments of a program are refused, whatever those are that are not known
// of it, in words. sure is false if others are refused for some of these.
func refuses(list []policy.Clause, known []policy.Test) (refused []string, sure bool) {
	free := borders(list)
	fixed := [6][]uint64{}
	for i := range fixed {
		fixed[i] = []uint64{0}
	}
	for _, t := range known {
		fixed[t.Arg] = nil
		for _, v := range t.Values {
			fixed[t.Arg] = append(fixed[t.Arg], v)
			if t.Width == 32 { // the kernel does not look at the upper half
				fixed[t.Arg] = append(fixed[t.Arg], v|0xffffffff<<32)
			}
		}
		free[t.Arg] = []uint64{0}
	}
	sure = true
	said := map[[6]uint64]bool{} // the same values with another upper half are said once
	ask(fixed, func(args [6]uint64) bool {
		action, some := policy.Allow, false
		ask(free, func(others [6]uint64) bool {
			for _, t := range known {
				others[t.Arg] = args[t.Arg]
			}
			if a := outcome(list, others); a.Passes() {
				some = true
			} else {
				action = a
			}
			return !some || action.Passes()
		})
		switch {
		case action.Passes():
		case some:
			sure = false
		default:
			key := args
			s := action.String() + " with"
			for _, t := range known {
				if asked(list, int(t.Arg)) {
					s += fmt.Sprintf(" argument %d = %#x", t.Arg, args[t.Arg])
				}
				if t.Width == 32 {
					key[t.Arg] = uint64(uint32(args[t.Arg]))
				}
			}
			if !said[key] {
				said[key] = true
				refused = append(refused, s)
			}
		}
		return len(refused) < 8
	})
	return refused, sure
}

// asked reports whether clauses test an argument.
func asked(list []policy.Clause, arg int) bool {
	return slices.ContainsFunc(list, func(c policy.Clause) bool {
		return slices.ContainsFunc(c.Tests, func(t policy.Test) bool { return int(t.Arg) == arg })
	})
}
