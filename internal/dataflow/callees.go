package dataflow

import (
	"bytes"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// What is asked of functions that are called is answered by looking at the first of their instructions. The
// answers depend on the file alone, and are remembered (memo.go).

// Bits of worker.callees; the lower half has the registers that the callee does not write.
const (
	calleeKnown = 1 << 16
	calleeTwice = 1 << 17 // it may return twice
	calleeNever = 1 << 18 // it does not return
	calleeBack  = 1 << 19 // it comes back without a condition
)

// callee returns what is known of the function at target.
func (w *worker) callee(target uint64) uint32 {
	const never, clob = memoNever << (2 * neverDepth), memoClob | memoTwice
	c := uint32(calleeKnown)
	b := w.memo.get(target)
	if b&never != 0 && b&(never<<1) != 0 || b&never == 0 && w.noreturn(target, neverDepth) {
		c |= calleeNever
	}
	if b&memoBack != 0 {
		c |= calleeBack
	}
	if w.isGo {
		return c
	}
	if b&clob != clob {
		c |= uint32(callerSaved &^ w.clobbers(target, 0))
		if w.returnsTwice(target) {
			c |= calleeTwice
		}
		return c
	}
	c |= uint32(callerSaved &^ uint16(b>>memoClobShift))
	if b&memoTwiceValue != 0 {
		c |= calleeTwice
	}
	return c
}

// peeks is a power of two.
const peeks = 512

// peeked is an instruction that was looked at, of the file with a number.
type peeked struct {
	in   x86.Inst
	file uint32
}

// peek returns the instruction at pc, nil if there is none. It is valid until the next call. As several
// things are asked of a function one after the other, it was mostly decoded just before.
func (w *worker) peek(pc uint64) *x86.Inst {
	p := &w.peeked[pc%peeks]
	if p.in.PC != pc || p.file != w.number {
		p.file = 0
		if code := w.f.Code(pc); len(code) == 0 || !x86.Decode(code, pc, &p.in) {
			return nil
		}
		p.file = w.number
	}
	return &p.in
}

// scan is the memory of one level of a scan: where it was, and where it has to go.
type scan struct {
	base uint64
	near [32]uint64 // a bit for each address from base on
	far  index
	n    int
	todo []uint64
}

// reset begins a scan of the code at a.
func (s *scan) reset(a uint64) {
	s.base, s.near, s.n = a, [32]uint64{}, 0
	s.far.reset()
}

// first reports whether the scan was not at a yet, where it is now.
func (s *scan) first(a uint64) bool {
	if d := a - s.base; d < 64*uint64(len(s.near)) {
		bit := uint64(1) << (d & 63)
		if s.near[d/64]&bit != 0 {
			return false
		}
		s.near[d/64] |= bit
	} else if !s.far.first(a) {
		return false
	}
	s.n++
	return true
}

// noreturn reports whether code at target never comes back, however it is
// called. depth bounds how far its own calls are looked at: with 0 they all return.
// The answer depends on the file alone.
func (w *worker) noreturn(target uint64, depth int) bool {
	known, value := uint64(memoNever)<<(2*depth), uint64(memoNeverValue)<<(2*depth)
	if b := w.memo.get(target); b&known != 0 {
		return b&value != 0
	}
	t, firm := w.scanNever(target, depth)
	// What does not come back when its calls are looked at less deep does not when they are looked at deeper; so
	// what comes back does when they are looked at less deep.
	bits := uint64(0)
	for d := range neverDepth + 1 {
		switch {
		case t && d >= depth:
			bits |= (memoNever | memoNeverValue) << (2 * d)
		case !t && (d <= depth || firm):
			bits |= memoNever << (2 * d)
		}
	}
	w.memo.add(target, bits)
	return t
}

// comesBack reports whether code at target is known to come back however deep its calls are looked at.
func (w *worker) comesBack(target uint64) bool {
	return w.memo.get(target)>>(2*neverDepth)&(memoNever|memoNeverValue) == memoNever
}

// neverDepth is how deep calls are looked at when a call is decoded.
const neverDepth = 2

// lastCall follows the number of the next syscall through straight code. It starts empty.
type lastCall struct {
	nr    int64
	known bool
	set   uint64 // where it was set
}

// ends reports whether in is a syscall that does not return.
func (l *lastCall) ends(in *x86.Inst) bool {
	if in.Op == x86.OpSyscall {
		return l.known && sysno.Call{ABI: sysno.X86_64, Nr: int(l.nr)}.NoReturn()
	}
	if in.Def>>x86.RAX&1 != 0 || in.Op == x86.OpCall || in.Op == x86.OpCallInd || in.Op == x86.OpJmp {
		l.known = in.Op == x86.OpMov && in.Flags&x86.FlagImm != 0 && in.Size >= 4
		l.nr, l.set = in.Imm&0xffffffff, in.PC
	}
	return false
}

// near reports whether t, which is called at pc, looks like a place in the same function.
func (w *worker) near(pc, t uint64) bool {
	_, start := slices.BinarySearch(w.f.FuncStarts(), t)
	return !start && t-pc+64 < 128
}

// scanNever looks for a way from target back to the caller. firm: with any greater
// depth the answer would be the same.
func (w *worker) scanNever(target uint64, depth int) (never, firm bool) {
	if f, _ := w.f.FDEFrom(target); w.hasReturn(f, target) {
		return false, true
	}
	firm = true
	const limit = 600
	sc := &w.scans[depth]
	sc.reset(target)
	todo := append(sc.todo[:0], target)
	var ends []image.Range // from the number of a syscall that does not return to the syscall
	defer func() { sc.todo = todo }()
	var f *image.FDE // around pc; not fdeAt: the answer does not depend on who asks
	var around image.Range
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var nr lastCall
		for sc.first(pc) {
			in := w.peek(pc)
			if sc.n > limit || in == nil {
				return false, firm
			}
			if !around.Contains(pc) {
				around.Start = pc
				if f, around.End = w.f.FDEFrom(pc); f != nil && f.LSDA != 0 {
					return false, firm // a landing pad may return
				}
			}
			if nr.ends(in) {
				ends = append(ends, image.Range{Start: nr.set, End: pc})
				goto done
			}
			next := pc + uint64(in.Len)
			if in.Op < x86.OpCall || in.Op > x86.OpTrap {
				pc = next
				continue
			}
			switch t := uint64(in.Imm); in.Op {
			case x86.OpRet, x86.OpJmpInd:
				return false, firm
			case x86.OpTrap:
				goto done
			case x86.OpJmp:
				next = t
			case x86.OpJcc:
				// Forwards first: most functions end there. But a number is followed through straight code.
				if t > next && !nr.known {
					t, next = next, t
				}
				todo = append(todo, t)
			case x86.OpCall, x86.OpCallInd:
				if f != nil && next == f.End {
					goto done
				}
				if in.Op != x86.OpCall {
					break
				}
				if w.near(pc, t) || w.returnsTwice(t) {
					// a call inside the code: what it calls may return for all of it (retpolines)
					todo = append(todo, t)
				} else if depth > 0 && w.noreturn(t, depth-1) {
					goto done
				} else {
					firm = firm && w.comesBack(t)
				}
			}
			pc = next
		}
		// Where something jumps in behind the number, the syscall may be another one.
		ends = slices.DeleteFunc(ends, func(r image.Range) bool {
			other := pc > r.Start && pc <= r.End
			if other {
				todo = append(todo, r.End+2)
			}
			return other
		})
	done:
	}
	return true, firm
}

