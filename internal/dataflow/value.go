package dataflow

import (
	"math"
	"math/bits"
	"slices"
)

type kind uint8

const (
	kTop   kind = iota // anything; what it may have been derived from has escaped
	kConst             // a; r == 1: from an instruction that only the large code models need, so it may be an address less another one
	kLow               // low r bytes are a, the rest anything
	kAddr              // address a plus b; b == anyOff, anyBack: derived from address a
	kLoad              // r bytes loaded from address a
	kArg               // register r on entry; b: truncated to b bytes if 1 or 2
	kArgZ              // register r on entry with its second byte cleared: its low word is its low byte
	kLoadD             // 4 or 8 bytes at (the pointer at address a) + b
	kArgX              // derived from register r on entry
	kArgD              // memory at (register r on entry) + b
	kStk               // memory at (rsp on entry) + b, not written here
	kSP                // rsp on entry + b; b == anyOff: derived from it
	kTab4              // a 32-bit entry of the table at a, loaded at pc b
	kTabT              // base b plus an entry of the table of offsets at a, of form r
	kTab8              // a 64-bit entry of the table at a
	kTab2              // a 16-bit entry of the table at a, of form r; the table has been used
	kArgOp             // in exact queries: a summary.Op of register r on entry and the constant a; b has it
)

// Forms of the offsets in tables: 4 bytes, signed; 8 bytes; or 2 bytes, which
// may be signed and scaled by 1, 2, 4 or 8.
const (
	form4   = 0
	form8   = 1
	form2   = 8
	form2s  = 4 // with form2: signed
	form2by = 3 // with form2: mask of the scale's logarithm
)

// scaled returns e, an entry of a table of 16-bit offsets, times n.
func (v *values) scaled(e elem, n uint8) (val, bool) {
	if e.k != kTab2 || e.r&form2by != 0 || n&(n-1) != 0 || n == 0 || n > 8 {
		return 0, false
	}
	e.r |= int8(bits.TrailingZeros8(n))
	return v.mk(e), true
}

// Offsets that are not known: at or after the address, or before it too.
const (
	anyOff  = math.MinInt64
	anyBack = math.MinInt64 + 1
)

// fixed reports whether an offset is known.
func fixed(b int64) bool { return b > anyBack }

// loose returns the unknown offset that covers both of two offsets.
func loose(b, c int64) int64 {
	if b == anyBack || c == anyBack || fixed(b) && b < 0 || fixed(c) && c < 0 {
		return anyBack
	}
	return anyOff
}

// elem is one abstract value; a value id stands for an elem or for a set of them.
type elem struct {
	a uint64
	b int64
	k kind
	r int8
}

// val is an interned value: 0 is "no value yet" (bottom).
type val uint32

const (
	vBottom val = 0
	vTop    val = 1 // may be a member of a set
	vMany   val = 2 // absorbing: what did not fit has escaped
	vArg0   val = 3 // vArg0+r is kArg of register r
	setBit  val = 1 << 30
	maxSet      = 12
)

// values interns the values of one unit. Ids are dense; sets are sorted slices
// of element ids in one arena.
type values struct {
	elems []elem
	eTab  []uint32 // open addressing: ids
	sets  []span
	arena []val
	sTab  []uint32 // id+1
	joins []joined // memoised joins
	jN    int

	// Ids of elements that are asked for again and again, 0: not made yet.
	smalls [64]val  // constants
	frames [128]val // rsp on entry less so many words

	// The tables begin small in each unit. Those that are not in use are empty.
	eTabs, sTabs tables[uint32]
	jTabs        tables[joined]
}

// joined is a memoised join.
type joined struct {
	key uint64 // 0: none
	val val
}

// span is where a set is in the arena; kinds are those of its elements, one bit each.
type span struct{ off, n, kinds uint32 }

// vsyscallBit is in the kinds of a set with a constant that is an address in the vsyscall page.
const vsyscallBit = 1 << 31

func newValues() *values {
	v := &values{}
	v.reset()
	return v
}

// Entries of the tables of a unit at first, and how many an analyser keeps.
const (
	fewElems = 128
	fewSets  = 32
	fewJoins = 64
	manyVals = 1 << 13
)

