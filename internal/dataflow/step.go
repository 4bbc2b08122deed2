package dataflow

import (
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Register masks of the psABI (figure 3.4).
const (
	calleeSaved = 1<<x86.RBX | 1<<x86.RBP | 1<<x86.R12 | 1<<x86.R13 | 1<<x86.R14 | 1<<x86.R15
	callerSaved = 0xffff &^ (calleeSaved | 1<<x86.RSP)
	allButSP    = 0xffff &^ (1 << x86.RSP)
	// Returned values: rax and rdx by the psABI, rcx by LLVM's internal convention.
	returned = 1<<x86.RAX | 1<<x86.RDX | 1<<x86.RCX
)

// use records that the value x is consumed by something that is not tracked:
// everything it may refer to escapes.
func (w *worker) use(s *state, x val) {
	if x > vMany {
		w.useVal(s, x)
	}
}

func (w *worker) useVal(s *state, x val) {
	if x < setBit {
		w.useElem(s, &w.v.elems[x])
		return
	}
	t := &w.v.sets[x&(topBit-1)]
	if t.kinds&^(silent|ofEntry) == 0 {
		w.argUse |= t.args
		return
	}
	for _, y := range t.ids[:t.n] {
		w.useElem(s, &w.v.elems[y])
	}
}

func (w *worker) useElem(s *state, e *elem) {
	switch e.k {
	case kSP:
		s.esc = true
	case kConst:
		if isVsyscall(e.a) {
			w.ref(summary.Ref{Kind: summary.RefAddr, A: e.a})
		}
		if e.r != 0 && !slices.Contains(w.apart, e.a) {
			w.apart = append(w.apart, e.a)
		}
	case kArg, kArgX, kArgZ:
		w.argUse |= 1 << uint(e.r)
	case kLoadD:
		w.ref(summary.Ref{Kind: summary.RefRead, A: e.a, Size: 8})
	case kAddr:
		w.obj(e.a, e.b)
	case kLoad:
		if e.r == 8 {
			w.ref(summary.Ref{Kind: summary.RefRead, A: e.a, Size: 8})
		} else if w.wide {
			w.ref(summary.Ref{Kind: summary.RefRead, A: e.a, Size: uint16(e.r)})
		}
	case kTab4:
		w.ref(summary.Ref{Kind: summary.RefTable, A: e.a, B: e.a})
		if w.wide {
			w.obj(e.a, 0)
		}
	case kTabT:
		if e.r&form2 != 0 {
			break // a part of the function
		}
		w.ref(summary.Ref{Kind: summary.RefTable, A: e.a, B: uint64(e.b), Size: uint16(e.r * 8)})
		w.ref(summary.Ref{Kind: summary.RefAddr, A: uint64(e.b - int64(e.d)), Off: e.d})
	case kTab8:
		w.ref(summary.Ref{Kind: summary.RefAddr, A: e.a, Reg: summary.Near})
	}
}

// isVsyscall reports whether a lies in the vsyscall page, code that no file has.
func isVsyscall(a uint64) bool { return a >= sysno.VsyscallStart && a < sysno.VsyscallEnd }

// vsyscalls: something unknown is added to a, an address in the vsyscall page.
func (w *worker) vsyscalls(a uint64) {
	const each = 1024 // from one function to the next
	for t := uint64(sysno.VsyscallStart); t < sysno.VsyscallEnd; t += each {
		if _, ok := sysno.Vsyscall(t); ok && t >= a {
			w.ref(summary.Ref{Kind: summary.RefAddr, A: t})
		}
	}
}

func (w *worker) useMask(s *state, m uint16) {
	for ; m != 0; m &= m - 1 {
		w.use(s, s.r[bits.TrailingZeros16(m)])
	}
}

// trunc returns x cut to size bytes, zero-extended. Addresses do not survive:
// they are used.
func (w *worker) trunc(s *state, x val, size uint8) val {
	if x <= vMany {
		return x
	}
	return w.cut(s, x, size)
}

func (w *worker) cut(s *state, x val, size uint8) val {
	if x < setBit {
		return w.truncElem(s, x, size)
	}
	if args, ok := w.v.vague(x); ok {
		w.argUse |= args
		return vTop
	}
	res := vBottom
	for _, y := range w.v.members(x) {
		res = w.join(s, res, w.truncElem(s, y, size))
	}
	return res
}

func (w *worker) truncElem(s *state, y val, size uint8) val {
	e := &w.v.elems[y]
	switch e.k {
	case kConst:
		return w.v.con(int64(e.a & (1<<(8*size) - 1)))
	case kLow:
		if size <= uint8(e.r) {
			return w.v.con(int64(e.a & (1<<(8*size) - 1)))
		}
		return vTop
	case kArgZ:
		if size <= 2 {
			return w.v.mk(elem{k: kArg, r: e.r, b: 1})
		}
	case kArg:
		if size != 4 && (e.b == 0 || e.b > int64(size)) {
			return w.v.mk(elem{k: kArg, r: e.r, b: int64(size)})
		}
		return y
	case kStk, kArgD, kLoadD:
		if size == 4 {
			return y
		}
	case kArgOp:
		if size == 4 {
			return w.v.mk(elem{k: kArgOp, r: e.r, a: e.a & 0xffffffff, b: e.b&^0xff | 4})
		}
		return vTop
	case kTab2:
		if size >= 2 {
			return y
		}
	case kLoad, kTab4:
		if size == 4 && (e.r == 4 || e.k == kTab4) {
			return y
		}
	}
	if size == 4 && (e.k == kAddr && w.abs || e.k == kLoad && w.wide) {
		return y
	}
	w.useElem(s, e)
	return vTop
}

// each maps the elements of x through f and joins the results.
func (w *worker) each(s *state, x val, f func(e elem) val) val {
	if x == vBottom || x == vMany {
		return x
	}
	if x < setBit {
		return f(w.v.elems[x])
	}
	res := vBottom
	for i, n := 0, len(w.v.members(x)); i < n; i++ {
		res = w.join(s, res, f(w.v.elems[w.v.members(x)[i]]))
	}
	return res
}

// derive returns the value of arithmetic on x whose result is not tracked: it
// keeps what x was derived from, so that a mere comparison does not count as use.
func (w *worker) derive(s *state, x val) val {
	if x <= vMany {
		return x
	}
	if x < setBit {
		return w.deriveElem(s, x)
	}
	if _, ok := w.v.vague(x); ok {
		return x
	}
	res := vBottom
	for _, y := range w.v.members(x) {
		res = w.join(s, res, w.deriveElem(s, y))
	}
	return res
}

func (w *worker) deriveElem(s *state, y val) val {
	e := &w.v.elems[y]
	switch e.k {
	case kAddr:
		if !fixed(e.b) {
			return y
		}
		return w.v.mk(elem{k: kAddr, a: e.a, b: loose(e.b, anyOff)})
	case kSP:
		return w.v.mk(elem{k: kSP, b: anyOff})
	case kArg, kArgX:
		return w.v.mk(elem{k: kArgX, r: e.r})
	}
	w.useElem(s, e)
	return vTop
}

// add returns x plus the constant d.
func (w *worker) add(s *state, x val, d int64, size uint8) val {
	if d == 0 && size == 8 {
		return x
	}
	if args, ok := w.v.vague(x); ok && !isVsyscall(uint64(d)) {
		if d < 0 {
			w.argBack |= args
		}
		return x
	}
	if x == vBottom || x == vMany {
		return x
	}
	if x < setBit {
		return w.addElem(s, x, d, size, false)
	}
	res := vBottom
	for _, y := range w.v.members(x) {
		res = w.join(s, res, w.addElem(s, y, d, size, true))
	}
	return res
}

func (w *worker) addElem(s *state, y val, d int64, size uint8, set bool) val {
	e := &w.v.elems[y]
	switch e.k {
	case kConst:
		n, r := e.a+uint64(d), e.r
		if size < 8 {
			n, r = n&(1<<(8*size)-1), 0
		}
		if w.abs && w.inImage(n) {
			return w.v.mk(elem{k: kAddr, a: n}) // as if it stood in the code
		}
		if set && !w.exact {
			w.useElem(s, e)
			return w.counter(d, size) // do not enumerate it
		}
		return w.v.mk(elem{k: kConst, a: n, r: r})
	case kAddr, kSP:
		if !fixed(e.b) {
			if d < 0 && e.k == kAddr {
				return w.v.mk(elem{k: kAddr, a: e.a, b: anyBack})
			}
			return y
		}
		if b := e.b + d; size >= 4 && b > -1<<30 && b < 1<<30 {
			if e.k == kSP {
				return w.v.frame(b)
			}
			return w.v.mk(elem{k: e.k, a: e.a, b: b})
		}
		return w.v.mk(elem{k: e.k, a: e.a, b: loose(d, anyOff)})
	case kTabT:
		if by := int64(e.d) + d; size == 8 && by == int64(int32(by)) {
			return w.v.mk(elem{k: kTabT, a: e.a, b: e.b + d, r: e.r, d: int32(by)})
		}
	}
	if d < 0 {
		w.backwards(e)
		if size == 8 && isVsyscall(uint64(d)) {
			w.vsyscalls(uint64(d))
		}
	}
	if w.exact && e.k == kArg && e.b == 0 && size >= 4 {
		return w.apply(s, *e, summary.OpAdd, size, uint64(d))
	}
	return w.deriveElem(s, y)
}

// sum returns x + y for two values that are not immediates.
func (w *worker) sum(s *state, x, y val) val {
	if x == vTop && y == vTop {
		return vTop
	}
	if (w.v.kinds(x)|w.v.kinds(y))&^plain == 0 {
		return w.mix(s, x, y)
	}
	ex, ey := *w.v.one(x), *w.v.one(y)
	if ex.k == kConst && ey.k != kConst {
		x, y, ex, ey = y, x, ey, ex
	}
	if ey.k == kConst {
		if ey.r != 0 {
			if a := ex.a + uint64(ex.b) + ey.a; w.anchor(&ex) && w.inImage(a) {
				w.anchor(&elem{k: kAddr, a: a})
				return w.v.mk(elem{k: kAddr, a: a})
			}
			w.useElem(s, &ey)
		}
		return w.add(s, x, int64(ey.a), 8)
	}
	// table entry + its base
	if ex.k == kAddr {
		ex, ey = ey, ex
	}
	if ey.k == kAddr && fixed(ey.b) {
		b := int64(ey.a + uint64(ey.b))
		switch ex.k {
		case kTab4:
			return w.v.mk(elem{k: kTabT, a: ex.a, b: b, r: form4})
		case kTab8:
			return w.v.mk(elem{k: kTabT, a: ex.a, b: b, r: form8})
		case kTab2:
			return w.v.mk(elem{k: kTabT, a: ex.a, b: b, r: ex.r})
		}
	}
	if x >= setBit && y < setBit {
		return w.each(s, x, func(e elem) val { return w.sum(s, w.v.mk(e), y) })
	}
	if y >= setBit && x < setBit {
		return w.each(s, y, func(e elem) val { return w.sum(s, x, w.v.mk(e)) })
	}
	m, n := w.negative(x), w.negative(y)
	if n < 0 {
		x = w.movedBack(s, x)
	}
	if m < 0 {
		y = w.movedBack(s, y)
	}
	if m = min(m, n); m < 0 {
		return w.join(s, w.v.con(m), w.mix(s, x, y))
	}
	return w.mix(s, x, y)
}

// negative returns a negative number that is in a set, 0 if there is none, or in exact queries.
func (w *worker) negative(x val) int64 {
	if x >= setBit && !w.exact && w.v.kinds(x)>>kConst&1 != 0 {
		for _, m := range w.v.members(x) {
			if e := &w.v.elems[m]; e.k == kConst && e.r == 0 && int64(e.a) < 0 && !isVsyscall(e.a) {
				return int64(e.a)
			}
		}
	}
	return 0
}

// movedBack returns x after it was moved backwards.
func (w *worker) movedBack(s *state, x val) val {
	return w.each(s, x, func(e elem) val {
		w.backwards(&e)
		if e.k == kAddr {
			e.b = anyBack
		}
		return w.v.mk(e)
	})
}

// mix is the result of an operation on x and y that is not tracked.
func (w *worker) mix(s *state, x, y val) val {
	if w.bothVague(x, y) {
		return w.join(s, x, y)
	}
	return w.join(s, vTop, w.join(s, w.derive(s, x), w.derive(s, y)))
}

func (w *worker) bothVague(x, y val) bool {
	if x == vTop && y == vTop {
		return true
	}
	_, ok := w.v.vague(x)
	if ok {
		_, ok = w.v.vague(y)
	}
	return ok
}

// source returns the value of the source operand of a two-operand instruction.
func (w *worker) source(s *state, in *x86.Inst) val {
	switch {
	case in.Flags&x86.FlagImm != 0:
		return w.imm(in.Imm)
	case in.Src != x86.RegNone:
		if in.Flags&x86.FlagHigh8 != 0 {
			w.use(s, s.r[in.Src])
			return vTop
		}
		return s.r[in.Src]
	default:
		return w.load(s, in, in.Size)
	}
}

func (w *worker) imm(n int64) val {
	if w.abs && w.inImage(uint64(n)) {
		return w.v.mk(elem{k: kAddr, a: uint64(n)})
	}
	return w.v.con(n)
}

// set writes x to a register with operand size size.
func (w *worker) set(s *state, in *x86.Inst, r x86.Reg, x val, size uint8) {
	if size >= 4 {
		s.r[r&15] = x
		return
	}
	w.setPart(s, in, r, x, size)
}

// setPart is set of 1 or 2 bytes.
func (w *worker) setPart(s *state, in *x86.Inst, r x86.Reg, x val, size uint8) {
	old := s.r[r]
	if in.Flags&x86.FlagHigh8 != 0 {
		eo, en := *w.v.one(old), *w.v.one(x)
		if en.k == kConst && x < setBit && old < setBit {
			n := (en.a & 0xff) << 8
			switch {
			case eo.k == kConst:
				s.r[r] = w.v.con(int64(eo.a&^0xff00 | n))
				return
			case eo.k == kLow:
				s.r[r] = w.v.mk(elem{k: kLow, a: eo.a&0xff | n, r: 2})
				return
			case eo.k == kArg && eo.b == 0 && n == 0:
				s.r[r] = w.v.mk(elem{k: kArgZ, r: eo.r})
				return
			}
		}
		w.use(s, x)
		s.r[r] = w.derive(s, old)
		if e := w.v.one(s.r[r]); e.k != kTop {
			s.r[r] = w.join(s, s.r[r], vTop)
		}
		return
	}
	eo, en := w.v.one(old), w.v.one(x)
	m := uint64(1)<<(8*size) - 1
	switch {
	case en.k == kConst && eo.k == kConst && old < setBit && x < setBit:
		s.r[r] = w.v.con(int64(eo.a&^m | en.a&m))
	case en.k == kConst && x < setBit:
		w.use(s, old)
		s.r[r] = w.v.mk(elem{k: kLow, a: en.a & m, r: int8(size)})
	default:
		w.use(s, x)
		w.use(s, old)
		s.r[r] = vTop
	}
}

// walk applies instructions of a block, the first of which has the number first, to s, up to one that nothing follows.
func (w *worker) walk(s *state, first int32, insts []x86.Inst) {
	for i := range insts {
		switch in := &insts[i]; in.Op {
		case x86.OpMov:
			if in.Size == 8 && in.Dst|in.Src >= 0 {
				s.r[in.Dst&15] = s.r[in.Src&15]
			} else {
				w.mov(s, in)
			}
		case x86.OpJcc:
			w.branch(s, first+int32(i), in)
			w.taken = 0
			if w.stop {
				return // it is always taken
			}
		case x86.OpCmp, x86.OpTest:
			if in.Flags&x86.FlagMem != 0 {
				w.compared(s, in)
			}
		case x86.OpCall:
			w.call(s, first+int32(i), in)
		case x86.OpAdd, x86.OpSub, x86.OpAnd, x86.OpOr, x86.OpXor:
			w.alu(s, in)
		case x86.OpPush:
			w.push(s, in)
		case x86.OpPop:
			w.pop(s, in)
		case x86.OpLea:
			w.set(s, in, in.Dst, w.lea(s, in), in.Size)
		case x86.OpJmp:
			w.jump(s, first+int32(i), in, true)
		case x86.OpMovzx, x86.OpMovsx:
			w.extend(s, in)
		case x86.OpNop, x86.OpTrap:
			s.forget(in.Def)
		case x86.OpRet:
			w.ret(s, in)
		case x86.OpInc, x86.OpDec:
			w.count(s, in)
		case x86.OpNeg, x86.OpNot, x86.OpShl, x86.OpShr, x86.OpSar, x86.OpImul3:
			w.unary(s, in)
		case x86.OpCmov:
			x := w.source(s, in)
			if in.Size == 8 {
				s.r[in.Dst] = w.join(s, s.r[in.Dst], x)
			} else {
				w.set(s, in, in.Dst, w.join(s, w.trunc(s, s.r[in.Dst], 4), w.trunc(s, x, 4)), in.Size)
			}
		case x86.OpXchg:
			w.exchange(s, in)
		case x86.OpLeave:
			s.r[x86.RSP] = s.r[x86.RBP]
			s.r[x86.RBP] = w.popWord(s)
		case x86.OpCallInd:
			w.callInd(s, in)
		case x86.OpJmpInd:
			w.jumpInd(s, in)
		case x86.OpSyscall, x86.OpSysenter, x86.OpInt80:
			if w.syscall(s, in); w.stop {
				return // it does not come back
			}
		case x86.OpVecMov, x86.OpVec:
			if in.Def|in.Use == 0 && in.Flags&(x86.FlagMem|x86.FlagImpMem) == 0 && (in.Flags&x86.FlagImm == 0 || !w.abs) {
				break // arithmetic in vector registers changes nothing that is known
			}
			if in.Op != x86.OpVecMov || in.Flags&x86.FlagMemOut == 0 || w.chaos || !w.moved(s, insts[max(i-4, 0):i], in) {
				w.other(s, in)
			}
		default:
			w.other(s, in)
		}
	}
}

// advance is add for an instruction that adds to register r, which holds x. A constant that came into a loop is taken for a
// counter at once: it would be one with the second round.
func (w *worker) advance(s *state, r x86.Reg, x val, d int64, size uint8) val {
	if x > vMany && x < setBit {
		if e := &w.v.elems[x]; e.k == kConst && e.r == 0 && !isVsyscall(e.a) && !isVsyscall(e.a+uint64(d)) && !w.exact && w.cameIn(r, x) {
			return w.counter(d, size)
		}
	}
	return w.add(s, x, d, size)
}

// counter is anything that d was added to over and over. If it goes down it may be negative: what it is added to moves backwards.
func (w *worker) counter(d int64, size uint8) val {
	if d >= 0 {
		return vTop
	}
	return w.v.withTop(w.v.con(d & (1<<(8*size-1)<<1 - 1)))
}

func (w *worker) count(s *state, in *x86.Inst) {
	d := int64(1)
	if in.Op == x86.OpDec {
		d = -1
	}
	switch {
	case in.Flags&x86.FlagMem != 0:
		if d < 0 {
			w.countDown(s, in)
		}
		w.touch(s, in)
		w.clobberMem(s, in)
	case in.Size < 4:
		w.other(s, in)
	default:
		s.r[in.Dst] = w.advance(s, in.Dst, s.r[in.Dst], d, in.Size)
	}
}

func (w *worker) exchange(s *state, in *x86.Inst) {
	switch {
	case in.Size != 8:
		w.other(s, in)
	case in.Flags&x86.FlagMem == 0:
		s.r[in.Dst], s.r[in.Src] = s.r[in.Src], s.r[in.Dst]
	default:
		r := in.Src
		if r == x86.RegNone {
			r = in.Dst
		}
		x := w.load(s, in, 8)
		w.use(s, x)
		w.store(s, in, s.r[r], 8)
		s.r[r] = vTop
	}
}

// compared: the memory operand is compared, which is not reading a pointer; the address may still be in an index register.
func (w *worker) compared(s *state, in *x86.Inst) {
	if at, _ := w.usual(s, in); at != somewhere {
		return
	}
	var p place
	of := w.place(s, in, &p)
	if of.base == vBottom {
		if p.k == kTab4 && !fixed(p.b) {
			w.access(&p)
		}
		return
	}
	for _, y := range w.v.members(of.base) {
		w.placeOf(s, &w.v.elems[y], of.disp, of.indexed, &p)
		if p.k == kTab4 && !fixed(p.b) {
			w.access(&p)
		}
	}
}

// vectorOf returns the vector register that a move of whole registers (movups,
// movaps, movdqu, movdqa and their VEX forms) loads or stores.
func (w *worker) vectorOf(in *x86.Inst) (reg uint8, ok bool) {
	if in.Op != x86.OpVecMov || in.Size != in.MemSize || in.MemSize != 16 && in.MemSize != 32 {
		return 0, false
	}
	code := w.f.Bytes(in.PC)
	i, r := 0, uint8(0)
	for ; code[i] == 0x66 || code[i] == 0xf3; i++ {
	}
	switch {
	case code[i] == 0xc5:
		r, i = ^code[i+1]>>7<<3, i+2
	case code[i] == 0xc4 && code[i+1]&0x1f == 1:
		r, i = ^code[i+1]>>7<<3, i+3
	default:
		if code[i]&0xf0 == 0x40 {
			r, i = code[i]&4<<1, i+1
		}
		if code[i] != 0x0f {
			return 0, false
		}
		i++
	}
	switch code[i] {
	case 0x10, 0x11, 0x28, 0x29, 0x6f, 0x7f:
		return r | code[i+1]>>3&7, true
	}
	return 0, false
}

// moved stores what the vector register of a store was loaded with by one of the instructions just before: a structure
// is copied. It reports whether it was.
func (w *worker) moved(s *state, before []x86.Inst, in *x86.Inst) bool {
	var reg uint8
	for j := len(before) - 1; j >= 0; j-- {
		from := before[j]
		if from.Op != x86.OpVecMov || from.Flags&x86.FlagMemIn == 0 {
			break // anything else may write memory, the register, or the address
		}
		if j == len(before)-1 {
			var ok bool
			if reg, ok = w.vectorOf(in); !ok {
				break
			}
		}
		r, plain := w.vectorOf(&from)
		if !plain {
			break
		}
		if r != reg {
			continue
		}
		if from.MemSize != in.MemSize {
			break
		}
		to := *in
		var words [4]val
		n := in.MemSize / 8
		for k := range n {
			words[k] = w.load(s, &from, 8)
			from.Disp += 8
		}
		for _, x := range words[:n] {
			w.store(s, &to, x, 8)
			to.Disp += 8
		}
		return true
	}
	return false
}

// other: anything without a model uses what it reads and clobbers what it may write.
func (w *worker) other(s *state, in *x86.Inst) {
	if w.exact && !w.chaos && w.flag(s, in) {
		return
	}
	w.useMask(s, in.Use)
	if in.Flags&x86.FlagMem != 0 {
		if in.Flags&(x86.FlagMemIn|x86.FlagMemAny) != 0 {
			w.touch(s, in)
		}
		if in.Flags&x86.FlagMemOut != 0 {
			w.clobberMem(s, in)
		} else if in.Flags&x86.FlagMemIn == 0 {
			w.places(s, in, func(place) {})
		}
	}
	if in.Flags&x86.FlagImpMem != 0 && s.esc {
		s.smash()
	}
	if in.Flags&x86.FlagImm != 0 && w.abs && w.inImage(uint64(in.Imm)) {
		w.ref(summary.Ref{Kind: summary.RefAddr, A: uint64(in.Imm)})
	}
	s.forget(in.Def)
}

func (w *worker) mov(s *state, in *x86.Inst) {
	var x val
	switch {
	case in.Flags&x86.FlagImm != 0:
		x = w.imm(in.Imm)
	case in.Src == x86.RegNone:
		x = w.load(s, in, in.Size)
	default:
		x = w.source(s, in)
	}
	switch {
	case in.Dst == x86.RegNone:
		w.store(s, in, x, in.Size)
		return
	case in.Size == 4 && in.Flags&x86.FlagImm == 0:
		x = w.trunc(s, x, 4)
	case in.Len == 10 && w.far(in) && w.v.one(x).k == kConst:
		x = w.v.mk(elem{k: kConst, a: uint64(in.Imm), r: 1})
	}
	w.set(s, in, in.Dst, x, in.Size)
}

func (w *worker) extend(s *state, in *x86.Inst) {
	var x val
	if in.Src != x86.RegNone {
		if in.Flags&x86.FlagHigh8 != 0 {
			w.use(s, s.r[in.Src])
			w.set(s, in, in.Dst, vTop, in.Size)
			return
		}
		x = w.trunc(s, s.r[in.Src], in.SrcSize)
	} else {
		x = w.load(s, in, in.SrcSize)
		if in.SrcSize < 4 {
			x = w.trunc(s, x, in.SrcSize)
		}
	}
	if in.Op == x86.OpMovsx && x > vMany {
		sh := 64 - 8*uint(in.SrcSize)
		x = w.each(s, x, func(e elem) val {
			switch e.k {
			case kConst:
				n := int64(e.a<<sh) >> sh
				if in.Size == 4 {
					n = int64(uint32(n))
				}
				return w.v.con(n)
			case kArg:
				if e.b == 0 || e.b == 4 {
					return w.v.mk(e)
				}
				w.useElem(s, &e)
				return vTop
			case kArgOp:
				if in.SrcSize == 4 && uint8(e.b) == 4 {
					return w.v.mk(e) // as of kArg, forms are told apart by who asks
				}
			case kTab2:
				if in.SrcSize == 2 {
					e.r |= form2s
				}
				return w.v.mk(e)
			case kTab4, kStk, kArgD, kLoadD, kLoad, kAddr:
				if in.SrcSize == 4 {
					return w.v.mk(e)
				}
			}
			w.useElem(s, &e)
			return vTop
		})
	}
	w.set(s, in, in.Dst, x, in.Size)
}

func (w *worker) lea(s *state, in *x86.Inst) val {
	if in.Base == x86.RIP {
		return w.v.mk(elem{k: kAddr, a: uint64(in.Disp)})
	}
	if in.Size < 4 {
		w.useAddrRegs(s, in)
		return vTop
	}
	x := vBottom
	disp := in.Disp
	if in.Base != x86.RegNone {
		x = s.r[in.Base]
		if w.exact && in.Size == 4 {
			x = w.trunc(s, x, 4)
		}
	}
	if w.abs && disp != 0 && w.inImage(uint64(disp)) {
		a := w.v.mk(elem{k: kAddr, a: uint64(disp)})
		disp = 0
		if x == vBottom {
			x = a
		} else {
			x = w.sum(s, x, a)
		}
	}
	if in.Index != x86.RegNone {
		y := s.r[in.Index]
		if in.Scale != 1 {
			if e := *w.v.one(y); e.k == kConst {
				w.useElem(s, &e)
				y = w.v.con(int64(e.a) * int64(in.Scale))
			} else if z, ok := w.v.scaled(e, in.Scale); ok {
				y = z
			} else {
				y = w.times(s, y, int64(in.Scale))
			}
		}
		if x == vBottom {
			x = y
		} else {
			x = w.sum(s, x, y)
		}
	}
	if x == vBottom {
		x = w.v.con(0)
	}
	x = w.add(s, x, disp, in.Size)
	if in.Size == 4 {
		x = w.trunc(s, x, 4)
	}
	return x
}

// countDown: a word of memory is decreased, which may be a pointer.
func (w *worker) countDown(s *state, in *x86.Inst) {
	if in.Size == 8 {
		w.places(s, in, func(p place) {
			if p.k == kAddr {
				w.ref(summary.Ref{Kind: summary.RefRead, A: p.a, Size: 8, Reg: summary.Back})
			}
		})
	}
}

func (w *worker) alu(s *state, in *x86.Inst) {
	if in.Dst == x86.RegNone { // memory destination
		if in.Op == x86.OpSub || in.Op == x86.OpAdd && in.Flags&x86.FlagImm != 0 && in.Imm < 0 {
			w.countDown(s, in)
		}
		if in.Flags&x86.FlagImm != 0 {
			if w.abs && w.inImage(uint64(in.Imm)) {
				w.ref(summary.Ref{Kind: summary.RefAddr, A: uint64(in.Imm)})
			}
		} else if in.Src != x86.RegNone {
			w.use(s, s.r[in.Src])
		}
		w.touch(s, in)
		w.clobberMem(s, in)
		return
	}
	if in.Src == in.Dst && (in.Op == x86.OpXor || in.Op == x86.OpSub) && in.Flags&x86.FlagHigh8 == 0 {
		w.set(s, in, in.Dst, w.v.con(0), in.Size)
		return
	}
	if in.Flags&x86.FlagImm != 0 && in.Size == 8 && in.Op <= x86.OpSub && !w.exact && !(w.abs && w.inImage(uint64(in.Imm))) {
		d := in.Imm
		if in.Op == x86.OpSub {
			d = -d
		}
		s.r[in.Dst] = w.advance(s, in.Dst, s.r[in.Dst], d, 8)
		return
	}
	if in.Size < 4 || in.Flags&x86.FlagHigh8 != 0 {
		if in.Flags&x86.FlagImm != 0 {
			if old := s.r[in.Dst]; w.numbers(old) && in.Flags&x86.FlagHigh8 == 0 {
				s.r[in.Dst] = w.each(s, old, func(e elem) val {
					n := aluConst(in.Op, e.a, uint64(in.Imm))
					m := uint64(1)<<(8*in.Size) - 1
					return w.v.con(int64(e.a&^m | n&m))
				})
				return
			}
			if e := *w.v.one(s.r[in.Dst]); w.exact && e.k == kArg && e.b == 0 && in.Flags&x86.FlagHigh8 == 0 && in.Op >= x86.OpAnd && in.Op <= x86.OpXor {
				n, m := uint64(in.Imm), uint64(1)<<(8*in.Size)-1
				if n &= m; in.Op == x86.OpAnd {
					n |= ^m
				}
				s.r[in.Dst] = w.apply(s, e, opOf(in.Op), 8, n)
				return
			}
		}
		w.other(s, in)
		return
	}
	if in.Dst == x86.RSP && in.Op == x86.OpAnd {
		// stack alignment: below anything that was saved
		if e := w.v.one(s.r[x86.RSP]); e.k == kSP && fixed(e.b) {
			s.r[x86.RSP] = w.v.mk(elem{k: kSP, b: e.b - 1<<20})
			return
		}
	}
	x := s.r[in.Dst]
	if x == vTop && in.Flags&x86.FlagImm != 0 && !w.exact && !w.abs && !decides(in.Op, in.Imm) {
		return
	}
	y := w.source(s, in)
	if in.Size == 4 {
		if in.Flags&x86.FlagImm == 0 {
			y = w.trunc(s, y, 4)
		}
		x = w.trunc(s, x, 4)
	}
	if x == vTop && y == vTop {
		s.r[in.Dst] = vTop
		return
	}
	ey := w.v.one(y)
	var res val
	if w.exact && in.Dst != x86.RSP {
		if res, ok := w.combine(s, in, x, y); ok {
			s.r[in.Dst] = res
			return
		}
	}
	switch {
	case in.Op == x86.OpAdd && ey.k == kConst && ey.r == 0:
		res = w.advance(s, in.Dst, x, int64(ey.a), in.Size)
	case in.Op == x86.OpSub && ey.k == kConst:
		res = w.advance(s, in.Dst, x, -int64(ey.a), in.Size)
	case in.Op == x86.OpAdd:
		res = w.sum(s, x, y)
	case in.Op == x86.OpSub && in.Size == 8 && w.same(x, y):
		res = w.v.con(0)
	case ey.k == kConst && decides(in.Op, int64(ey.a)):
		res = w.v.con(int64(ey.a & (^uint64(0) >> (64 - 8*in.Size))))
	case (in.Op == x86.OpAnd || in.Op == x86.OpOr || in.Op == x86.OpXor) && ey.k == kConst:
		if _, ok := w.v.vague(x); ok {
			res = x
			break
		}
		set := x >= setBit
		res = w.each(s, x, func(e elem) val {
			if e.k == kConst && !set {
				n := aluConst(in.Op, e.a, ey.a)
				if in.Size == 4 {
					n = uint64(uint32(n))
				}
				return w.v.con(int64(n))
			}
			if e.k == kSP && in.Op == x86.OpAnd {
				return w.v.mk(elem{k: kSP, b: anyOff})
			}
			if e.k == kConst {
				return vTop
			}
			return w.join(s, vTop, w.derive(s, w.v.mk(e)))
		})
	default:
		if args, ok := w.v.vague(x); in.Op == x86.OpSub && ok {
			w.argBack |= args
		} else if in.Op == x86.OpSub {
			x = w.movedBack(s, x)
		}
		res = w.mix(s, x, y)
	}
	s.r[in.Dst] = res
}

// decides reports whether n is what op makes of anything and n.
func decides(op x86.Op, n int64) bool { return op == x86.OpAnd && n == 0 || op == x86.OpOr && n == -1 }

func aluConst(op x86.Op, a, b uint64) uint64 {
	switch op {
	case x86.OpAdd:
		return a + b
	case x86.OpSub:
		return a - b
	case x86.OpAnd:
		return a & b
	case x86.OpOr:
		return a | b
	}
	return a ^ b
}

func (w *worker) unary(s *state, in *x86.Inst) {
	if in.Flags&x86.FlagMem != 0 || in.Size < 4 || in.Dst == x86.RegNone {
		w.other(s, in)
		return
	}
	src := in.Dst
	if in.Op == x86.OpImul3 {
		src = in.Src
	}
	if src == x86.RegNone {
		w.other(s, in)
		return
	}
	x := s.r[src]
	by := in.Op != x86.OpImul3 && in.Flags&x86.FlagImm == 0 && in.Op != x86.OpNeg && in.Op != x86.OpNot // cl
	if x == vTop && !by {
		s.r[in.Dst] = vTop
		return
	}
	bits := uint(8 * in.Size)
	mask := ^uint64(0) >> (64 - bits)
	if w.exact && in.Size == 4 {
		x = w.trunc(s, x, 4)
	}
	if w.numbers(x) && (in.Flags&x86.FlagImm != 0 || in.Op == x86.OpNeg || in.Op == x86.OpNot) {
		s.r[in.Dst] = w.each(s, x, func(e elem) val {
			n, c := e.a&mask, uint(in.Imm)&(bits-1)
			switch in.Op {
			case x86.OpNeg:
				n = -n
			case x86.OpNot:
				n = ^n
			case x86.OpShl:
				n <<= c
			case x86.OpShr:
				n >>= c
			case x86.OpSar:
				n = uint64(int64(n<<(64-bits)) >> (64 - bits) >> c)
			case x86.OpImul3:
				n *= uint64(in.Imm)
			}
			return w.v.con(int64(n & mask))
		})
		return
	}
	if in.Op == x86.OpShl && in.Flags&x86.FlagImm != 0 && in.Imm < 4 {
		if y, ok := w.v.scaled(*w.v.one(x), 1<<uint(in.Imm)); ok {
			s.r[in.Dst] = y
			return
		}
	}
	if by {
		x = w.join(s, x, w.derive(s, s.r[x86.RCX]))
	}
	if in.Size == 8 && in.Op == x86.OpShl && !by {
		s.r[in.Dst] = w.times(s, x, 1<<(uint(in.Imm)&(bits-1)))
		return
	}
	if in.Size == 8 && in.Op == x86.OpImul3 {
		s.r[in.Dst] = w.times(s, x, in.Imm)
		return
	}
	s.r[in.Dst] = w.mix(s, vTop, x)
}

// times is a product of x and n that is not tracked, but for a number that may be negative, which moves backwards what it is added to.
func (w *worker) times(s *state, x val, n int64) val {
	y := w.mix(s, vTop, x)
	if m := w.negative(x) * n; m < 0 {
		y = w.join(s, y, w.v.con(m))
	}
	return y
}

func (w *worker) spAdd(s *state, d int64) {
	if e := w.v.one(s.r[x86.RSP]); e.k == kSP && fixed(e.b) {
		s.r[x86.RSP] = w.v.frame(e.b + d)
	}
}

func (w *worker) sp(s *state) (int32, bool) {
	e := w.v.one(s.r[x86.RSP])
	if e.k != kSP || !fixed(e.b) || e.b != int64(int32(e.b)) {
		return 0, false
	}
	return int32(e.b), true
}

func (w *worker) push(s *state, in *x86.Inst) {
	size := in.Size
	if size == 0 {
		size = 8
	}
	var x val
	if in.Flags&x86.FlagMem != 0 {
		x = w.load(s, in, 8)
	} else {
		x = w.source(s, in)
	}
	if !preserved(x) {
		w.use(s, x)
	}
	w.spAdd(s, -int64(size))
	if o, ok := w.sp(s); ok {
		s.store(o, size, x)
	} else {
		s.smash()
		w.pivot(s)
	}
}

// pivot: something is pushed to a stack that need not be the one of the entry:
// memory of the file may be written.
func (w *worker) pivot(s *state) {
	x := s.r[x86.RSP]
	if x < setBit && w.v.elems[x].k == kSP {
		return
	}
	for _, y := range w.list(x) {
		switch e := &w.v.elems[y]; e.k {
		case kSP:
		case kAddr:
			w.obj(e.a, anyBack)
		default:
			w.backwards(e)
			w.useElem(s, e)
		}
	}
}

func (w *worker) popWord(s *state) val {
	x := vTop
	if o, ok := w.sp(s); ok {
		if y, _, ok := s.load(o, 8); ok {
			x = y
		} else if w.fine && o >= 8 && !s.lost {
			x = w.v.mk(elem{k: kStk, b: int64(o)})
		} else {
			w.seen(s, o, 8)
		}
	}
	w.spAdd(s, 8)
	return x
}

func (w *worker) pop(s *state, in *x86.Inst) {
	if in.Size == 2 {
		w.spAdd(s, 2)
		w.other(s, in)
		return
	}
	x := w.popWord(s)
	if in.Flags&x86.FlagMem != 0 {
		w.store(s, in, x, 8)
		return
	}
	if in.Dst != x86.RegNone {
		s.r[in.Dst] = x
	}
}

func (w *worker) syscall(s *state, in *x86.Inst) {
	g := summary.GateSyscall
	args := uint16(1<<x86.RDI | 1<<x86.RSI | 1<<x86.RDX | 1<<x86.R10 | 1<<x86.R8 | 1<<x86.R9)
	switch in.Op {
	case x86.OpSysenter:
		g, args = summary.GateSysenter, allButSP
	case x86.OpInt80:
		g, args = summary.GateInt80, allButSP&^(1<<x86.RAX)
	}
	if w.exact {
		w.ask(s, in, in.PC, 0)
	}
	if w.final {
		site := summary.Site{PC: in.PC, Gate: g, Values: w.export(s.r[x86.RAX])}
		if g == summary.GateSyscall {
			for i, r := range [3]x86.Reg{x86.RDI, x86.RSI, x86.RDX} {
				site.Args[i] = w.export(s.r[r])
			}
		}
		w.sites = append(w.sites, siteIn{site, w.blk})
	}
	w.enters = true
	w.book.giveUp()
	w.useMask(s, args)
	// The number itself, if it came from the caller, is read but is no address.
	if s.esc {
		s.smash()
	}
	if g == summary.GateSyscall && !w.chaos {
		e := w.v.one(s.r[x86.RAX])
		c := sysno.Call{ABI: sysno.X86_64, Nr: int(uint32(e.a))}
		w.stop = e.k == kConst && c.NoReturn()
		if e.k != kConst || c.SharesStack() {
			// The child ran on this frame before the parent goes on, up to a call
			// that did not return: the frame holds what it stored.
			s.rewritten()
		}
	}
	s.r[x86.RAX], s.r[x86.RCX], s.r[x86.R11] = vTop, vTop, vTop
}
