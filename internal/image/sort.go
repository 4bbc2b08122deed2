package image

import (
	"slices"
	"sync"
)

// scratch is what sorting needs for a moment. Pooled, since for the many small
// files of a program allocating and clearing it costs as much as using it.
type scratch struct{ keys, tmp []uint64 }

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

const maxPooled = 1 << 20 // entries; larger scratch is left to the garbage collector

func (s *scratch) free() {
	if cap(s.keys) > maxPooled {
		s.keys, s.tmp = nil, nil
	}
	scratchPool.Put(s)
}

// addrOrder returns the stable order by address of n records as keys whose
// lower halves are indices, or false if they are in order already. It sorts
// by radix: linkers write these tables in too many short runs for merging,
// and comparing whole records costs several times more. The keys are s's.
func (s *scratch) addrOrder(n int, addr func(int) uint64) ([]uint64, bool) {
	if n < 2 {
		return nil, false
	}
	lo, hi, sorted := addr(0), addr(0), true
	for i, prev := 1, lo; i < n; i++ {
		a := addr(i)
		if a < prev {
			sorted = false
		}
		prev = a
		lo, hi = min(lo, a), max(hi, a)
	}
	if sorted {
		return nil, false
	}
	s.keys = slices.Grow(s.keys[:0], n)[:n]
	keys := s.keys
	if (hi-lo)>>32 != 0 {
		for i := range keys {
			keys[i] = uint64(i)
		}
		slices.SortStableFunc(keys, func(a, b uint64) int { return cmpU64(addr(int(a)), addr(int(b))) })
		return keys, true
	}
	for i := range keys {
		keys[i] = (addr(i)-lo)<<32 | uint64(i)
	}
	if n < 200 {
		slices.Sort(keys)
		return keys, true
	}
	s.tmp = slices.Grow(s.tmp[:0], n)[:n]
	tmp := s.tmp
	const digit = 11
	var count [1 << digit]uint32
	for shift := 32; shift < 64 && (hi-lo)>>(shift-32) != 0; shift += digit {
		clear(count[:])
		for _, k := range keys {
			count[k>>shift&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, c := range count {
			count[i] = sum
			sum += c
		}
		for _, k := range keys {
			d := &count[k>>shift&(1<<digit-1)]
			tmp[*d] = k
			*d++
		}
		keys, tmp = tmp, keys
	}
	return keys, true
}

// sortByAddr sorts a list by address, in place and stable.
func sortByAddr[T any](list []T, addr func(*T) uint64) {
	s := scratchPool.Get().(*scratch)
	defer s.free()
	keys, ok := s.addrOrder(len(list), func(i int) uint64 { return addr(&list[i]) })
	if !ok {
		return
	}
	// Each cycle of the permutation is rotated; its keys then say that nothing is to be done.
	for i := range keys {
		if int(uint32(keys[i])) == i {
			continue
		}
		first, at := list[i], i
		for {
			from := int(uint32(keys[at]))
			keys[at] = uint64(at)
			if from == i {
				break
			}
			list[at] = list[from]
			at = from
		}
		list[at] = first
	}
}