// reset forgets everything but the elements that every unit has.
func (v *values) reset() {
	const own = int(vArg0) + 16
	if len(v.elems) < own || len(v.eTab) > manyVals {
		*v = values{arena: v.arena[:0]}
		v.eTab, v.sTab, v.joins = v.eTabs.get(fewElems), v.sTabs.get(fewSets), v.jTabs.get(fewJoins)
		v.elems = append(make([]elem, 0, 512), elem{}, elem{k: kTop}, elem{k: kTop, r: 1})
		for r := int8(0); r < 16; r++ {
			v.mk(elem{k: kArg, r: r})
		}
		return
	}
	if len(v.elems) > own {
		clear(v.smalls[:])
		clear(v.frames[:])
		clear(v.eTab)
		v.eTab = v.eTabs.get(fewElems)
		v.elems = v.elems[:own]
		for id := vArg0; int(id) < own; id++ {
			i := v.elems[id].hash() & (fewElems - 1)
			for v.eTab[i] != 0 && v.eTab[i] != uint32(id) {
				i = (i + 1) & (fewElems - 1)
			}
			v.eTab[i] = uint32(id)
		}
	}
	if len(v.sets) > 0 {
		clear(v.sTab)
		v.sTab = v.sTabs.get(fewSets)
		v.sets, v.arena = v.sets[:0], v.arena[:0]
	}
	if v.jN > 0 {
		clear(v.joins)
		v.joins = v.jTabs.get(fewJoins)
		v.jN = 0
	}
}

func (e *elem) hash() uint32 {
	h := e.a*0x9E3779B97F4A7C15 ^ uint64(e.b)*0xC2B2AE3D27D4EB4F ^ uint64(e.k)<<8 ^ uint64(uint8(e.r))
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return uint32(h >> 32)
}

// mk interns e.
func (v *values) mk(e elem) val {
	if e.k == kTop {
		return vTop
	}
	if 2*len(v.elems) > len(v.eTab) {
		t := v.eTabs.get(2 * len(v.eTab))
		for id := 3; id < len(v.elems); id++ {
			i := v.elems[id].hash() & uint32(len(t)-1)
			for t[i] != 0 {
				i = (i + 1) & uint32(len(t)-1)
			}
			t[i] = uint32(id)
		}
		clear(v.eTab)
		v.eTab = t
	}
	m := uint32(len(v.eTab) - 1)
	i := e.hash() & m
	for v.eTab[i] != 0 {
		if v.elems[v.eTab[i]] == e {
			return val(v.eTab[i])
		}
		i = (i + 1) & m
	}
	id := uint32(len(v.elems))
	v.elems = append(v.elems, e)
	v.eTab[i] = id
	return val(id)
}

// con returns the constant n.
func (v *values) con(n int64) val {
	if uint64(n) >= uint64(len(v.smalls)) {
		return v.mk(elem{k: kConst, a: uint64(n)})
	}
	x := &v.smalls[n]
	if *x == 0 {
		*x = v.mk(elem{k: kConst, a: uint64(n)})
	}
	return *x
}

// frame returns rsp on entry plus b.
func (v *values) frame(b int64) val {
	i := uint64(-b) / 8
	if i >= uint64(len(v.frames)) || b&7 != 0 {
		return v.mk(elem{k: kSP, b: b})
	}
	x := &v.frames[i]
	if *x == 0 {
		*x = v.mk(elem{k: kSP, b: b})
	}
	return *x
}

// one returns the element of a value that is not a set, kTop for sets.
func (v *values) one(x val) *elem {
	if x >= setBit {
		return &v.elems[vTop]
	}
	return &v.elems[x]
}

// kinds returns the kinds that x may be of, one bit each.
func (v *values) kinds(x val) uint32 {
	if x < setBit {
		return 1 << (v.elems[x].k & 31)
	}
	return v.sets[x&^setBit].kinds
}

// members appends the element ids of x to dst.
func (v *values) members(x val) []val {
	s := v.sets[x&^setBit]
	return v.arena[s.off : s.off+s.n]
}

