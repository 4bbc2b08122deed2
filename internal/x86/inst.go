package x86

// Reg is a general-purpose register number as the hardware encodes it
// (0 = rax, 1 = rcx, 2 = rdx, 3 = rbx, 4 = rsp, 5 = rbp, 6 = rsi, 7 = rdi, 8..15 = r8..r15).
type Reg int8

// The registers that the analysis names, and the two values that are no GPR.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	RIP     Reg = 24 // only as Inst.Base: Disp then holds the absolute address. The eight is what REX.B adds to a base.
	RegNone Reg = -1
)

// Op is the class of an instruction. Everything that has no class of its own is
// OpOther: its Def, Use and memory flags still say all that it may touch.
type Op uint8

// Classes. "dst" and "src" are Inst.Dst/Inst.Src; with FlagMem set, whichever of
// the two is RegNone (and not an immediate) is the memory operand; of one operand (inc, neg,
// shl ...) it is dst. A 32-bit result zero-extends into its register, even if a cmov does not move or a
// shift has count 0. OpOther, OpVec and OpVecMov set Dst to a register that the instruction writes
// and Src to one that it reads only as a help to readers: Def and Use are complete, they are not.
const (
	OpBad   Op = iota // not an instruction
	OpOther           // result unknown: clobbers Def, may write its memory operand if FlagMemOut
	OpNop             // no effect on registers and memory (nop, endbr64, prefetch, clflush, hint nops, pause, fences, monitor, fwait)
	OpMov             // dst <- src (reg, imm or mem); 32-bit form zero-extends; 8/16-bit keep the rest
	OpMovzx           // dst <- zero-extended src of SrcSize bytes
	OpMovsx           // dst <- sign-extended src of SrcSize bytes (movsx, movsxd, cbw/cwde/cdqe)
	OpLea             // dst <- effective address
	OpAdd             // dst <- dst op src (src may be an immediate)
	OpSub
	OpAnd
	OpOr
	OpXor
	OpInc
	OpDec
	OpNeg
	OpNot
	OpShl // immediate count in Imm (FlagImm) or cl
	OpShr
	OpSar
	OpImul3    // dst <- src * Imm
	OpCmp      // flags only: compares dst with src
	OpTest     // flags only: tests dst with src
	OpCmov     // dst <- src or unchanged
	OpSetcc    // dst (byte) <- 0 or 1
	OpXchg     // dst <-> src
	OpCmpxchg  // rax, dst (usually memory), src
	OpXadd     // dst <- dst+src, src <- old dst
	OpPush     // src: reg, imm or mem; none of them for pushf and push of a segment register, which push an unknown value
	OpPop      // dst: reg or mem; none of them for popf and pop of a segment register
	OpLeave    // rsp <- rbp, pop rbp
	OpCall     // direct; Imm is the absolute target
	OpCallInd  // through a register (Src) or memory
	OpJmp      // direct; Imm is the absolute target
	OpJcc      // direct conditional (jcc, loop, jrcxz, xbegin); Imm is the absolute target
	OpJmpInd   // through a register (Src) or memory; far jumps too
	OpRet      // ret, iret, far ret
	OpTrap     // ud0, ud1, ud2, int3, hlt: control does not go on (ud2/hlt in user mode)
	OpSyscall  // syscall
	OpSysenter // sysenter
	OpInt80    // int 0x80
	OpString   // movs, stos, cmps, scas, lods with or without rep
	OpVecMov   // vector load or store or gpr<->vector move without arithmetic (movups, movdqa, movq, movd, movhps ...)
	OpVec      // other x87/MMX/SSE/AVX/AVX-512
)

// Flags of an instruction.
type Flags uint16

const (
	// FlagMem: has an explicit memory operand (Base, Index, Scale, Disp). Alone, without FlagMemIn and
	// FlagMemOut, it is an address that is only computed or hinted at (lea, prefetch, nop).
	FlagMem    Flags = 1 << iota
	FlagMemIn        // reads MemSize bytes through it
	FlagMemOut       // writes MemSize bytes through it
	FlagSeg          // the memory operand is relative to fs or gs
	FlagImm          // Imm is an immediate source operand
	FlagHigh8        // a byte operand is ah, ch, dh or bh (Def/Use name the whole register)
	FlagRep          // rep/repe/repne prefix with meaning
	FlagLock         // lock prefix
	FlagAddr32       // 67h: the effective address is truncated to 32 bits
	// FlagImpMem: touches memory without an explicit operand other than the stack push/pop/call/ret
	// does (string operations, maskmovq, xlat, enter ...), or far from the operand it has (gather and
	// scatter, whose vector index is not in Index; bt %reg, mem); FlagMemIn/Out still say how.
	FlagImpMem
	FlagMemAny // writes or reads an amount not given by MemSize (fxsave, xsave*, gather, scatter, rep strings)
)

// Inst is one decoded instruction. 48 bytes, no pointers.
//
// Imm of OpMov with a 32-bit operand is zero-extended, as the CPU does it. Every other immediate
// that stands for an operand is sign-extended to 64 bits from its encoding (mov $imm64 has all of
// them), and only its low Size bytes count. The counts of OpShl, OpShr and OpSar
// are masked to 5 or 6 bits as the CPU does it. Immediates that select (pshufd, rol, enter, in,
// int, ret n ...) are zero-extended and not masked.
//
// A write of 1 or 2 bytes to a register keeps the rest of it, so such a register is in Use as well as in Def.
type Inst struct {
	PC   uint64 // address of its first byte
	Imm  int64  // immediate as above; absolute target of direct branches
	Disp int64  // displacement; the absolute address when Base == RIP; absolute (sign-extended) when Base and Index are RegNone

	// The compiler makes one store of Def to Flags, of Op to MemSize, and of Base to Cond.
	Def      uint16 // GPRs that it may write, fully or in part, explicitly or not (bit i = Reg i); rsp only if written other than by push/pop/call/ret
	Use      uint16 // GPRs whose value it may read as data, implicit ones included; not Base/Index of a memory operand or of lea
	Dst, Src Reg
	Flags    Flags

	Op          Op
	Size        uint8 // operand size in bytes: 1, 2, 4, 8 (vector: 16, 32, 64)
	SrcSize     uint8 // size in bytes of the source of movzx/movsx/movsxd
	MemSize     uint8 // bytes accessed through the memory operand or, with FlagImpMem, without one; 0 if none or if FlagMemAny
	Base, Index Reg
	Scale       uint8 // 1, 2, 4 or 8
	Cond        uint8 // low nibble of the opcode of jcc, setcc, cmovcc (0 = o, 2 = b, 3 = ae, 4 = e, 5 = ne, 6 = be, 7 = a, ...); 0xff for loop/jrcxz/xbegin
	Len         uint8 // bytes
}
