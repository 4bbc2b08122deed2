package dataflow

import (
	"math/bits"

	"github.com/gofind-dev/gofind/internal/summary"
)

// whole is the block of what belongs to no block alone.
const whole = -1

// entry is a Ref, an ArgPass or an ArgStore in three words, which are quick to write, to compare and to hash: two of them whole,
// and the small fields in one, with what it is in its top byte.
type entry struct{ a, b, fields uint64 }

// What the fields of those that are no Refs are from on. Those of Refs have their Kind there.
const (
	entryPass  = 1 << 62
	entryStore = 1 << 63
)

func entryOfRef(r summary.Ref) entry {
	return entry{r.A, r.B, uint64(uint32(r.Off)) | uint64(r.Size)<<32 | uint64(r.Reg)<<48 | uint64(r.Kind)<<56}
}

func (e *entry) ref() summary.Ref {
	f := e.fields
	return summary.Ref{A: e.a, B: e.b, Off: int32(f), Size: uint16(f >> 32), Reg: uint8(f >> 48), Kind: summary.Kind(f >> 56)}
}

func entryOfPass(p summary.ArgPass) entry {
	return entry{p.Callee, uint64(p.Moves), entryPass}
}

func (e *entry) pass() summary.ArgPass {
	return summary.ArgPass{Callee: e.a, Moves: summary.Moves(e.b)}
}

func entryOfStore(s summary.ArgStore) entry {
	return entry{s.Slot, uint64(s.N), uint64(s.Kind) | uint64(s.Reg)<<8 | uint64(s.Size)<<16 | entryStore}
}

func (e *entry) store() summary.ArgStore {
	f := e.fields
	return summary.ArgStore{Slot: e.a, N: int64(e.b), Kind: summary.StoreKind(f), Reg: uint8(f >> 8), Size: uint8(f >> 16)}
}

// hash is of 64 bits, of which the upper ones are to be taken.
func (e *entry) hash() uint64 {
	return ((e.a ^ bits.RotateLeft64(e.fields, 24)) + bits.RotateLeft64(e.b, 32)) * golden
}