// mkSet interns a sorted list of at least two distinct element ids.
func (v *values) mkSet(l []val) val {
	if 2*len(v.sets) > len(v.sTab) {
		t := v.sTabs.get(2 * len(v.sTab))
		for id := range v.sets {
			i := hashIDs(v.members(val(id))) & uint32(len(t)-1)
			for t[i] != 0 {
				i = (i + 1) & uint32(len(t)-1)
			}
			t[i] = uint32(id + 1)
		}
		clear(v.sTab)
		v.sTab = t
	}
	m := uint32(len(v.sTab) - 1)
	i := hashIDs(l) & m
	for v.sTab[i] != 0 {
		id := v.sTab[i] - 1
		if slices.Equal(v.members(val(id)), l) {
			return val(id) | setBit
		}
		i = (i + 1) & m
	}
	id := uint32(len(v.sets))
	kinds := uint32(0)
	for _, x := range l {
		e := &v.elems[x]
		kinds |= 1 << (e.k & 31)
		if e.k == kConst && isVsyscall(e.a) {
			kinds |= vsyscallBit
		}
	}
	v.sets = append(v.sets, span{uint32(len(v.arena)), uint32(len(l)), kinds})
	v.arena = append(v.arena, l...)
	v.sTab[i] = id + 1
	return val(id) | setBit
}

func hashIDs(l []val) uint32 {
	h := uint64(len(l))
	for _, x := range l {
		h = (h ^ uint64(x)) * 0x9E3779B97F4A7C15
		h ^= h >> 31
	}
	return uint32(h >> 16)
}

// memo looks up a memoised join.
func (v *values) memo(a, b val) (x val, known bool) {
	key := uint64(a)<<32 | uint64(b)
	c := v.join(key)
	return c.val, c.key == key
}

// memoise remembers a join that is not memoised.
func (v *values) memoise(a, b, x val) {
	if v.jN++; 2*v.jN > len(v.joins) {
		old := v.joins
		v.joins = v.jTabs.get(2 * len(old))
		for i := range old {
			if x := &old[i]; x.key != 0 {
				*v.join(x.key) = *x
			}
		}
		clear(old)
	}
	key := uint64(a)<<32 | uint64(b)
	*v.join(key) = joined{key, x}
}

// join returns the cell of key, or the free one where it belongs.
func (v *values) join(key uint64) *joined {
	m := uint64(len(v.joins) - 1)
	h := key * prime1
	for i := (h ^ h>>32) & m; ; i = (i + 1) & m {
		if c := &v.joins[i]; c.key == key || c.key == 0 {
			return c
		}
	}
}

// with appends the elements of y and x, one element that is none of them, to l, sorted. It appends nothing
// if they are too many, or widen would do something.
func (v *values) with(l []val, x, y val) []val {
	old := []val{y}
	if y >= setBit {
		old = v.members(y)
	}
	if len(old) == maxSet {
		return l
	}
	e := &v.elems[x]
	at := 0
	for _, z := range old {
		f := &v.elems[z]
		switch e.k {
		case kAddr:
			if f.k == kAddr && f.a == e.a {
				return l
			}
		case kArg, kArgX:
			if (f.k == kArg || f.k == kArgX) && f.r == e.r {
				return l
			}
		case kSP:
			if f.k == kSP {
				return l
			}
		}
		if z < x {
			at++
		}
	}
	l = append(l, old[:at]...)
	l = append(l, x)
	return append(l, old[at:]...)
}

// widen merges elements of a list that are the same address or
// argument at different offsets into one "derived from" element, so that
// pointers that move in loops converge at once.
func (v *values) widen(l []val) []val {
	for i := 0; i < len(l); i++ {
		e := &v.elems[l[i]]
		if e.k != kAddr && e.k != kSP && e.k != kArgX && e.k != kArg {
			continue
		}
		for j := i + 1; j < len(l); j++ {
			f := &v.elems[l[j]]
			var w val
			switch {
			case e.k == kAddr && f.k == kAddr && e.a == f.a:
				w = v.mk(elem{k: kAddr, a: e.a, b: loose(e.b, f.b)})
			case e.k == kSP && f.k == kSP:
				w = v.mk(elem{k: kSP, b: anyOff})
			case (e.k == kArg || e.k == kArgX) && (f.k == kArg || f.k == kArgX) && e.r == f.r:
				w = v.mk(elem{k: kArgX, r: e.r})
			default:
				continue
			}
			l = slices.Delete(l, j, j+1)
			l = slices.Delete(l, i, i+1)
			if !slices.Contains(l, w) {
				l = append(l, w)
			}
			return v.widen(l)
		}
	}
	return l
}
