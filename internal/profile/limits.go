package profile

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/policy"
)

// learn narrows what is known of a word by the outcome of a comparison of its bits in mask
// with k. It returns false if that cannot be.
func (l *limits) learn(op uint16, mask, k uint32, holds bool) bool {
	const all = ^uint32(0)
	switch {
	case mask == 0: // the word is not looked at
		return compare(op, 0, k) == holds
	case op == 0x40:
		return l.set(mask&k, holds)
	case mask != all && (op == 0x20 && k == 0 || op == 0x30 && k == 1):
		return l.set(mask, holds)
	case op == 0x10 && mask != all:
		return l.masked(mask, k, holds)
	case mask != all:
		l.odd = true
		return true
	}
	switch op {
	case 0x10:
		if holds {
			l.first, l.last = max(l.first, k), min(l.last, k)
		} else {
			l.not = append(l.not, k)
		}
	case 0x20, 0x30:
		if op == 0x20 { // > k is >= k+1
			if k == all {
				return !holds
			}
			k++
		}
		if holds {
			l.first = max(l.first, k)
		} else if k == 0 {
			return false
		} else {
			l.last = min(l.last, k-1)
		}
	}
	return l.tidy()
}

// set learns whether one of some bits is set.
func (l *limits) set(k uint32, holds bool) bool {
	switch {
	case !holds:
		return l.masked(k, 0, true)
	case bits.OnesCount32(k) == 1:
		return l.masked(k, k, true)
	case k&l.mask&l.bits != 0: // one is known to be
	case k&^l.mask == 0: // all are known not to be
		return false
	default:
		l.odd = true
	}
	return true
}

// masked learns whether the bits in mask are those of k.
func (l *limits) masked(mask, k uint32, holds bool) bool {
	known := l.mask & mask
	conflict := k&^mask != 0 || l.bits&known != k&known
	switch {
	case holds && conflict:
		return false
	case holds:
		l.mask |= mask
		l.bits |= k
	case conflict:
	case known == mask: // they are
		return false
	case bits.OnesCount32(mask) == 1:
		l.mask |= mask
		l.bits |= mask &^ k
	default:
		l.odd = true
	}
	return l.tidy()
}

// tidy drops what says nothing more, and returns false if nothing is left.
func (l *limits) tidy() bool {
	if l.mask == ^uint32(0) {
		l.first, l.last = max(l.first, l.bits), min(l.last, l.bits)
	}
	for changed := true; changed; {
		changed = false
		l.not = slices.DeleteFunc(l.not, func(v uint32) bool {
			switch {
			case l.first > l.last || v < l.first || v > l.last || v&l.mask != l.bits:
				return true
			case v == l.first && v == l.last:
				l.first, l.last = 1, 0
			case v == l.first:
				l.first++
			case v == l.last:
				l.last--
			default:
				return false
			}
			changed = true
			return true
		})
	}
	if l.first > l.last {
		return false
	}
	if l.first == l.last {
		if l.first&l.mask != l.bits {
			return false
		}
		l.mask, l.bits = 0, 0
	}
	slices.Sort(l.not)
	l.not = slices.Compact(l.not)
	return true
}

// maxListed is how long a range may be to be written as a list of values.
const maxListed = 16

// clausesOf returns the clauses for all ways through a filter, which are disjoint and have all
// arguments. The last one has no tests. It is false if they would have more tests than are left, which are then fewer.
func clausesOf(paths []way, left *int) ([]policy.Clause, bool) {
	odd := slices.ContainsFunc(paths, func(p way) bool {
		return slices.ContainsFunc(p.limits[:], func(l limits) bool { return l.odd })
	})
	rest := paths[len(paths)-1].action
	if !odd { // the order does not matter
		count := map[policy.Action]int{}
		for _, p := range paths {
			count[p.action]++
		}
		better := func(a, b policy.Action) bool { // to be the rest
			if a.Passes() != b.Passes() {
				return !a.Passes()
			}
			return count[a] > count[b] || count[a] == count[b] && a < b
		}
		for a := range count {
			if better(a, rest) {
				rest = a
			}
		}
	}
	var out []policy.Clause
	for _, p := range paths {
		if p.action == rest && !odd {
			continue
		}
		lists, ok := p.tests(left)
		if !ok {
			return nil, false
		}
		for _, tests := range lists {
			if slices.ContainsFunc(tests, func(t policy.Test) bool { return len(t.Values) == 0 }) {
				continue // no number is left
			}
			out = append(out, policy.Clause{Tests: tests, Action: p.action})
		}
	}
	for len(out) > 0 && out[len(out)-1].Action == rest {
		out = out[:len(out)-1]
	}
	if !odd {
		out = join(out)
	}
	return append(out, policy.Clause{Action: rest}), true
}

