package variadic

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/x86"
)

// holds reports whether a condition of a jump holds, as far as the flags tell.
func (c *compared) holds(cond uint8) (is, known bool) {
	if !c.known {
		return false, false
	}
	a, b := c.a, c.b
	equal := cond == 4 || cond == 5
	switch {
	case a.kind == number && b.kind == number:
		if c.zero && !equal && cond != 8 && cond != 9 {
			return false, false
		}
		if cond == 8 || cond == 9 {
			d := uint64(a.n-b.n) << (64 - 8*c.size)
			return int64(d) < 0 == (cond == 8), true
		}
		return dataflow.Holds(cond, uint64(a.n), uint64(b.n), c.size)
	case c.size != 8 || c.zero && !equal:
	case a.kind == b.kind && a.img == b.img && (a.kind == stack || a.kind == addr) && (equal || cond == 2 || cond == 3 || cond == 6 || cond == 7):
		const middle = 1 << 62 // so that there are places below
		return dataflow.Holds(cond, uint64(a.n)+middle, uint64(b.n)+middle, 8)
	case a.kind == stack && b == num(0) && equal:
		return cond == 5, true
	}
	return false, false
}

// place returns what the memory operand of in addresses.
func (m *machine) place(s *state, in *x86.Inst) value {
	if in.Flags&x86.FlagSeg != 0 {
		return value{}
	}
	if in.Base == x86.RIP {
		return m.address(s.img, in.Disp)
	}
	if in.Base == x86.RegNone && in.Index == x86.RegNone {
		return m.constant(s.img, uint64(in.Disp))
	}
	v := num(uint64(in.Disp))
	if in.Base != x86.RegNone {
		v = sum(s.r[in.Base], in.Disp)
	}
	if in.Index != x86.RegNone {
		i := s.r[in.Index]
		switch {
		case i.kind == number:
			v = sum(v, i.n*int64(in.Scale))
		case v.kind == number && in.Scale == 1:
			v = sum(i, v.n)
		default:
			v = derived(v, i)
		}
	}
	if in.Flags&x86.FlagAddr32 != 0 {
		v = v.cut(4)
	}
	if v.kind == number {
		v = m.constant(s.img, uint64(v.n))
	}
	return v
}

// sum returns v plus a number.
func sum(v value, n int64) value {
	switch v.kind {
	case number, addr, stack:
		v.n += n
		return v
	}
	return derived(v)
}

// load returns size bytes of memory, at most 8.
func (m *machine) load(s *state, at value, size uint8) value {
	switch at.kind {
	case stack:
		v, none := s.get(at.n, size)
		if none || v.kind == before && !s.lost {
			return m.argument(s, at.n, size)
		}
		return v
	case inStack:
		if s.reads(at, size) {
			return value{kind: inStack}
		}
	case addr:
		return m.file(int(at.img), uint64(at.n), size)
	}
	return value{}
}

// reads reports whether an address in the stack may be among size bytes of memory.
func (s *state) reads(at value, size uint8) bool {
	switch at.kind {
	case stack:
		return s.holds(at.n, at.n+int64(size))
	case inStack:
		return slices.ContainsFunc(s.cells, func(c cell) bool { return c.v.inFrame() })
	}
	return false
}

// store writes size bytes of memory; any: more than that, from there on.
func (s *state) store(at value, size uint8, v value, any bool) {
	switch {
	case at.kind == inStack || at.kind == stack && any:
		s.smash()
	case at.kind == stack && size <= 8:
		s.put(at.n, size, v, false)
	case at.kind == stack:
		for o := int64(0); o < int64(size); o += 8 {
			s.put(at.n+o, uint8(min(8, int64(size)-o)), derived(v), false)
		}
	default:
		s.shared = s.shared || v.inFrame()
		if s.shared && at.kind != addr {
			s.smash()
		}
	}
}

// operand returns the value of a register, or of the memory operand.
func (m *machine) operand(s *state, in *x86.Inst, r x86.Reg, size uint8) value {
	if r != x86.RegNone {
		return s.r[r].cut(size)
	}
	return m.load(s, m.place(s, in), size)
}