// log lists what the blocks of a unit refer to. What is noted stands in the order of the visits, and what is
// of visits before the last one of a block is not taken out: the runs say what is in the unit. Much of that is there more than
// once, which is found at the end of the unit, all at once.
type log struct {
	noted []entry
	cut   int     // where what is in no run yet begins
	runs  []run   // by block
	early []entry // what escaped before the blocks were emitted
	limit int     // of early, before what is in it twice goes

	rows struct { // where what units have of them is
		refs   row[summary.Ref]
		passes row[summary.ArgPass]
		stores row[summary.ArgStore]
	}

	// memory of byPart and once
	sorted []run
	ends   []int32
	vals   []entry
	tab    []int32
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

func (l *log) reset() {
	l.noted, l.cut, l.runs, l.early, l.limit = l.noted[:0], 0, l.runs[:0], l.early[:0], 64
}

// add adds a run of block blk.
func (l *log) add(from, to, blk int32) {
	if from < to {
		l.runs = append(l.runs, run{from, to, blk})
	}
}

// emitted says that what was noted since the last time is of block blk.
func (l *log) emitted(blk int32) {
	l.add(int32(l.cut), int32(len(l.noted)), blk)
	l.cut = len(l.noted)
}

// setAside takes what was noted from at on for no visit, but for the unit as a whole.
func (l *log) setAside(at int) {
	if len(l.noted) == at {
		return
	}
	l.early = append(l.early, l.noted[at:]...)
	l.noted = l.noted[:at]
	if n := len(l.early); n > l.limit {
		once, _ := l.once(l.early, []run{{0, int32(n), whole}}, nil, 1)
		l.early = append(l.early[:0], once...)
		l.limit += len(l.early)
	}
}

// start begins the emission, with what was set aside.
func (l *log) start() {
	l.cut = len(l.noted)
	l.noted = append(l.noted, l.early...)
	l.emitted(whole)
}

// unit fills in what the unit u refers to, each value once in a part, and one of part 0 in no other. d says where the
// blocks are and takes where the parts end, if there is more than one.
func (l *log) unit(u *summary.Unit, more *summary.Rest, part []int32, d *summary.Division) {
	n, runs := 1, l.runs
	if d != nil {
		n = len(d.Parts)
		runs = l.byPart(part, n)
	}
	vals, ends := l.once(l.noted, runs, part, n)
	refs, stores := 0, 0
	for i := range vals {
		refs += b2i(vals[i].fields < entryPass)
		stores += b2i(vals[i].fields >= entryStore)
	}
	u.Refs, u.Passes, more.Kept = l.rows.refs.next(refs), l.rows.passes.next(len(vals)-refs-stores), l.rows.stores.next(stores)
	var at summary.Part
	i := int32(0)
	for p, end := range ends {
		for ; i < end; i++ {
			switch e := &vals[i]; {
			case e.fields < entryPass:
				u.Refs[at.Refs] = e.ref()
				at.Refs++
			case e.fields < entryStore:
				u.Passes[at.Passes] = e.pass()
				at.Passes++
			default:
				more.Kept[at.Kept] = e.store()
				at.Kept++
			}
		}
		if d != nil {
			d.Parts[p] = at
		}
	}
}

// byPart returns the runs by part, of which there are n, and those of one as they are.
func (l *log) byPart(part []int32, n int) []run {
	l.ends = zeros(l.ends, n+1)
	at := l.ends
	for i := range l.runs {
		at[l.runs[i].in(part)+1]++
	}
	for p := range n {
		at[p+1] += at[p]
	}
	l.sorted = room(l.sorted, len(l.runs))
	for i := range l.runs {
		p := l.runs[i].in(part)
		l.sorted[at[p]] = l.runs[i]
		at[p]++
	}
	return l.sorted
}

// once returns what the runs, by part, have of vals, each value once in a part and one of part 0 in no other, and where the parts end.
// Both are valid until the next call.
func (l *log) once(vals []entry, runs []run, part []int32, n int) ([]entry, []int32) {
	total := 0
	for i := range runs {
		total += int(runs[i].to - runs[i].from)
	}
	width := bits.Len(uint(2 * total))
	l.ends = zeros(l.ends, n)
	l.tab = zeros(l.tab, 1<<width) // by the hash: the place of a value in out, and one more
	l.vals = room(l.vals, total)
	l.in = room(l.in, total) // by the first place of a value there: the part that it was last added to
	tab, out, in, k := l.tab, l.vals, l.in, int32(0)
	shift, mask := uint(64-width)&63, len(tab)-1
	for _, r := range runs {
		p := r.in(part)
		run := vals[r.from:r.to]
		for i := range run {
			e := &run[i]
			h := int(e.hash()>>shift) & mask
			t := tab[h]
			for t != 0 && out[t-1] != *e {
				h = (h + 1) & mask
				t = tab[h]
			}
			if t == 0 {
				in[k] = p
				tab[h] = k + 1
			} else if p == 0 {
				continue
			} else if q := &in[t-1]; *q != p && *q != 0 {
				*q = p
			} else {
				continue
			}
			out[k] = *e
			k++
		}
		l.ends[p] = k
	}
	for p := 1; p < n; p++ {
		l.ends[p] = max(l.ends[p], l.ends[p-1])
	}
	return out[:k], l.ends
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
	c := r.next(len(vals))
	copy(c, vals)
	return c
}

// next returns the next n places, nil for none.
func (r *row[T]) next(n int) []T {
	const block = 1024
	if n == 0 {
		return nil
	}
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

// golden is the factor of hashes whose upper bits are taken: 2^64 divided by the golden ratio.
const golden = 0x9E3779B97F4A7C15
