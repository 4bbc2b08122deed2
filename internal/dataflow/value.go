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
	d int32 // kTabT: how much of b the address that was the base first has been moved by
}

// val is an interned value: 0 is "no value yet" (bottom).
type val uint32

const (
	vBottom val = 0
	vTop    val = 1 // may be a member of a set
	vMany   val = 2 // absorbing: what did not fit has escaped
	vArg0   val = 3 // vArg0+r is kArg of register r
	setBit  val = 1 << 30
	topBit  val = 1 << 29 // of a set: vTop is a member
	maxSet      = 12
)

// values interns the values of one unit. Ids are dense; the element ids of sets are sorted.
type values struct {
	elems []elem
	eTab  []uint32 // open addressing: ids
	sets  []set
	sTab  []uint32 // id+1
	tops  []val    // by element: the set of it and vTop, 0: not made yet
	joins []joined // memoised joins
	jN    int
	epoch uint32 // of what is in joins

	// Ids of elements that are asked for again and again, 0: not made yet.
	smalls [64]val  // constants
	frames [128]val // rsp on entry less so many words

	// The tables begin small in each unit. Those that are not in use are empty.
	eTabs, sTabs tables[uint32]
	jTabs        tables[joined]

	// What every unit has: what the registers held on entry, alone or with vTop.
	base struct {
		eTab [fewElems]uint32
		sTab [fewSets]uint32
	}
}

// joined is a memoised join, if it is of this epoch.
type joined struct {
	key   uint64
	val   val
	epoch uint32
}

// set has the sorted ids of its elements; kinds are those of the elements, one bit each, and args the registers of the entry that
// they come from.
type set struct {
	n     uint8
	args  uint16
	kinds uint32
	ids   [maxSet]val
}

// owingBit is in the kinds of a set with a constant whose use says something: an address in the vsyscall page, or a far one.
const owingBit = 1 << 31

// Kinds of values whose use says nothing, and says that a register of the entry is used.
const (
	silent  = 1<<kTop | 1<<kConst | 1<<kLow | 1<<kArgD | 1<<kStk | 1<<kTab2
	ofEntry = 1<<kArg | 1<<kArgX
	plain   = 1<<kTop | ofEntry
)

// away reports whether what x points to, if it is no constant, is neither in the file nor in the frame, and a use of x
// says no more than that registers of the entry are used: args.
func (v *values) away(x val) (args uint16, ok bool) {
	if x <= vMany {
		return 0, true
	}
	if x < setBit {
		e := &v.elems[x]
		return 1 << (e.r & 15), ofEntry>>(e.k&31)&1 != 0
	}
	t := &v.sets[x&(topBit-1)]
	return t.args, t.kinds&^(silent|ofEntry) == 0
}

func newValues() *values {
	v := &values{}
	v.reset()
	return v
}

// Entries of the tables of a unit at first, and how many an analyser keeps.
const (
	fewElems = 128
	fewSets  = 64
	fewJoins = 64
	manyVals = 1 << 13
)

// reset forgets everything but the values that every unit has.
func (v *values) reset() {
	const own = int(vArg0) + 16
	if len(v.elems) < own || len(v.eTab) > manyVals {
		*v = values{epoch: v.epoch}
		v.eTab, v.sTab = v.eTabs.get(fewElems), v.sTabs.get(fewSets)
		v.elems = append(make([]elem, 0, 512), elem{}, elem{k: kTop}, elem{k: kTop, r: 1})
		for r := int8(0); r < 16; r++ {
			v.withTop(v.mk(elem{k: kArg, r: r}))
		}
		copy(v.base.eTab[:], v.eTab)
		copy(v.base.sTab[:], v.sTab)
	} else {
		clear(v.smalls[:])
		clear(v.frames[:])
		v.elems, v.eTab = v.elems[:own], v.eTabs.again(v.eTab, v.base.eTab[:])
		v.sets, v.sTab = v.sets[:16], v.sTabs.again(v.sTab, v.base.sTab[:])
		v.tops = v.tops[:own]
	}
	if v.epoch++; v.epoch == 0 {
		v.epoch, v.jTabs = 1, tables[joined]{}
	}
	v.joins, v.jN = v.jTabs.get(fewJoins), 0
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
	return v.sets[x&(topBit-1)].kinds
}

