package x86

import (
	"fmt"
	"strings"
)

var regNames = [...]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// String returns the 64-bit name of the register, or "none".
func (r Reg) String() string {
	if r >= 0 && int(r) < len(regNames) {
		return regNames[r]
	}
	switch r {
	case RIP:
		return "rip"
	case RegNone:
		return "none"
	}
	return fmt.Sprintf("Reg(%d)", int8(r))
}

var opNames = [...]string{
	OpBad: "bad", OpOther: "other", OpNop: "nop", OpMov: "mov", OpMovzx: "movzx", OpMovsx: "movsx",
	OpLea: "lea", OpAdd: "add", OpSub: "sub", OpAnd: "and", OpOr: "or", OpXor: "xor", OpInc: "inc",
	OpDec: "dec", OpNeg: "neg", OpNot: "not", OpShl: "shl", OpShr: "shr", OpSar: "sar",
	OpImul3: "imul3", OpCmp: "cmp", OpTest: "test", OpCmov: "cmov", OpSetcc: "setcc",
	OpXchg: "xchg", OpCmpxchg: "cmpxchg", OpXadd: "xadd", OpPush: "push", OpPop: "pop",
	OpLeave: "leave", OpCall: "call", OpCallInd: "callind", OpJmp: "jmp", OpJcc: "jcc",
	OpJmpInd: "jmpind", OpRet: "ret", OpTrap: "trap", OpSyscall: "syscall",
	OpSysenter: "sysenter", OpInt80: "int80", OpString: "string", OpVecMov: "vecmov", OpVec: "vec",
}

// String returns the name of the class in lower case, without "Op".
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

var flagNames = [...]string{"mem", "in", "out", "seg", "imm", "high8", "rep", "lock", "addr32", "imp", "any"}

// String returns the names of the flags, joined by "+".
func (f Flags) String() string {
	var s []string
	for i, n := range flagNames {
		if f>>i&1 != 0 {
			s = append(s, n)
		}
	}
	return strings.Join(s, "+")
}

// regSet prints a mask of registers.
func regSet(m uint16) string {
	var s []string
	for r := RAX; r <= R15; r++ {
		if m>>r&1 != 0 {
			s = append(s, r.String())
		}
	}
	return strings.Join(s, ",")
}

// String shows all that is known of the instruction, for debugging.
func (in *Inst) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%x+%d %v", in.PC, in.Len, in.Op)
	if in.Size != 0 {
		fmt.Fprintf(&b, ".%d", in.Size)
	}
	if in.SrcSize != 0 {
		fmt.Fprintf(&b, "<-%d", in.SrcSize)
	}
	if in.Dst != RegNone {
		fmt.Fprintf(&b, " dst=%v", in.Dst)
	}
	if in.Src != RegNone {
		fmt.Fprintf(&b, " src=%v", in.Src)
	}
	switch {
	case in.Flags&FlagImm != 0:
		fmt.Fprintf(&b, " imm=%#x", in.Imm)
	case in.Op == OpCall || in.Op == OpJmp || in.Op == OpJcc:
		fmt.Fprintf(&b, " to=%x", uint64(in.Imm))
	}
	if in.Op == OpJcc || in.Op == OpSetcc || in.Op == OpCmov {
		fmt.Fprintf(&b, " cond=%x", in.Cond)
	}
	if in.Flags&FlagMem != 0 {
		b.WriteString(" [")
		if in.Base != RegNone {
			fmt.Fprintf(&b, "%v:", in.Base)
		}
		if in.Index != RegNone {
			fmt.Fprintf(&b, "%v*%d:", in.Index, in.Scale)
		}
		fmt.Fprintf(&b, "%#x]", in.Disp)
	}
	if in.MemSize != 0 {
		fmt.Fprintf(&b, " msize=%d", in.MemSize)
	}
	fmt.Fprintf(&b, " def=%s use=%s %v", regSet(in.Def), regSet(in.Use), in.Flags)
	return b.String()
}
