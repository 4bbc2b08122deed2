package variadic

import (
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/x86"
)

type kind uint8

const (
	unknown kind = iota // anything, but no place in the stack that code which is not executed does not know of
	number              // n
	addr                // address n of image img
	stack               // rsp at the start of the caller's block, plus n
	inStack             // anything derived from an address in the stack
	loaded              // what the slot at n of image img holds, which only the loader writes
	before              // what register n held at the start of the caller's block
)

type value struct {
	kind  kind
	img   int32
	n     int64
	fixed bool // an address of a file that is loaded where it says
}

func num(n uint64) value { return value{kind: number, n: int64(n)} }

// inFrame reports whether v may be an address in the stack.
func (v value) inFrame() bool { return v.kind == stack || v.kind == inStack }

// derived returns what may be computed from values.
func derived(vs ...value) value {
	if slices.ContainsFunc(vs, value.inFrame) {
		return value{kind: inStack}
	}
	return value{}
}

// cut returns the low size bytes of v, extended with zeros.
func (v value) cut(size uint8) value {
	switch {
	case size == 8:
		return v
	case v.kind == number:
		return num(uint64(v.n) & (1<<(8*size) - 1))
	case v.kind == addr && size == 4 && v.fixed && uint64(v.n) < 1<<32:
		return v
	}
	return derived(v)
}

// cell is a word of the stack. Those of a state do not overlap, and are sorted.
type cell struct {
	off   int64
	size  uint8
	saved bool // the compiler's copy of a register that the function preserves
	v     value
}

func (c *cell) end() int64 { return c.off + int64(c.size) }

// frame is a function that is executed.
type frame struct {
	unit  reach.UnitID
	img   int    // of the caller, and where it goes on there
	ret   uint64 // 0: in the function that the execution is about
	sp    int64  // of the return address
	fresh uint16 // registers to preserve that hold what they held on entry
}

// compared is what the flags tell of.
type compared struct {
	known bool
	zero  bool // only whether a is zero, and its sign
	a, b  value
	size  uint8
}

type state struct {
	img    int
	pc     uint64
	r      [16]value
	cells  []cell
	frames []frame
	flags  compared
	shared bool // code that is not executed may have addresses in the stack
	lost   bool // words of the caller's may have changed
}

func (s *state) clone() *state {
	t := *s
	t.cells, t.frames = slices.Clone(s.cells), slices.Clone(s.frames)
	return &t
}

// key appends to b what tells states apart.
func (s *state) key(b []byte) []byte {
	b = binary.AppendVarint(b, int64(s.img))
	b = binary.AppendUvarint(b, s.pc)
	put := func(v value) {
		b = append(b, byte(v.kind))
		b = binary.AppendVarint(b, int64(v.img))
		b = binary.AppendVarint(b, v.n)
	}
	flag := func(f bool) {
		if f {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for _, v := range s.r {
		put(v)
	}
	b = append(b, byte(len(s.frames)))
	for i := range s.frames {
		f := &s.frames[i]
		b = binary.AppendUvarint(b, uint64(f.unit))
		b = binary.AppendUvarint(b, f.ret)
		b = binary.AppendVarint(b, f.sp)
		b = binary.AppendVarint(b, int64(f.img))
		b = binary.AppendUvarint(b, uint64(f.fresh))
	}
	flag(s.flags.known)
	flag(s.flags.zero)
	flag(s.shared)
	flag(s.lost)
	put(s.flags.a)
	put(s.flags.b)
	b = append(b, s.flags.size)
	for i := range s.cells {
		c := &s.cells[i]
		b = binary.AppendVarint(b, c.off)
		b = append(b, c.size)
		flag(c.saved)
		put(c.v)
	}
	return b
}

// over returns the indexes of the first cell that overlaps [off, end), and of the first behind.
func (s *state) over(off, end int64) (int, int) {
	i, _ := slices.BinarySearchFunc(s.cells, off, func(c cell, off int64) int {
		if c.end() <= off {
			return -1
		}
		return 1
	})
	j := i
	for j < len(s.cells) && s.cells[j].off < end {
		j++
	}
	return i, j
}

// put overwrites size bytes, at most 8, at off.
func (s *state) put(off int64, size uint8, v value, saved bool) {
	end := off + int64(size)
	i, j := s.over(off, end)
	var rest []cell
	for _, c := range s.cells[i:j] {
		if c.v.inFrame() && (c.off < off || c.end() > end) {
			s.shared = true // a part of an address stays
		}
		for o := c.off; o < c.end(); o++ {
			if o >= off && o < end {
				continue
			}
			b := value{}
			if c.v.kind == number {
				b = num(uint64(c.v.n) >> (8 * (o - c.off)) & 0xff)
			}
			rest = append(rest, cell{off: o, size: 1, v: b})
		}
	}
	at := 0
	for at < len(rest) && rest[at].off < off {
		at++
	}
	rest = slices.Insert(rest, at, cell{off, size, saved, v})
	s.cells = slices.Replace(s.cells, i, j, rest...)
}

// get returns size bytes, at most 8, at off; none: no part of them was written.
func (s *state) get(off int64, size uint8) (v value, none bool) {
	end := off + int64(size)
	i, j := s.over(off, end)
	if i == j {
		return value{}, true
	}
	if c := &s.cells[i]; c.off == off && c.size == size {
		return c.v, false
	}
	n, at := uint64(0), off
	for _, c := range s.cells[i:j] {
		if c.v.inFrame() {
			return value{kind: inStack}, false
		}
		if c.v.kind != number || c.off > at {
			at = end + 1
		}
		if at > end {
			continue
		}
		b := uint64(c.v.n) >> (8 * (at - c.off)) << (8 * (at - off))
		n |= b
		at = min(c.end(), end)
	}
	if at != end {
		return value{}, false
	}
	return num(n).cut(size), false
}

// smash makes all words of the stack unknown.
func (s *state) smash() {
	s.cells, s.shared, s.lost = s.cells[:0], true, true
}

// holds reports whether [off, end) may hold an address in the stack.
func (s *state) holds(off, end int64) bool {
	i, j := s.over(off, end)
	return slices.ContainsFunc(s.cells[i:j], func(c cell) bool { return c.v.inFrame() })
}

// set writes size bytes of a register, as instructions do.
func (s *state) set(r x86.Reg, v value, size uint8) bool {
	switch {
	case size >= 4:
		v = v.cut(min(size, 8))
	case v.kind == number && s.r[r].kind == number:
		m := int64(1)<<(8*size) - 1
		v = value{kind: number, n: s.r[r].n&^m | v.n&m}
	default:
		v = derived(v, s.r[r])
	}
	s.r[r] = v
	if n := len(s.frames); n > 0 {
		s.frames[n-1].fresh &^= 1 << uint(r)
	}
	return r != x86.RSP || v.kind == stack
}