// hasReturn reports whether f is a function at target that has a ret, as far as that can be told without decoding it: most that come
// back do. One that never gets there is looked at as if it did.
func (w *worker) hasReturn(f *image.FDE, target uint64) bool {
	if f == nil || f.Start != target || f.End <= target {
		return false
	}
	const ret, most = 0xc3, 1 << 16 // bytes
	if last := w.f.Bytes(f.End - 1); len(last) > 0 && last[0] == ret {
		return true
	}
	code := w.f.Bytes(target)
	code = code[:min(f.End-target, uint64(len(code)), most)]
	for i := 0; ; i++ {
		n := bytes.IndexByte(code[i:], ret)
		if n < 0 {
			return false
		}
		if i += n; restores(code[:i]) || padding(code[i+1:]) {
			return true
		}
	}
}

// restores reports whether code ends in what gives a frame back, in bytes that are as good as never a part of something else.
func restores(code []byte) bool {
	if len(code) < 7 {
		return false
	}
	b := (*[7]byte)(code[len(code)-7:])
	return b[5] == 0x41 && b[6]&0xfc == 0x5c || // pop r12 to r15
		b[5] == 0x5b && b[6] == 0x5d || // pop rbx; pop rbp
		b[3] == 0x48 && b[4] == 0x83 && b[5] == 0xc4 || // add rsp, 8 bits
		b[0] == 0x48 && b[1] == 0x81 && b[2] == 0xc4 // add rsp, 32 bits
}

// padding reports whether code begins with a nop of several bytes, as compilers put between a ret and the target of a jump.
func padding(code []byte) bool {
	for len(code) > 0 && (code[0] == 0x66 || code[0] == 0x2e) {
		code = code[1:]
	}
	return len(code) > 1 && code[0] == 0x0f && code[1] == 0x1f
}

// clobDepth is how deep calls are followed for the registers that a callee writes.
const clobDepth = 2

