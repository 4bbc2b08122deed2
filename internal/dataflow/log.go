package dataflow

import "github.com/gofind-dev/gofind/internal/summary"

// whole is the block of what belongs to no block alone.
const whole = -1

// log lists what the blocks of a unit refer to, each value once a block.
type log[T comparable] struct {
	hash func(*T) uint64
	ids  index   // hash -> id of a value
	vals []T     // by id, in the order in which they came
	last []int32 // by id: the entry that was added last
	id   []int32 // of each entry
	blk  []int32
	mem  []T // where the lists of units are, one behind the other

	count, at []uint32 // memory of byPart
	sorted    []int32
}

func newLog[T comparable](hash func(*T) uint64) *log[T] { return &log[T]{hash: hash} }

func (l *log[T]) reset() {
	l.ids.reset()
	l.vals, l.last, l.id, l.blk = l.vals[:0], l.last[:0], l.id[:0], l.blk[:0]
}

// expect makes room for the entries of a unit that has noted n.
func (l *log[T]) expect(n int) { l.ids.expect(n) }

// add adds *t, which must not be on the stack: calling hash would move it to the heap.
func (l *log[T]) add(t *T, blk int32) {
	n := int32(len(l.id))
	h := l.hash(t)
	id, ok := l.ids.get(h)
	for ; ok && l.vals[id] != *t; id, ok = l.ids.get(h) {
		h++ // another with the same hash
	}
	if !ok {
		id = int32(len(l.vals))
		l.ids.add(h, id)
		l.vals, l.last = append(l.vals, *t), append(l.last, n)
	} else {
		if b := l.blk[l.last[id]]; b == blk || b == whole {
			return
		}
		l.last[id] = n
	}
	l.id, l.blk = append(l.id, id), append(l.blk, blk)
}

// all returns each value once.
func (l *log[T]) all() []T { return append(l.list(len(l.vals)), l.vals...) }

// list returns an empty list with room for n values.
func (l *log[T]) list(n int) []T {
	const block = 1024
	if n == 0 {
		return nil
	}
	if cap(l.mem)-len(l.mem) < n {
		l.mem = make([]T, 0, max(block, n))
	}
	at := len(l.mem)
	l.mem = l.mem[:at+n]
	return l.mem[at : at : at+n]
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

// byPart returns the values part by part, and tells end where each part ends.
// A value of part 0 is in no other.
func (l *log[T]) byPart(part []int32, n int, end func(part int, at uint32)) []T {
	of := func(i int) int32 {
		if l.blk[i] == whole {
			return 0
		}
		return part[l.blk[i]]
	}
	for i, id := range l.id {
		if of(i) == 0 {
			l.last[id] = -1
		}
	}
	l.count = zeros(l.count, n+1)
	count := l.count
	for i, id := range l.id {
		if p := of(i); p == 0 || l.last[id] >= 0 {
			count[p+1]++
		}
	}
	for p := range n {
		count[p+1] += count[p]
	}
	l.at = append(l.at[:0], count...)
	l.sorted = zeros(l.sorted, int(count[n]))
	at, ids := l.at, l.sorted
	for i, id := range l.id {
		if p := of(i); p == 0 || l.last[id] >= 0 {
			ids[at[p]] = id
			at[p]++
		}
	}
	// the same value in several blocks of a part
	k := uint32(0)
	for p := range n {
		for _, id := range ids[count[p]:count[p+1]] {
			if mark := int32(-2 - p); l.last[id] != mark {
				l.last[id] = mark
				ids[k] = id
				k++
			}
		}
		end(p, k)
	}
	out := l.list(int(k))
	for _, id := range ids[:k] {
		out = append(out, l.vals[id])
	}
	return out
}

// zeros returns n zeros, in the memory of s if there is room.
func zeros[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	s = s[:n]
	clear(s)
	return s
}

// Factors of hashes.
const (
	prime1 = 0x9E3779B97F4A7C15
	prime2 = 0xC2B2AE3D27D4EB4F
)

func hashRef(r *summary.Ref) uint64 {
	return r.A*prime1 ^ r.B*prime2 ^ uint64(uint32(r.Off))<<32 ^ uint64(r.Size)<<16 ^ uint64(r.Kind)<<8 ^ uint64(r.Reg)
}

func hashPass(p *summary.ArgPass) uint64 {
	return p.Callee*prime1 ^ uint64(p.Same)<<32 ^ uint64(b2i(p.Slot))<<16 ^ uint64(p.From)<<8 ^ uint64(p.To)
}

func hashStore(s *summary.ArgStore) uint64 {
	return s.Slot*prime1 ^ uint64(s.N)*prime2 ^ uint64(s.Kind)<<16 ^ uint64(s.Reg)<<8 ^ uint64(s.Size)
}
