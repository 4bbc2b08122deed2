package dataflow

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

func (w *worker) cond(c summary.Cond) int32 {
	i, known := w.condOf[c]
	if !known {
		w.conds = append(w.conds, c)
		i = int32(len(w.conds))
		w.condOf[c] = i
	}
	return i
}

// maxConds bounds the conditions of one unit.
const maxConds = 1000

// compared is the comparison that a conditional jump tests, and what the registers that it looks at hold
// at the jump: vBottom if that is overwritten, more than one value, or no register.
type compared struct {
	at             int32 // the instruction, -1: none in the block
	dst, src, base val
}

// comparison returns what a conditional jump tests that is taken with regs, where instruction j sets the flags. def, between: what
// is written between them, and the flags of the instructions there.
func (w *worker) comparison(regs *[16]val, j int32, def uint16, between x86.Flags) compared {
	if j < 0 || between&x86.FlagMemOut != 0 || w.insts[j].Op != x86.OpCmp && w.insts[j].Op != x86.OpTest {
		return compared{at: -1}
	}
	held := func(r x86.Reg) val {
		if x := regs[r&15]; bitOf[uint8(r)]&^def != 0 && x < setBit {
			return x
		}
		return vBottom
	}
	in := &w.insts[j]
	return compared{j, held(in.Dst), held(in.Src), held(in.Base)}
}

// guards returns the conditions under which the conditional jump in, which tests t, is taken,
// and goes on to the next instruction, if they are such as a Cond can say.
func (w *worker) guards(t *compared, in *x86.Inst) (taken, fall int32) {
	if t.at < 0 || w.chaos || w.opaque || len(w.conds) > maxConds {
		return 0, 0
	}
	c := &w.insts[t.at]
	if c.Flags&x86.FlagHigh8 != 0 || c.Size == 0 {
		return 0, 0
	}
	equal := func(c summary.Cond) (int32, int32) {
		if in.Cond == 4 {
			return w.cond(c), 0
		}
		return 0, w.cond(c)
	}
	symmetric := in.Cond == 4 || in.Cond == 5
	n, mask := uint64(0), ^uint64(0)>>(64-8*c.Size)
	left, held, mem := c.Dst, t.dst, c.Flags&x86.FlagMem != 0
	switch {
	case c.Op == x86.OpCmp && c.Flags&x86.FlagImm != 0:
		if w.abs && w.inImage(uint64(c.Imm)) {
			return 0, 0
		}
		n = uint64(c.Imm) & mask
	case c.Op == x86.OpTest && c.Flags&x86.FlagImm != 0:
		if !symmetric {
			return 0, 0
		}
		mask &= uint64(c.Imm)
	case c.Op == x86.OpTest && c.Dst == c.Src && !mem:
	case c.Op == x86.OpCmp && symmetric:
		// two that are not immediates: the file's own entry, or a constant
		src, dst := &w.v.elems[t.src], &w.v.elems[t.dst]
		switch {
		case w.isEntry(src, c.Size):
			return equal(summary.Cond{Kind: summary.CondEntry})
		case src.k == kConst:
			n = src.a & mask
		case w.isEntry(dst, c.Size):
			return equal(summary.Cond{Kind: summary.CondEntry})
		case dst.k == kConst:
			n, left, held = dst.a&mask, c.Src, t.src
		default:
			return 0, 0
		}
		if left == x86.RegNone != mem {
			return 0, 0
		}
	default:
		return 0, 0
	}
	a, known := w.word(t, c, held)
	if known {
		v, ok := w.initial(a, c.Size)
		if !ok {
			return 0, 0
		}
		is, ok := Holds(in.Cond, v&mask, n, c.Size)
		if !ok {
			return 0, 0
		}
		g := w.cond(summary.Cond{Kind: summary.CondWord, A: a, Size: c.Size})
		if is {
			return 0, g
		}
		return g, 0
	}
	if mem {
		if symmetric && c.Size == 1 {
			if x, ok := w.text(t.at, c); ok {
				return equal(x)
			}
		}
		return 0, 0
	}
	if held == vBottom || c.Op == x86.OpTest && c.Flags&x86.FlagImm != 0 {
		return 0, 0
	}
	if _, ok := Holds(in.Cond, 0, n, c.Size); !ok {
		return 0, 0
	}
	g := summary.Cond{N: n, Cmp: in.Cond, Size: c.Size}
	if held <= vMany {
		// What a call returned is not known here.
		f, ok := w.calledFor(t.at, left, c.Size)
		if !ok {
			return 0, 0
		}
		g.Kind, g.A = summary.CondReturn, f
	} else {
		r, ok := w.argument(held)
		if !ok || c.Size != 1 {
			return 0, 0
		}
		g.Kind, g.A = summary.CondArg, uint64(r)
	}
	taken = w.cond(g)
	g.Cmp ^= 1
	return taken, w.cond(g)
}

