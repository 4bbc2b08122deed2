package number

import (
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/summary"
)

func TestFound(t *testing.T) {
	con := func(n int64) summary.Value { return summary.Value{Kind: summary.Const, N: n} }
	low := func(n int64, size uint8) summary.Value { return summary.Value{Kind: summary.Low, N: n, Size: size} }
	for _, c := range []struct {
		name   string
		bits   int
		passed bool
		values []summary.Value
		want   []uint64 // nil: unknown
	}{
		{"sorted, once", 32, false, []summary.Value{con(7), con(2), con(7)}, []uint64{2, 7}},
		{"cut to 32 bits", 32, true, []summary.Value{con(-1), con(0x500000001)}, []uint64{1, 0xffffffff}},
		{"cut to 16 bits", 16, false, []summary.Value{con(0x101ff)}, []uint64{0x1ff}},
		{"whole", 64, false, []summary.Value{con(-1)}, []uint64{1<<64 - 1}},
		{"whole, cut and widened on the way", 64, true, []summary.Value{con(-1)}, []uint64{1<<32 - 1, 1<<64 - 1}},
		{"the same, with more", 64, true, []summary.Value{con(0x180000000)}, []uint64{0x80000000, 0x180000000, 0xffffffff80000000}},
		{"the same, small", 64, true, []summary.Value{con(5)}, []uint64{5}},
		{"the low half is enough", 32, false, []summary.Value{low(9, 4)}, []uint64{9}},
		{"or more of it", 16, false, []summary.Value{low(9, 2)}, []uint64{9}},
		{"and is not", 64, false, []summary.Value{low(9, 4)}, nil},
		{"nor a byte", 32, false, []summary.Value{con(1), low(9, 1)}, nil},
		{"an address", 32, false, []summary.Value{{Kind: summary.Addr, N: 5}}, nil},
		{"anything", 32, false, []summary.Value{con(1), {}}, nil},
	} {
		k := ArgKey{1, 2}
		s := &argSolver{facts: map[ArgKey]*argFact{k: {bits: c.bits}}}
		for _, v := range c.values {
			if s.open(k) {
				s.found(k, v, c.passed)
			}
		}
		if f := s.facts[k]; f.unknown != (c.want == nil) || !slices.Equal(f.values, c.want) {
			t.Errorf("%s: unknown %v, %#x, want %#x", c.name, f.unknown, f.values, c.want)
		}
	}
	k := ArgKey{1, 2}
	s := &argSolver{facts: map[ArgKey]*argFact{k: {bits: 32}}}
	for n := range MaxArgValues {
		s.found(k, con(int64(n)), false)
	}
	if f := s.facts[k]; f.unknown || len(f.values) != MaxArgValues {
		t.Errorf("%d values are too many", MaxArgValues)
	}
	if s.found(k, con(-5), false); !s.facts[k].unknown {
		t.Errorf("%d values are not too many", MaxArgValues+1)
	}
}