// clobbers returns the registers that the code at target may change, all of
// the caller-saved ones if it is not a short leaf. GCC's -fipa-ra relies on it.
func (w *worker) clobbers(target uint64, depth int) uint16 {
	shift := memoClobShift + 16*depth
	if b := w.memo.get(target); b&(memoClob<<depth) != 0 {
		return uint16(b >> shift)
	}
	m := w.scanClobbers(target, depth)
	// All of them are no fewer where calls are followed less deep; and if they are not all, no call was too deep to be followed.
	bits := uint64(0)
	for d := range clobDepth + 1 {
		if m == callerSaved && d >= depth || m != callerSaved && d <= depth {
			bits |= memoClob<<d | uint64(m)<<(memoClobShift+16*d)
		}
	}
	w.memo.add(target, bits)
	return m
}

func (w *worker) scanClobbers(target uint64, depth int) uint16 {
	const limit = 600 // GCC keeps values over calls of longer ones, too (docs/gaps.md)
	var buf [64]uint64
	todo, m := append(buf[:0], target), uint16(0)
	sc := &w.clobs[depth]
	sc.reset(target)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for sc.first(pc) {
			in := w.peek(pc)
			if sc.n > limit || in == nil {
				return callerSaved
			}
			if m |= in.Def & callerSaved; m == callerSaved {
				return m
			}
			pc += uint64(in.Len)
			if in.Op < x86.OpCall || in.Op > x86.OpTrap {
				continue
			}
			switch in.Op {
			case x86.OpRet, x86.OpTrap:
				goto done
			case x86.OpCall:
				if depth == clobDepth {
					return callerSaved
				}
				if m |= w.clobbers(uint64(in.Imm), depth+1); m == callerSaved {
					return m
				}
			case x86.OpCallInd, x86.OpJmpInd:
				return callerSaved
			case x86.OpJmp:
				pc = uint64(in.Imm)
			case x86.OpJcc:
				if len(todo) == len(buf) {
					return callerSaved
				}
				todo = append(todo, uint64(in.Imm))
			}
		}
	done:
	}
	return m
}

// returnsTwice reports whether a call to target may come back a second time
// with the frame changed: setjmp, vfork, getcontext and what looks like them,
// code that keeps its own return address.
func (w *worker) returnsTwice(target uint64) bool {
	if w.isGo {
		return false // Go has no such functions; its runtime reads return addresses for other ends
	}
	if b := w.memo.get(target); b&memoTwice != 0 {
		return b&memoTwiceValue != 0
	}
	t := w.scanTwice(target)
	if t {
		w.memo.add(target, memoTwice|memoTwiceValue)
	} else {
		w.memo.add(target, memoTwice)
	}
	return t
}

// scanTwice looks at the straight code at target: does it load or pop its return
// address, or go on to a function known by name to return twice?
func (w *worker) scanTwice(target uint64) bool {
	sp := int64(0)
	pc := target
	var nr lastCall
	for range 40 {
		in := w.peek(pc)
		if in == nil || nr.ends(in) {
			return false
		}
		next := pc + uint64(in.Len)
		switch in.Op {
		case x86.OpPush:
			sp -= 8
		case x86.OpPop:
			if sp >= 0 {
				return true
			}
			sp += 8
		case x86.OpSub, x86.OpAdd:
			if in.Dst == x86.RSP && in.Flags&x86.FlagImm != 0 {
				if in.Op == x86.OpSub {
					sp -= in.Imm
				} else {
					sp += in.Imm
				}
			}
		case x86.OpMov:
			if in.Dst != x86.RegNone && in.Flags&x86.FlagMem != 0 && in.Base == x86.RSP && in.Index == x86.RegNone && sp+in.Disp == 0 {
				return true
			}
		case x86.OpJmp:
			next = uint64(in.Imm)
		case x86.OpJmpInd:
			if in.Base == x86.RIP || in.Base == x86.RegNone && in.Index == x86.RegNone {
				return w.slotReturnsTwice(uint64(in.Disp))
			}
			return false
		case x86.OpRet, x86.OpTrap, x86.OpCall, x86.OpCallInd:
			return false
		}
		pc = next
	}
	return false
}

// twiceNames are the functions that C compilers know to return twice
// (GCC, special_function_p in calls.cc; C11 7.13, POSIX vfork, getcontext).
var twiceNames = []string{"setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp", "savectx", "vfork", "__vfork", "getcontext", "swapcontext", "__getcontext", "__swapcontext"}

// ReturnsTwice reports whether what is called at an address, or through a slot, may return twice.
func (a *Analyser) ReturnsTwice(at uint64, slot bool) bool {
	if slot {
		return a.w.slotReturnsTwice(at)
	}
	return a.w.returnsTwice(at)
}

func (w *worker) slotReturnsTwice(slot uint64) bool {
	for _, r := range w.f.RelocsIn(slot, slot+8) {
		if r.Sym != 0 && slices.Contains(twiceNames, w.f.SymbolName(int(r.Sym))) {
			return true
		}
	}
	return false
}
