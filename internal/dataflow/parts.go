package dataflow

import (
	"cmp"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

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

// link is a way of control from one block to another. cond is an index into
// conds plus one, 0 if nothing is asked.
type link struct{ from, to, cond int32 }

// siteIn is a syscall instruction of a block.
type siteIn struct {
	site summary.Site
	blk  int32
}

// ret is how a block ends the unit.
type ret struct {
	n    int64
	blk  int32
	kind summary.ReturnKind
}

// linkTo notes that control may go from the block that is emitted to the one at a.
func (w *worker) linkTo(a uint64, cond int32) {
	if i := w.instAt(a); w.final && i >= 0 {
		w.links = append(w.links, link{w.blk, w.instBlk[i], cond})
	}
}

// linkPads links the block that is emitted to the landing pads of the call in.
func (w *worker) linkPads(in *x86.Inst) {
	for _, p := range w.landingPads(in.PC) {
		if in.PC >= p.Start && in.PC < p.End {
			w.linkTo(p.Pad, 0)
		}
	}
}

// trapped links the block that is emitted, whose instructions are from first to
// last, to its landing pads: what is no call may throw too (-fnon-call-exceptions).
func (w *worker) trapped(first, last uint64) {
	for _, p := range w.landingPads(first) {
		if p.Start <= last && first < p.End {
			w.linkTo(p.Pad, 0)
		}
	}
}

// returns notes what the block that is emitted returns in rax.
func (w *worker) returns(x val) {
	if x <= vMany {
		w.ends(summary.ReturnAny, 0)
		return
	}
	for _, y := range w.list(x) {
		if e := &w.v.elems[y]; e.k == kConst {
			w.ends(summary.ReturnConst, e.a)
		} else {
			w.ends(summary.ReturnAny, 0)
		}
	}
}

func (w *worker) ends(kind summary.ReturnKind, n uint64) {
	switch r := (ret{int64(n), w.blk, kind}); {
	case w.final:
		w.rets = append(w.rets, r)
	case w.book.open:
		w.book.rets = append(w.book.rets, r)
	}
}

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

// guards returns the conditions under which the conditional jump i is taken,
// and goes on to the next instruction, if they are such as a Cond can say.
func (w *worker) guards(regs *[16]val, i int32, in *x86.Inst) (taken, fall int32) {
	if w.chaos || w.opaque || len(w.conds) > maxConds {
		return 0, 0
	}
	j, def, ok := w.flags(i)
	if !ok {
		return 0, 0
	}
	c := &w.insts[j]
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
	left, mem := c.Dst, c.Flags&x86.FlagMem != 0
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
		ok = false
		for k, r := range [2]x86.Reg{c.Src, c.Dst} {
			if r == x86.RegNone || def>>uint(r)&1 != 0 || regs[r] >= setBit {
				continue
			}
			e := &w.v.elems[regs[r]]
			if e.k == kAddr && fixed(e.b) && e.a+uint64(e.b) == w.f.Entry && c.Size == 8 {
				return equal(summary.Cond{Kind: summary.CondEntry})
			}
			if e.k == kConst {
				n = e.a & mask
				left = [2]x86.Reg{c.Dst, c.Src}[k]
				ok = left == x86.RegNone == mem
				break
			}
			ok = false
		}
		if !ok {
			return 0, 0
		}
	default:
		return 0, 0
	}
	a, known := w.word(regs, c, left, mem, def)
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
		if t, ok := w.text(j, c); ok && symmetric && c.Size == 1 {
			return equal(t)
		}
		return 0, 0
	}
	if c.Op == x86.OpTest && c.Flags&x86.FlagImm != 0 || left == x86.RegNone || def>>uint(left)&1 != 0 {
		return 0, 0
	}
	if _, ok := Holds(in.Cond, 0, n, c.Size); !ok {
		return 0, 0
	}
	if f, ok := w.calledFor(j, left, c.Size); ok {
		g := summary.Cond{Kind: summary.CondReturn, A: f, N: n, Cmp: in.Cond, Size: c.Size}
		taken = w.cond(g)
		g.Cmp ^= 1
		return taken, w.cond(g)
	}
	if r, ok := w.argument(regs[left]); ok && c.Size == 1 {
		g := summary.Cond{Kind: summary.CondArg, A: uint64(r), N: n, Cmp: in.Cond, Size: c.Size}
		taken = w.cond(g)
		g.Cmp ^= 1
		return taken, w.cond(g)
	}
	return 0, 0
}

// argument returns the register whose value on entry x has in its low byte. Of what is not a byte
// (bool) few callers pass constants that say which way a branch goes.
func (w *worker) argument(x val) (reg int8, ok bool) {
	if x >= setBit || w.isGo {
		return 0, false
	}
	e := &w.v.elems[x]
	return e.r, e.k == kArg
}