// isEntry reports whether e, of size bytes, is the address of the file's entry.
func (w *worker) isEntry(e *elem, size uint8) bool {
	return e.k == kAddr && fixed(e.b) && e.a+uint64(e.b) == w.f.Entry && size == 8
}

// argument returns the register whose value on entry x has in its low byte. Of what is not a byte
// (bool) few callers pass constants that say which way a branch goes.
func (w *worker) argument(x val) (reg int8, ok bool) {
	e := &w.v.elems[x]
	return e.r, e.k == kArg && !w.isGo
}

// neverNames are functions that C and C++ headers and compilers say do not return.
// What calls of others may do is not worth a condition. That a call of one of
// these does not come back is not taken from its name: package reach looks.
var neverNames = []string{"exit", "_exit", "_Exit", "quick_exit", "abort", "__assert_fail", "__assert_perror_fail", "__assert",
	"__stack_chk_fail", "__fortify_fail", "__chk_fail", "longjmp", "_longjmp", "siglongjmp", "__longjmp_chk", "pthread_exit", "thrd_exit",
	"err", "errx", "verr", "verrx", "__cxa_throw", "__cxa_rethrow", "__cxa_bad_cast", "__cxa_throw_bad_array_new_length",
	"_Unwind_Resume", "_ZSt9terminatev", "__libc_fatal", "_dl_signal_error", "_dl_signal_exception", "_dl_fatal_printf"}

// back returns the condition under which the call i goes on behind it.
func (w *worker) back(i int32) int32 {
	in := &w.insts[i]
	if in.Op == x86.OpCall && w.callees[i]&calleeBack != 0 || w.chaos || w.opaque || len(w.conds) > maxConds {
		return 0
	}
	slot, ok := uint64(in.Disp), in.Op == x86.OpCallInd && in.Base == x86.RIP
	if in.Op == x86.OpCall {
		target := uint64(in.Imm)
		if w.memo.get(target)&memoBack != 0 {
			return 0
		}
		if slot, ok = Stub(w.f, target); !ok || !w.neverNamed(slot) {
			w.memo.add(target, memoBack)
			return 0
		}
	} else if !ok || !w.neverNamed(slot) {
		return 0
	}
	return w.cond(summary.Cond{Kind: summary.CondBack, A: slot})
}

// neverNamed reports whether the loader fills slot for one of neverNames.
func (w *worker) neverNamed(slot uint64) bool {
	return slices.ContainsFunc(w.f.RelocsIn(slot, slot+8), func(r image.Reloc) bool {
		return r.Sym != 0 && slices.Contains(neverNames, w.f.SymbolName(int(r.Sym)))
	})
}

// Stub returns the slot that code at a jumps through, if that is all it does (an entry of the PLT).
func Stub(f *image.File, a uint64) (slot uint64, ok bool) {
	var in x86.Inst
	for range 2 {
		if code := f.Code(a); !beginsStub(code) || !x86.Decode(code, a, &in) {
			return 0, false
		}
		if in.Op == x86.OpJmpInd && in.Base == x86.RIP && in.Flags&x86.FlagMem != 0 {
			return uint64(in.Disp), true
		}
		if in.Op != x86.OpNop { // endbr64
			return 0, false
		}
		a += uint64(in.Len)
	}
	return 0, false
}