// source returns the value of the second operand.
func (m *machine) source(s *state, in *x86.Inst, size uint8) value {
	if in.Flags&x86.FlagImm != 0 {
		return m.constant(s.img, uint64(in.Imm)).cut(size)
	}
	return m.operand(s, in, in.Src, size)
}

// write writes the first operand.
func (m *machine) write(s *state, in *x86.Inst, v value) bool {
	if in.Dst != x86.RegNone {
		return s.set(in.Dst, v, in.Size)
	}
	s.store(m.place(s, in), in.Size, v, false)
	return true
}

// compute executes an instruction that does not transfer control. It reports whether it can be said where rsp is.
func (m *machine) compute(s *state, in *x86.Inst) bool {
	if in.Flags&(x86.FlagHigh8|x86.FlagImpMem|x86.FlagMemAny) != 0 || in.Size > 8 {
		return m.unmodelled(s, in)
	}
	switch in.Op {
	case x86.OpNop:
	case x86.OpMov:
		v := m.source(s, in, in.Size)
		if saves(s, in.Src, in) && in.Dst == x86.RegNone {
			if at := m.place(s, in); at.kind == stack {
				s.put(at.n, 8, v, true)
				break
			}
		}
		return m.write(s, in, v)
	case x86.OpMovzx, x86.OpMovsx:
		v := m.operand(s, in, in.Src, in.SrcSize)
		switch {
		case v.kind != number:
			v = derived(v)
		case in.Op == x86.OpMovsx:
			sh := 64 - 8*in.SrcSize
			v.n = v.n << sh >> sh
		}
		return s.set(in.Dst, v, in.Size)
	case x86.OpLea:
		at := *in
		at.Flags &^= x86.FlagSeg
		return s.set(in.Dst, m.place(s, &at), in.Size)
	case x86.OpAdd, x86.OpSub, x86.OpAnd, x86.OpOr, x86.OpXor, x86.OpInc, x86.OpDec, x86.OpNeg, x86.OpNot, x86.OpCmp, x86.OpTest:
		return m.arithmetic(s, in)
	case x86.OpShl, x86.OpShr, x86.OpSar:
		v := m.operand(s, in, in.Dst, in.Size)
		s.flags.known = false
		if v.kind != number || in.Flags&x86.FlagImm == 0 {
			return m.write(s, in, derived(v))
		}
		switch sh := 64 - 8*in.Size; in.Op {
		case x86.OpShl:
			v.n <<= uint(in.Imm)
		case x86.OpShr:
			v = num(uint64(v.n) >> uint(in.Imm))
		default:
			v.n = v.n << sh >> sh >> uint(in.Imm)
		}
		return m.write(s, in, v.cut(in.Size))
	case x86.OpImul3:
		v := m.operand(s, in, in.Src, in.Size)
		s.flags.known = false
		if v.kind == number {
			v = num(uint64(v.n * in.Imm)).cut(in.Size)
		} else {
			v = derived(v)
		}
		return s.set(in.Dst, v, in.Size)
	case x86.OpCmov:
		old, v := s.r[in.Dst].cut(in.Size), m.operand(s, in, in.Src, in.Size)
		switch is, known := s.flags.holds(in.Cond); {
		case known && !is:
			v = old
		case !known && v != old:
			v = derived(v, old)
		}
		return s.set(in.Dst, v, in.Size)
	case x86.OpXchg:
		if in.Dst == x86.RegNone || in.Src == x86.RegNone || in.Size < 4 {
			return m.unmodelled(s, in)
		}
		a, b := s.r[in.Dst], s.r[in.Src]
		return s.set(in.Dst, b, in.Size) && s.set(in.Src, a, in.Size)
	case x86.OpPush:
		if in.Size != 8 || in.Src == x86.RegNone && in.Flags&(x86.FlagImm|x86.FlagMem) == 0 {
			return false
		}
		return m.push(s, m.source(s, in, 8), saves(s, in.Src, in))
	case x86.OpPop:
		sp := s.r[x86.RSP]
		if in.Size != 8 || in.Dst == x86.RegNone || sp.kind != stack {
			return false
		}
		s.r[x86.RSP].n += 8
		return s.set(in.Dst, m.load(s, sp, 8), 8)
	case x86.OpLeave:
		sp := s.r[x86.RBP]
		if sp.kind != stack || in.Size != 8 {
			return false
		}
		s.r[x86.RSP] = sum(sp, 8)
		return s.set(x86.RBP, m.load(s, sp, 8), 8)
	default:
		return m.unmodelled(s, in)
	}
	return true
}

