package gofind

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gofind-dev/gofind/internal/policy"
)

// Two lists of clauses are compared by asking both about arguments at the borders of their tests: the
// outcome changes only there. Where tests of 32 and of 64 bits meet in one argument, its halves are
// combined. A difference can be overlooked only where several bits of two masks act together, or where there
// are more than maxAsked combinations: of these, some are tried at random.

// maxAsked bounds how many combinations of arguments are tried.
const maxAsked = 1 << 16

// borders returns, for each argument, the values at which a test may change.
func borders(lists ...[]policy.Clause) [6][]uint64 {
	var out [6][]uint64
	for arg := range out {
		var narrow, wide []policy.Test
		for _, list := range lists {
			for _, c := range list {
				for _, t := range c.Tests {
					switch {
					case int(t.Arg) != arg:
					case t.Width == 32:
						narrow = append(narrow, t)
					default:
						wide = append(wide, t)
					}
				}
			}
		}
		values := append(around(narrow), around(wide)...)
		if len(narrow) > 0 && len(wide) > 0 {
			values = halves(values)
		}
		slices.Sort(values)
		if out[arg] = slices.Compact(values); len(values) == 0 {
			out[arg] = []uint64{0}
		}
	}
	return out
}

// halves returns the upper halves of some values with the lower halves of all.
func halves(values []uint64) []uint64 {
	half := func(mask uint64) []uint64 {
		var out []uint64
		for _, v := range values {
			out = append(out, v&mask)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	high, low := half(^uint64(0xffffffff)), half(0xffffffff)
	if len(high)*len(low) > maxAsked {
		high = high[:maxAsked/len(values)+1]
	}
	var out []uint64
	for _, h := range high {
		for _, l := range low[:min(len(low), maxAsked)] {
			out = append(out, h|l)
		}
	}
	return append(out, values...)
}

// around returns the values for which tests hold or just do not.
func around(tests []policy.Test) []uint64 {
	if len(tests) == 0 {
		return nil
	}
	out := []uint64{0, ^uint64(0)}
	for _, t := range tests {
		out = append(out, t.Values...)
		last := t.Values[len(t.Values)-1]
		switch t.Op {
		case policy.MaskedEq:
			for bit := uint64(1); bit != 0; bit <<= 1 {
				if t.Mask&bit != 0 {
					out = append(out, last^bit)
				}
			}
		case policy.In: // one that is not in the list
			for slices.Contains(t.Values, last) {
				last++
			}
			out = append(out, last)
		default:
			out = append(out, last-1, last+1)
		}
	}
	return out
}

// ask calls f with combinations of values until f returns false.
func ask(values [6][]uint64, f func(args [6]uint64) bool) {
	count, all := combinations(values)
	if !all {
		askSome(values, f)
		return
	}
	var args [6]uint64
	for n := range count {
		for i, v := range values {
			args[i] = v[n%len(v)]
			n /= len(v)
		}
		if !f(args) {
			return
		}
	}
}

// combinations returns how many there are, and whether ask tries all of them.
func combinations(values [6][]uint64) (count int, all bool) {
	count = 1
	for _, v := range values {
		if count *= len(v); count > maxAsked {
			return count, false
		}
	}
	return count, true
}

// askSome calls f with each value of each argument, and some of the others; the same ones each time.
func askSome(values [6][]uint64, f func(args [6]uint64) bool) {
	r := rand.New(rand.NewPCG(1, 1))
	total := 0
	for _, v := range values {
		total += len(v)
	}
	for i := range values {
		for _, v := range values[i] {
			for range max(maxAsked/total, 1) {
				var args [6]uint64
				for j, w := range values {
					args[j] = w[r.IntN(len(w))]
				}
				args[i] = v
				if !f(args) {
					return
				}
			}
		}
	}
}

func outcome(list []policy.Clause, args [6]uint64) policy.Action {
	r := policy.Rule{Clauses: list}
	return r.Eval(args, policy.KillProcess)
}

// differ reports whether two lists of clauses give some call different actions.
func differ(a, b []policy.Clause) (yes bool) {
	left := budget(a, b)
	ask(borders(a, b), func(args [6]uint64) bool {
		yes = outcome(a, args) != outcome(b, args)
		left--
		return !yes && left > 0
	})
	return yes
}

// budget returns how often clauses may be asked: hostile files have thousands of them.
func budget(lists ...[]policy.Clause) int {
	n := 0
	for _, list := range lists {
		for _, c := range list {
			n += 1 + len(c.Tests)
		}
	}
	return max(1<<22/n, 1<<10)
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
	_, all := combinations(free)
	left := budget(list)
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
			left--
			return (!some || action.Passes()) && left > 0
		})
		switch {
		case left <= 0:
			sure = false
			return false
		case action.Passes():
		case some, !all:
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