// members returns the element ids of a set.
func (v *values) members(x val) []val {
	s := &v.sets[x&(topBit-1)]
	return s.ids[:s.n]
}

// vague reports whether x is anything, alone or together with what was derived from registers of the entry, args: what
// arithmetic with it yields is as vague.
func (v *values) vague(x val) (args uint16, ok bool) {
	if x < setBit {
		return 0, x-vTop <= vMany-vTop
	}
	t := &v.sets[x&(topBit-1)]
	return t.args, t.kinds == 1<<kTop|1<<kArgX
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
	tag := setBit
	if l[0] == vTop {
		tag |= topBit
	}
	m := uint32(len(v.sTab) - 1)
	i := hashIDs(l) & m
	for v.sTab[i] != 0 {
		id := v.sTab[i] - 1
		if slices.Equal(v.members(val(id)), l) {
			return val(id) | tag
		}
		i = (i + 1) & m
	}
	id := uint32(len(v.sets))
	v.sets = append(v.sets, set{n: uint8(len(l))})
	t := &v.sets[id]
	for i, x := range l {
		e := &v.elems[x]
		t.ids[i] = x
		t.kinds |= 1 << (e.k & 31)
		switch e.k {
		case kArg, kArgX, kArgZ:
			t.args |= 1 << uint(e.r)
		case kConst:
			if isVsyscall(e.a) || e.r != 0 {
				t.kinds |= owingBit
			}
		}
	}
	v.sTab[i] = id + 1
	return val(id) | tag
}

// withTop returns the set of an element and vTop.
func (v *values) withTop(x val) val {
	if n := int(x) + 1 - len(v.tops); n > 0 {
		v.tops = append(v.tops, make([]val, n)...)
	}
	t := &v.tops[x]
	if *t == 0 {
		*t = v.mkSet([]val{vTop, x})
	}
	return *t
}

func hashIDs(l []val) uint32 {
	h := uint64(len(l))
	for _, x := range l {
		h = (h ^ uint64(x)) * 0x9E3779B97F4A7C15
		h ^= h >> 31
	}
	return uint32(h >> 16)
}

// memo returns the cell where the join of a and b is memoised, or will be.
func (v *values) memo(a, b val) *joined { return v.cell(uint64(a)<<32 | uint64(b)) }

// cell returns the cell of key, or the free one where it belongs.
func (v *values) cell(key uint64) *joined {
	m := uint64(len(v.joins) - 1)
	h := key * golden
	for i := (h ^ h>>32) & m; ; i = (i + 1) & m {
		if c := &v.joins[i]; c.key == key || c.epoch != v.epoch {
			return c
		}
	}
}

// memoise remembers the join of a and b in the cell that is free for it.
func (v *values) memoise(c *joined, a, b, x val) {
	*c = joined{uint64(a)<<32 | uint64(b), x, v.epoch}
	if v.jN++; 2*v.jN > len(v.joins) {
		old := v.joins
		v.joins = v.jTabs.get(2 * len(old)) // of an earlier epoch
		for i := range old {
			if x := &old[i]; x.epoch == v.epoch {
				*v.cell(x.key) = *x
			}
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
	at := 0
	switch e := &v.elems[x]; e.k {
	case kAddr, kArg, kArgX, kSP:
		for _, z := range old {
			if e.akin(&v.elems[z]) {
				return l
			}
		}
	}
	for at < len(old) && old[at] < x {
		at++
	}
	l = append(l, old[:at]...)
	l = append(l, x)
	return append(l, old[at:]...)
}

// akin reports whether widen makes one element of e and f.
func (e *elem) akin(f *elem) bool {
	switch e.k {
	case kAddr:
		return f.k == kAddr && f.a == e.a
	case kArg, kArgX:
		return (f.k == kArg || f.k == kArgX) && f.r == e.r
	case kSP:
		return f.k == kSP
	}
	return false
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