// tests returns what is known on a way as lists of tests, one of which holds.
func (p *way) tests(left *int) ([][]policy.Test, bool) {
	out := [][]policy.Test{nil}
	for arg := range uint8(6) {
		low, high := &p.limits[2*arg], &p.limits[2*arg+1]
		if *left < (1+len(low.not))*(1+len(high.not)) {
			return nil, false
		}
		var next [][]policy.Test
		for _, more := range argument64(arg, low, high) {
			for _, tests := range out {
				if *left -= len(more); *left < 0 {
					return nil, false
				}
				next = append(next, slices.Concat(tests, more))
			}
		}
		out = next
	}
	return out, true
}

// argument64 returns what is known of both halves of an argument.
func argument64(arg uint8, low, high *limits) [][]policy.Test {
	switch {
	case high.free():
		return [][]policy.Test{word(arg, 32, 0, low)}
	case high.first == high.last:
		return [][]policy.Test{word(arg, 64, uint64(high.first)<<32, low)}
	}
	var out [][]policy.Test
	first := high.first
	for _, end := range append(slices.Clone(high.not), high.last) {
		last := end
		if end != high.last { // values that it has not are inside the range
			last = end - 1
		}
		if first <= last {
			var tests []policy.Test
			if first > 0 {
				tests = append(tests, policy.Test{Arg: arg, Width: 64, Op: policy.Ge, Values: []uint64{uint64(first) << 32}})
			}
			if last < ^uint32(0) {
				tests = append(tests, policy.Test{Arg: arg, Width: 64, Op: policy.Le, Values: []uint64{uint64(last)<<32 | 0xffffffff}})
			}
			if high.mask != 0 {
				tests = append(tests, policy.Test{Arg: arg, Width: 64, Op: policy.MaskedEq, Mask: uint64(high.mask) << 32, Values: []uint64{uint64(high.bits) << 32}})
			}
			out = append(out, append(tests, word(arg, 32, 0, low)...))
		}
		first = end + 1
	}
	return out
}

// word returns what is known of the lower half; the upper half is that of base if width is 64.
func word(arg, width uint8, base uint64, l *limits) []policy.Test {
	test := func(op policy.Op, values ...uint64) policy.Test {
		return policy.Test{Arg: arg, Width: width, Op: op, Values: values}
	}
	var out []policy.Test
	switch size := uint64(l.last) - uint64(l.first); {
	case size < maxListed:
		t := test(policy.In)
		for v := uint64(l.first); v <= uint64(l.last); v++ {
			if uint32(v)&l.mask == l.bits && !slices.Contains(l.not, uint32(v)) {
				t.Values = append(t.Values, base|v)
			}
		}
		return []policy.Test{t}
	case width == 64 || l.first > 0:
		out = append(out, test(policy.Ge, base|uint64(l.first)))
	}
	if width == 64 || l.last < ^uint32(0) {
		out = append(out, test(policy.Le, base|uint64(l.last)))
	}
	if l.mask != 0 {
		t := test(policy.MaskedEq, uint64(l.bits))
		t.Mask = uint64(l.mask)
		out = append(out, t)
	}
	for _, v := range l.not {
		out = append(out, test(policy.Ne, base|uint64(v)))
	}
	return out
}

// join makes one of clauses that differ in the values of one list.
func join(list []policy.Clause) []policy.Clause {
	for arg := range uint8(6) {
		at := map[string]int{}
		var out []policy.Clause
		for _, c := range list {
			i := slices.IndexFunc(c.Tests, func(t policy.Test) bool { return t.Arg == arg && t.Op == policy.In })
			if i < 0 {
				out = append(out, c)
				continue
			}
			rest := slices.Delete(slices.Clone(c.Tests), i, i+1)
			key := fmt.Sprint(c.Action, c.Tests[i].Width, rest)
			if j, ok := at[key]; ok {
				t := &out[j].Tests[0]
				t.Values = append(t.Values, c.Tests[i].Values...)
				slices.Sort(t.Values)
				t.Values = slices.Compact(t.Values)
				continue
			}
			at[key] = len(out)
			out = append(out, policy.Clause{Action: c.Action, Tests: append([]policy.Test{c.Tests[i]}, rest...)})
		}
		list = out
	}
	for _, c := range list {
		slices.SortStableFunc(c.Tests, func(a, b policy.Test) int { return int(a.Arg) - int(b.Arg) })
	}
	return list
}
