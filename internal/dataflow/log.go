package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/summary"
)

// whole is the block of what belongs to no block alone.
const whole = -1

// log lists what the blocks of a unit refer to. What is noted stands in the order of the visits, and what is
// of visits before the last one of a block is not taken out: the runs say what is in the unit. Much of that is there more than
// once, which is found at the end of the unit, all at once.
type log[T comparable] struct {
	hash  func(vals []T, h []uint32)
	noted []T
	cut   int    // where what is in no run yet begins
	runs  []run  // by block
	early []T    // what escaped before the blocks were emitted
	limit int    // of early, before what is in it twice goes
	units row[T] // where those of the units are

	// memory of unit and once
	sorted []run
	vals   []T
	ends   []uint32
	hashes []uint32
	tab    []uint32
	in     []int32
}

// run is what a block refers to, or some of it: noted[from:to].
type run struct{ from, to, blk int32 }

// in returns the part that r is in.
func (r *run) in(part []int32) int32 {
	if part == nil || r.blk == whole {
		return 0
	}
	return part[r.blk]
}

func (l *log[T]) reset() {
	l.noted, l.cut, l.runs, l.early, l.limit = l.noted[:0], 0, l.runs[:0], l.early[:0], 64
}

// add adds a run of block blk.
func (l *log[T]) add(from, to, blk int32) {
	if from < to {
		l.runs = append(l.runs, run{from, to, blk})
	}
}

// emitted says that what was noted since the last time is of block blk.
func (l *log[T]) emitted(blk int32) {
	l.add(int32(l.cut), int32(len(l.noted)), blk)
	l.cut = len(l.noted)
}

// setAside takes what was noted from at on for no visit, but for the unit as a whole.
func (l *log[T]) setAside(at int) {
	if len(l.noted) == at {
		return
	}
	l.early = append(l.early, l.noted[at:]...)
	l.noted = l.noted[:at]
	if n := len(l.early); n > l.limit {
		l.early = append(l.early[:0], l.once(l.early, []run{{0, int32(n), whole}}, nil, 1)...)
		l.limit += len(l.early)
	}
}

// start begins the emission, with what was set aside.
func (l *log[T]) start() {
	l.cut = len(l.noted)
	l.noted = append(l.noted, l.early...)
	l.emitted(whole)
}

// unit returns the values of the unit, and where each of its n parts ends, which is valid until the next call. A value
// is once in a part, and one of part 0 in no other. part says where the blocks are, if there is more than one.
func (l *log[T]) unit(part []int32, n int) ([]T, []uint32) {
	runs := l.runs
	if part != nil {
		// by part, and those of one as they are
		l.ends = zeros(l.ends, n+1)
		at := l.ends
		for i := range runs {
			at[runs[i].in(part)+1]++
		}
		for p := range n {
			at[p+1] += at[p]
		}
		l.sorted = room(l.sorted, len(runs))
		for i := range runs {
			p := runs[i].in(part)
			l.sorted[at[p]] = runs[i]
			at[p]++
		}
		runs = l.sorted
	}
	return l.units.copy(l.once(l.noted, runs, part, n)), l.ends
}

// once returns what the runs, by part, have of vals, each value once in a part, and tells l.ends where the parts end.
func (l *log[T]) once(vals []T, runs []run, part []int32, n int) []T {
	const few = 8
	l.ends = zeros(l.ends, n)
	total := 0
	for i := range runs {
		total += int(runs[i].to - runs[i].from)
	}
	l.vals = room(l.vals, total)
	out, k := l.vals, uint32(0)
	if total <= few && n == 1 {
		for _, r := range runs {
			for i := range vals[r.from:r.to] {
				v, j := &vals[int(r.from)+i], uint32(0)
				for j < k && out[j] != *v {
					j++
				}
				if j == k {
					out[k] = *v
					k++
				}
			}
		}
		l.ends[0] = k
		return out[:k]
	}
	l.hashes = room(l.hashes, len(vals))
	l.hash(vals, l.hashes)
	width := bits.Len(uint(2 * total))
	l.tab = zeros(l.tab, 1<<width) // by the hash: the place of a value in out, and one more
	l.in = room(l.in, total)       // by the first place of a value there: the part that it was last added to
	tab, in := l.tab, l.in
	shift, mask := uint(32-width)&31, uint32(1)<<width-1
	for _, r := range runs {
		p := r.in(part)
		vals, hashes := vals[r.from:r.to], l.hashes[r.from:r.to]
		for i := range vals {
			v, h := &vals[i], hashes[i]>>shift
			t := tab[h]
			for t != 0 && out[t-1] != *v {
				h = (h + 1) & mask
				t = tab[h]
			}
			if t == 0 {
				in[k] = p
				tab[h] = k + 1
			} else if q := &in[t-1]; *q != p && *q != 0 {
				*q = p
			} else {
				continue
			}
			out[k] = *v
			k++
		}
		l.ends[p] = k
	}
	for p := 1; p < n; p++ {
		l.ends[p] = max(l.ends[p], l.ends[p-1])
	}
	return out[:k]
}

// row is where values that stay are put, one after another.
type row[T any] struct{ free []T }

// one returns the place of a copy of t.
func (r *row[T]) one(t T) *T {
	const block = 64
	if len(r.free) == 0 {
		r.free = make([]T, block)
	}
	p := &r.free[0]
	r.free = r.free[1:]
	*p = t
	return p
}

// copy returns a copy of vals, nil if there are none.
func (r *row[T]) copy(vals []T) []T {
	if len(vals) == 0 {
		return nil
	}
	c := r.next(len(vals))
	copy(c, vals)
	return c
}

// next returns the next n places.
func (r *row[T]) next(n int) []T {
	const block = 1024
	if len(r.free) < n {
		r.free = make([]T, max(block, n))
	}
	c := r.free[:n:n]
	r.free = r.free[n:]
	return c
}

// room returns n values that may be anything, in the memory of s if there is room.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// zeros returns n zeros, in the memory of s if there is room.
func zeros[T any](s []T, n int) []T {
	s = room(s, n)
	clear(s)
	return s
}

// Factors of hashes.
const (
	prime1 = 0x9E3779B97F4A7C15
	prime2 = 0xC2B2AE3D27D4EB4F
)

func hashRefs(vals []summary.Ref, h []uint32) {
	for i := range h {
		r := &vals[i]
		h[i] = uint32((r.A + r.B*prime2 ^ uint64(uint32(r.Off))<<32 ^ uint64(r.Size)<<16 ^ uint64(r.Kind)<<48 ^ uint64(r.Reg)<<56) * prime1 >> 32)
	}
}

func hashPasses(vals []summary.ArgPass, h []uint32) {
	for i := range h {
		p := &vals[i]
		h[i] = uint32((p.Callee ^ uint64(p.Same)<<48 ^ uint64(b2i(p.Slot))<<47 ^ uint64(p.From)<<40 ^ uint64(p.To)<<32) * prime1 >> 32)
	}
}

func hashStores(vals []summary.ArgStore, h []uint32) {
	for i := range h {
		s := &vals[i]
		h[i] = uint32((s.Slot + uint64(s.N)*prime2 ^ uint64(s.Kind)<<48 ^ uint64(s.Reg)<<56 ^ uint64(s.Size)<<40) * prime1 >> 32)
	}
}