// neverNames are functions that C and C++ headers and compilers say do not return.
// What calls of others may do is not worth a condition. That a call of one of
// these does not come back is not taken from its name: package reach looks.
var neverNames = []string{"exit", "_exit", "_Exit", "quick_exit", "abort", "__assert_fail", "__assert_perror_fail", "__assert",
	"__stack_chk_fail", "__fortify_fail", "__chk_fail", "longjmp", "_longjmp", "siglongjmp", "__longjmp_chk", "pthread_exit", "thrd_exit",
	"err", "errx", "verr", "verrx", "__cxa_throw", "__cxa_rethrow", "__cxa_bad_cast", "__cxa_throw_bad_array_new_length",
	"_Unwind_Resume", "_ZSt9terminatev", "__libc_fatal", "_dl_signal_error", "_dl_signal_exception", "_dl_fatal_printf"}

// back returns the condition under which the call in goes on behind it.
func (w *worker) back(in *x86.Inst) int32 {
	if w.chaos || w.opaque || len(w.conds) > maxConds {
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
		if !f.Exec(a) || !beginsStub(f.Bytes(a)) || !x86.Decode(f.Bytes(a), a, &in) {
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

// flags returns the comparison that the conditional jump i tests, in its own
// block, and the registers that are written between them.
func (w *worker) flags(i int32) (j int32, def uint16, ok bool) {
	for j := i - 1; j >= 0 && j > i-6 && w.instBlk[j] == w.instBlk[i]; j-- {
		switch in := &w.insts[j]; in.Op {
		case x86.OpMov, x86.OpLea, x86.OpMovzx, x86.OpMovsx, x86.OpNop:
			if in.Flags&x86.FlagMemOut != 0 {
				return 0, 0, false
			}
			def |= in.Def
		case x86.OpCmp, x86.OpTest:
			return j, def, true
		default:
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// word returns the address of the file's memory that a comparison's operand is
// read from: its memory operand, or what register r was loaded from.
func (w *worker) word(regs *[16]val, c *x86.Inst, r x86.Reg, mem bool, def uint16) (uint64, bool) {
	if !mem {
		if r == x86.RegNone || def>>uint(r)&1 != 0 || regs[r] >= setBit {
			return 0, false
		}
		e := &w.v.elems[regs[r]]
		// Where 32-bit words may be addresses, a word of 8 bytes may have been cut to its lower half.
		return e.a, e.k == kLoad && uint8(e.r) >= c.Size && !(w.wide && c.Size == 8)
	}
	if c.Flags&(x86.FlagSeg|x86.FlagAddr32) != 0 && c.Base != x86.RIP || c.Flags&x86.FlagSeg != 0 || c.Index != x86.RegNone {
		return 0, false
	}
	switch {
	case c.Base == x86.RIP:
		return uint64(c.Disp), true
	case c.Base == x86.RegNone:
		return uint64(c.Disp), w.inImage(uint64(c.Disp))
	case def>>uint(c.Base)&1 == 0 && regs[c.Base] < setBit:
		e := &w.v.elems[regs[c.Base]]
		return e.a + uint64(e.b+c.Disp), e.k == kAddr && fixed(e.b)
	}
	return 0, false
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
// instruction j, if that is known, and it is a short one that may decide by conditions.
func (w *worker) calledFor(j int32, r x86.Reg, size uint8) (uint64, bool) {
	for range 12 {
		var ok bool
		if j, ok = w.before(j); !ok {
			return 0, false
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
	var in x86.Inst
	branches := false
	end := f + 15*limit
	if d := w.f.FDEAt(f); d != nil {
		end = d.End
	}
	for n := 0; f < end; n++ {
		if n == limit || !x86.Decode(w.f.Bytes(f), f, &in) {
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

// division is the memory of divide.
type division struct {
	first, part, queue []int32
	met, root          []bool
}

// divide assigns the blocks to parts. A part is what unconditional transfers
// lead to from its first block alone. n is 1 if there is but one.
func (w *worker) divide() (part []int32, n int) {
	if len(w.conds) == 0 || w.chaos || w.opaque {
		return nil, 1
	}
	const unset = -1
	blocks := len(w.blocks) + int(w.tails)
	m := &w.division
	m.first = zeros(m.first, blocks+1) // links are in the order of the blocks that they come from
	first := m.first
	for _, l := range w.links {
		first[l.from+1]++
	}
	for b := range blocks {
		first[b+1] += first[b]
	}
	m.part = zeros(m.part, blocks)
	part = m.part
	queue := m.queue[:0]
	defer func() { m.queue = queue }()
	flow := func(follow func(l *link) bool) {
		for len(queue) > 0 {
			b := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for k := first[b]; k < first[b+1]; k++ {
				if l := &w.links[k]; follow(l) {
					queue = append(queue, l.to)
				}
			}
		}
	}
	// What no link leads to has been reached in another way: it belongs to part 0.
	m.met, m.root = zeros(m.met, blocks), zeros(m.root, blocks)
	met, root := m.met, m.root
	met[0] = true
	queue = append(queue, 0)
	flow(func(l *link) bool {
		again := met[l.to]
		met[l.to] = true
		return !again
	})
	const maxPasses = 64
	for pass := 0; ; pass++ {
		if pass == maxPasses {
			return nil, 1
		}
		for b := range part {
			part[b] = unset
		}
		for b := range blocks {
			if b == 0 || !met[b] && (b >= len(w.blocks) || w.blocks[b].in >= 0) {
				part[b] = 0
				queue = append(queue, int32(b))
			}
		}
		flow(func(l *link) bool {
			if l.cond != 0 || part[l.to] == 0 {
				return false
			}
			part[l.to] = 0
			return true
		})
		for _, l := range w.links {
			if l.cond != 0 && part[l.to] != 0 {
				root[l.to] = true
			}
		}
		n = 1
		for b := range blocks {
			if root[b] && part[b] != 0 {
				part[b] = int32(n)
				n++
				queue = append(queue, int32(b))
			}
		}
		if n == 1 || n > 1<<16-1 {
			return nil, 1
		}
		mixed := false
		flow(func(l *link) bool {
			to := part[l.to]
			switch {
			case l.cond != 0 || to == 0 || root[l.to]:
			case to == unset:
				part[l.to] = part[l.from]
				return true
			case to != part[l.from]:
				root[l.to], mixed = true, true
			}
			return false
		})
		if !mixed {
			return part, n
		}
	}
}

// finish turns what was emitted into the unit.
func (w *worker) finish() {
	u, more := &w.unit, &w.rest
	slices.SortFunc(w.sites, func(a, b siteIn) int { return cmp.Compare(a.site.PC, b.site.PC) })
	part, n := w.divide()
	if n == 1 {
		u.Refs, u.Passes, more.Kept = w.refs.all(), w.passes.all(), w.kept.all()
		for _, x := range w.sites {
			more.Sites = append(more.Sites, x.site)
		}
		w.returned(nil)
		return
	}
	d := &summary.Division{Parts: make([]summary.Part, n)}
	more.Division = d
	u.Refs = w.refs.byPart(part, n, func(p int, at uint32) { d.Parts[p].Refs = at })
	u.Passes = w.passes.byPart(part, n, func(p int, at uint32) { d.Parts[p].Passes = at })
	more.Kept = w.kept.byPart(part, n, func(p int, at uint32) { d.Parts[p].Kept = at })
	slices.SortStableFunc(w.sites, func(a, b siteIn) int { return cmp.Compare(part[a.blk], part[b.blk]) })
	for p, i := 0, 0; p < n; p++ {
		for ; i < len(w.sites) && part[w.sites[i].blk] == int32(p); i++ {
			more.Sites = append(more.Sites, w.sites[i].site)
		}
		d.Parts[p].Sites = uint32(i)
	}
	for _, t := range more.Targets {
		p := uint16(0)
		if i := w.instAt(t); i >= 0 {
			p = uint16(max(part[w.instBlk[i]], 0))
		}
		d.InPart = append(d.InPart, p)
	}
	cond := make([]uint16, len(w.conds)+1)
	w.edges.reset()
	for _, l := range w.links {
		if part[l.from] == part[l.to] || part[l.to] <= 0 {
			continue
		}
		if l.cond != 0 && cond[l.cond] == 0 {
			d.Conds = append(d.Conds, w.conds[l.cond-1])
			cond[l.cond] = uint16(len(d.Conds))
		}
		e := summary.Edge{From: uint16(part[l.from]), To: uint16(part[l.to]), Cond: cond[l.cond]}
		if w.edges.first(uint64(e.From)<<32 | uint64(e.To)<<16 | uint64(e.Cond)) {
			d.Edges = append(d.Edges, e)
		}
	}
	slices.SortStableFunc(d.Edges, func(a, b summary.Edge) int { return cmp.Compare(a.From, b.From) })
	w.returned(part)
}

// returned fills in what the unit returns, if that is not just anything.
func (w *worker) returned(part []int32) {
	u := &w.unit
	if w.chaos || w.opaque || len(w.rets) > maxConds {
		return
	}
	for _, r := range w.rets {
		p := uint16(0)
		if part != nil {
			p = uint16(max(part[r.blk], 0))
		}
		x := summary.Return{N: r.n, Part: p, Kind: r.kind}
		if p == 0 && r.kind == summary.ReturnAny {
			u.Returns = nil
			return
		}
		if !slices.Contains(u.Returns, x) {
			u.Returns = append(u.Returns, x)
		}
	}
	if len(w.rets) == 0 && len(w.rest.Gaps) == 0 {
		u.Returns = []summary.Return{{Kind: summary.ReturnNever}}
	}
}