// beginsStub reports whether code may begin with an indirect jump or a nop, as most that is called does not.
func beginsStub(code []byte) bool {
	if len(code) > 1 && code[0]&0xf0 == 0x40 { // REX
		code = code[1:]
	}
	if len(code) == 0 {
		return false
	}
	switch b := code[0]; {
	case b == 0xff, b == 0x0f, b == 0x90, b == 0x9b: // jmp, and nops: 0f 1f, 0f 0d, pause, fwait
		return true
	case b == 0x26, b == 0x2e, b == 0x36, b == 0x3e, b >= 0x64 && b <= 0x67, b == 0xf0, b == 0xf2, b == 0xf3: // prefixes
		return true
	}
	return code[0]&0xf0 == 0x40
}

// tested returns the instruction that sets the flags which the conditional jump i looks at, -1 if that is not near, in its own
// block; and of those between them, the registers that are written and the flags.
func (w *worker) tested(i int32) (j int32, def uint16, between x86.Flags) {
	for j, first := i-1, w.lead(i); j >= first && j > i-6; j-- {
		switch in := &w.insts[j]; in.Op {
		case x86.OpMov, x86.OpLea, x86.OpMovzx, x86.OpMovsx, x86.OpNop:
			def |= in.Def
			between |= in.Flags
		default:
			return j, def, between
		}
	}
	return -1, 0, 0
}

// word returns the address of the file's memory that an operand of the comparison t is read from: its memory
// operand, or what the register was loaded from that holds x.
func (w *worker) word(t *compared, c *x86.Inst, x val) (uint64, bool) {
	if c.Flags&x86.FlagMem == 0 {
		e := &w.v.elems[x]
		// Where 32-bit words may be addresses, a word of 8 bytes may have been cut to its lower half.
		return e.a, e.k == kLoad && uint8(e.r) >= c.Size && !(w.wide && c.Size == 8)
	}
	if c.Flags&(x86.FlagSeg|x86.FlagAddr32) != 0 && c.Base != x86.RIP || c.Flags&x86.FlagSeg != 0 || c.Index != x86.RegNone {
		return 0, false
	}
	switch c.Base {
	case x86.RIP:
		return uint64(c.Disp), true
	case x86.RegNone:
		return uint64(c.Disp), w.inImage(uint64(c.Disp))
	}
	e := &w.v.elems[t.base]
	return e.a + uint64(e.b+c.Disp), e.k == kAddr && fixed(e.b)
}

// initial returns what size bytes of writable memory hold in the file, if the
// loader does not write them.
func (w *worker) initial(a uint64, size uint8) (uint64, bool) {
	if !w.f.Writable(a) || !w.f.Writable(a+uint64(size)-1) || w.relocated(a, size) || w.copied(a) {
		return 0, false
	}
	n := uint64(0)
	for i, c := range w.f.Bytes(a) {
		if i == int(size) {
			break
		}
		n |= uint64(c) << (8 * i)
	}
	return n, true
}

// relocated reports whether a relocation may write to size bytes at a, which it
// need not begin in.
func (w *worker) relocated(a uint64, size uint8) bool {
	const longest = 16
	return slices.ContainsFunc(w.f.RelocsIn(a-min(a, longest-1), a+uint64(size)), func(r image.Reloc) bool {
		n := uint64(8)
		if r.Type == image.RX8664TLSDesc {
			n = longest
		}
		return r.Addr+n > a
	})
}

// copied reports whether the loader copies another file's variable over a
// (R_X86_64_COPY), which is as long as its symbol.
func (w *worker) copied(a uint64) bool {
	w.copy.Do(func() {
		for i := range w.f.Relocs {
			if r := &w.f.Relocs[i]; r.Type == image.RX8664Copy {
				w.copies = append(w.copies, image.Range{Start: r.Addr, End: r.Addr + max(w.f.Symbol(int(r.Sym)).Size, 8)})
			}
		}
	})
	return slices.ContainsFunc(w.copies, func(r image.Range) bool { return a >= r.Start && a < r.End })
}

