package pku

import "github.com/gofind-dev/gofind/internal/x86"

// OwnFirst and OwnOther stand for the compartment that the function was called in, if it is the first, or another.
const (
	OwnFirst = 31
	OwnOther = 30
)

// Layout is what there is to know of an image with memory keys.
type Layout struct {
	N       int                    // compartments
	First   int                    // the one in which the image starts, which has the memory that no other has
	Stack   Stack                  // of interrupts
	Private func(addr uint64) bool // whether memory is that of the first one alone
}

// Stack is where the stack of interrupts lies: a gate there is only a call.
type Stack struct{ Start, End uint64 }

// Branches returns, for each target of the direct calls and jumps of a function at addr, in which of n compartments they are made, as a mask: bit k for
// compartment k, into which a gate led, and bits OwnFirst and OwnOther. It is 0 for a target that is called on the stack of interrupts alone, where all keys are
// open and PKRU is no compartment's. Target 0 stands for calls and jumps through pointers. nil means that the function was not understood.
//
// What is followed is the set of compartments that PKRU can have the value of at each instruction. A wrpkru that is no gate leaves any, and so does what an
// indirect jump may lead to; both are taken for the function's own and all that it has gates into. An instruction that reads or writes memory of the first compartment at a
// fixed address faults in any other one.
func Branches(code []byte, addr uint64, l *Layout) map[uint64]uint32 {
	n, stack := l.N, l.Stack
	var insts []x86.Inst
	at := map[uint64]int{} // address to index
	for off := 0; off < len(code); {
		var in x86.Inst
		if !x86.Decode(code[off:], addr+uint64(off), &in) {
			return nil
		}
		at[in.PC] = len(insts)
		insts = append(insts, in)
		off += int(in.Len)
	}
	into := map[uint64]bool{} // targets within
	for i := range insts {
		if op := insts[i].Op; op == x86.OpJmp || op == x86.OpJcc {
			into[uint64(insts[i].Imm)] = true
		}
	}
	sets := map[int]uint32{} // by the jump behind a gate's comparison: what goes on there
	any := uint32(1)<<OwnFirst | 1<<OwnOther
	for i := range insts {
		off := int(insts[i].PC - addr)
		if Match(code[off:]) != "wrpkru" {
			continue
		}
		if to, next, ok := Gate(code, addr, off, n); ok {
			any |= 1 << to
			if j, ok := at[addr+uint64(next)]; ok && j > 0 && insts[j-1].Op == x86.OpJcc {
				sets[j-1] = 1 << to
			}
		}
	}
	// flow finds what each instruction can be reached in: with all that ends a way, or with none of it.
	flow := func(ends bool, out map[uint64]uint32) []uint32 {
		state := make([]uint32, len(insts))
		var queue []int
		join := func(i int, s uint32) {
			if i < len(insts) && state[i]|s != state[i] {
				state[i] |= s
				queue = append(queue, i)
			}
		}
		join(0, 1<<OwnFirst|1<<OwnOther)
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			in, s := &insts[i], state[i]
			if ends && in.Flags&(x86.FlagMemIn|x86.FlagMemOut) != 0 && in.Flags&(x86.FlagMem|x86.FlagSeg) == x86.FlagMem && in.Index == x86.RegNone &&
				(in.Base == x86.RIP || in.Base == x86.RegNone) && l.Private(uint64(in.Disp)) {
				s &= 1<<OwnFirst | 1<<l.First
			}
			if s == 0 {
				continue
			}
			to := uint64(in.Imm)
			switch in.Op {
			case x86.OpCall:
				out[to] |= s
				join(i+1, s)
			case x86.OpJmp, x86.OpJcc:
				taken, not := true, in.Op == x86.OpJcc
				if ends && in.Op == x86.OpJcc && onStack(insts, i, into, stack) {
					taken, not = in.Cond != 6, in.Cond == 6
				}
				if j, ok := at[to]; !ok {
					out[to] |= s
				} else if taken {
					join(j, s)
				}
				if set, ok := sets[i]; ok {
					join(i+1, set)
				} else if not {
					join(i+1, s)
				}
			case x86.OpCallInd:
				out[0] |= s
				join(i+1, s)
			case x86.OpJmpInd:
				out[0] |= any
				for j := range insts {
					join(j, any)
				}
			case x86.OpRet, x86.OpTrap:
			default:
				if Match(code[in.PC-addr:]) == "wrpkru" {
					s |= any // until a gate's comparison follows
				}
				join(i+1, s)
			}
		}
		return state
	}
	out := map[uint64]uint32{}
	flow(true, out)
	reached := flow(false, map[uint64]uint32{})
	for i := range insts {
		mask := uint32(0)
		if reached[i] == 0 {
			mask = any // by a way that is not seen, as landing pads are
		}
		switch op := insts[i].Op; op {
		case x86.OpCall, x86.OpJmp, x86.OpJcc:
			if _, inside := at[uint64(insts[i].Imm)]; !inside || op == x86.OpCall {
				out[uint64(insts[i].Imm)] |= mask
			}
		case x86.OpCallInd, x86.OpJmpInd:
			if mask != 0 {
				out[0] |= mask
			}
		}
	}
	return out
}

// onStack reports whether the conditional jump at i is the second of a gate's two tests whether %rsp lies within the stack of interrupts, of which the
// first is right before it, and leads elsewhere if it lies below:
//
//	mov %rsp, %rax; cmp $start, %rax; jb 1f; mov %rsp, %rax; cmp $end, %rax; jbe (it is there)
func onStack(insts []x86.Inst, i int, into map[uint64]bool, stack Stack) bool {
	if i < 5 || stack.End == 0 || stack.End != uint64(insts[i-1].Imm) && stack.End-1 != uint64(insts[i-1].Imm) || insts[i].Cond != 6 && insts[i].Cond != 7 {
		return false
	}
	for j := i - 4; j <= i; j++ {
		if into[insts[j].PC] {
			return false
		}
	}
	test := func(j int) bool {
		move, cmp := &insts[j], &insts[j+1]
		return move.Op == x86.OpMov && move.Src == x86.RSP && move.Size == 8 && move.Flags == 0 && move.Dst != x86.RegNone &&
			cmp.Op == x86.OpCmp && cmp.Dst == move.Dst && cmp.Size == 8 && cmp.Flags == x86.FlagImm
	}
	first := &insts[i-3]
	below := first.Cond == 2 && uint64(insts[i-4].Imm) == stack.Start || first.Cond == 6 && uint64(insts[i-4].Imm) == stack.Start-1
	return test(i-5) && test(i-2) && first.Op == x86.OpJcc && below && uint64(first.Imm) != insts[i-2].PC
}