// saves reports whether in, which stores register r, saves it for the caller.
func saves(s *state, r x86.Reg, in *x86.Inst) bool {
	n := len(s.frames)
	return n > 0 && r != x86.RegNone && r != x86.RSP && in.Flags&x86.FlagImm == 0 && in.Size == 8 && s.frames[n-1].fresh>>uint(r)&1 != 0
}

func (m *machine) arithmetic(s *state, in *x86.Inst) bool {
	a := m.operand(s, in, in.Dst, in.Size)
	b := num(1)
	switch in.Op {
	case x86.OpNeg:
		a, b = num(0), a
	case x86.OpNot:
		if a.kind != number {
			return m.write(s, in, derived(a))
		}
		return m.write(s, in, num(^uint64(a.n)).cut(in.Size))
	case x86.OpInc, x86.OpDec:
	default:
		b = m.source(s, in, in.Size)
	}
	v := derived(a, b)
	same := in.Dst == in.Src && in.Dst != x86.RegNone && in.Flags&x86.FlagImm == 0
	switch in.Op {
	case x86.OpSub, x86.OpDec, x86.OpNeg, x86.OpCmp:
		switch {
		case same:
			v = num(0)
		case b.kind == number && in.Size == 8 || a.kind == number && b.kind == number:
			v = sum(a, -b.n)
		case a.kind == b.kind && a.img == b.img && in.Size == 8 && (a.kind == addr || a.kind == stack):
			v = num(uint64(a.n - b.n))
		}
	case x86.OpAdd, x86.OpInc:
		switch {
		case b.kind == number && (in.Size == 8 || a.kind == number):
			v = sum(a, b.n)
		case a.kind == number && in.Size == 8:
			v = sum(b, a.n)
		}
	case x86.OpAnd, x86.OpTest:
		switch {
		case same:
			v = a
		case a.kind == number && b.kind == number:
			v = num(uint64(a.n & b.n))
		}
	case x86.OpOr:
		if a.kind == number && b.kind == number {
			v = num(uint64(a.n | b.n))
		}
	case x86.OpXor:
		if same {
			v = num(0)
		} else if a.kind == number && b.kind == number {
			v = num(uint64(a.n ^ b.n))
		}
	}
	v = v.cut(in.Size)
	switch in.Op {
	case x86.OpSub, x86.OpCmp, x86.OpNeg:
		s.flags = compared{known: true, a: a, b: b, size: in.Size}
	case x86.OpAdd, x86.OpInc, x86.OpDec:
		s.flags = compared{known: true, zero: true, a: v, size: in.Size, b: num(0)}
	default:
		s.flags = compared{known: true, a: v, size: in.Size, b: num(0)}
	}
	if in.Op == x86.OpCmp || in.Op == x86.OpTest {
		return true
	}
	return m.write(s, in, v)
}

// unmodelled executes an instruction of which only is known what it may touch.
func (m *machine) unmodelled(s *state, in *x86.Inst) bool {
	s.flags.known = false
	for r := range s.r {
		if in.Use>>uint(r)&1 != 0 && s.r[r].inFrame() {
			s.shared = true
		}
	}
	switch {
	case in.Flags&x86.FlagImpMem != 0:
		s.shared = true // whatever of the stack it reads or writes
		s.smash()
	case in.Flags&x86.FlagMem != 0:
		at, any := m.place(s, in), in.Flags&x86.FlagMemAny != 0
		if in.Flags&x86.FlagMemIn != 0 && (any || s.reads(at, in.MemSize)) {
			s.shared = true
		}
		if in.Flags&x86.FlagMemOut != 0 {
			s.store(at, in.MemSize, value{}, any)
		}
	}
	s.clobber(in.Def)
	return in.Def>>uint(x86.RSP)&1 == 0
}