// text returns the condition that memory begins with the characters that the
// comparison j and the ones before it ask for, one by one: at least minText.
func (w *worker) text(j int32, c *x86.Inst) (summary.Cond, bool) {
	const minText = 3
	t := summary.Cond{Kind: summary.CondText}
	base, at := c.Base, c.Disp
	if base < 0 || base >= 16 {
		return t, false
	}
	for {
		if c.Op != x86.OpCmp || c.Flags&x86.FlagImm == 0 || c.Flags&x86.FlagMem == 0 || c.Size != 1 || c.Base != base || c.Index != x86.RegNone || c.Disp != at || t.Size == 8 {
			return t, false
		}
		t.A = t.A<<8 | uint64(uint8(c.Imm))
		t.Size++
		if at == 0 {
			return t, t.Size >= minText
		}
		// the jump that leads here if the character before is equal
		k, ok := w.before(j)
		for ok && w.insts[k].Op == x86.OpNop {
			k, ok = w.before(k)
		}
		if !ok || w.insts[k].Op != x86.OpJcc || w.insts[k].Cond != 4 && w.insts[k].Cond != 5 || w.follows(k, j) == (w.insts[k].Cond == 4) {
			return t, false
		}
		if j, ok = w.before(k); !ok {
			return t, false
		}
		c, at = &w.insts[j], at-1
	}
}

// calledFor returns the function whose result the low size bytes of register r hold at
// instruction j, which is not known here, if it is a short one that may decide by conditions.
func (w *worker) calledFor(j int32, r x86.Reg, size uint8) (uint64, bool) {
	first := w.lead(j)
	for range 12 {
		if j--; j < first { // as before
			if j = w.blocks[w.instBlk[j+1]].pred; j < 0 {
				return 0, false
			}
			first = w.lead(j)
		}
		in := &w.insts[j]
		switch {
		case in.Op == x86.OpCall && r == x86.RAX:
			f := uint64(in.Imm)
			return f, w.f.Exec(f) && f != in.PC+uint64(in.Len) && w.decides(f)
		case in.Op == x86.OpCall || in.Op == x86.OpCallInd:
			if calleeSaved>>uint(r)&1 == 0 {
				return 0, false
			}
		case in.Def>>uint(r)&1 == 0:
		case in.Op == x86.OpMov && in.Dst == r && in.Src != x86.RegNone && in.Flags&(x86.FlagMem|x86.FlagHigh8) == 0 && in.Size >= max(size, 4):
			r = in.Src
		default:
			return 0, false
		}
	}
	return 0, false
}

// decides reports whether the code at f is a short leaf with a condition: only
// of such functions it is asked what they return.
func (w *worker) decides(f uint64) bool {
	if b := w.memo.get(f); b&memoDecides != 0 {
		return b&memoDecidesValue != 0
	}
	d := !w.f.GoCode(f) && !w.returnsTwice(f) && w.scanDecides(f)
	if d {
		w.memo.add(f, memoDecides|memoDecidesValue)
	} else {
		w.memo.add(f, memoDecides)
	}
	return d
}

func (w *worker) scanDecides(f uint64) bool {
	const limit = 48
	branches := false
	const longest = 15 * limit // bytes
	end := f + longest
	if d := w.f.FDEAt(f); d != nil {
		if end = d.End; end-f > longest {
			return false
		}
	}
	for n := 0; f < end; n++ {
		if n == limit {
			return false
		}
		in := w.peek(f)
		if in == nil {
			return false
		}
		switch in.Op {
		case x86.OpCall, x86.OpCallInd, x86.OpJmpInd:
			return false
		case x86.OpJcc:
			branches = true
		}
		f += uint64(in.Len)
	}
	return branches
}
