// Package x86 decodes x86-64 machine code in 64-bit mode into records that say
// what an instruction may read and write.
//
// # What is promised
//
// For every byte string that Decode accepts, Inst.Len is the length of the instruction,
// and three facts over-approximate what the CPU may do:
//
//   - Inst.Def holds every general-purpose register that the instruction may write, wholly or
//     in part, named by an operand or implied by the opcode;
//   - Inst.Use holds every one whose value may flow into its result;
//   - FlagMemIn, FlagMemOut, FlagMemAny, FlagImpMem and MemSize cover every access to memory
//     but that of push, pop, call, ret and leave to the stack.
//
// An instruction whose Op says more (OpMov, OpAdd and so on) does exactly what the Op's comment
// says. Everything else is OpOther, OpVec or OpVecMov, whose results are unknown but bounded by
// the three facts. An instruction that calls into something unknown (vmcall, enclu, int n,
// sysenter ...) has all registers in Def and all memory as its result.
//
// The converse does not hold: Decode accepts some encodings that a CPU rejects (a lock prefix on
// an instruction that cannot have one, reserved vvvv, W and L bits), which is harmless to an
// over-approximation. It rejects what no manual assigns, and the extensions APX, AVX10.2 and
// USER_MSR.
//
// Two points where processors differ: a near branch with an operand size prefix has a 16-bit
// displacement as AMD's processors and objdump have it, though Intel's ignore the prefix; and
// xchg %r8,%rax with a rep prefix is an exchange, not a pause.
//
// # Sources
//
// Intel 64 and IA-32 Architectures Software Developer's Manual volume 2: chapter 2 for prefixes
// (VEX 2.3, EVEX 2.7, the scaling of EVEX displacements 2.7.5), chapters 3 to 5 for the
// instructions, appendix A for the opcode maps. AMD64 Architecture Programmer's Manual volumes 3,
// 4 and 6 for 3DNow!, SSE4a, XOP, FMA4 and LWP. The facts are in opcodes.txt.
//
// # Cost
//
// Decode looks up REX, opcode, ModRM, one entry and two registers, and allocates nothing: about 130 machine
// instructions or 45 CPU cycles for an instruction, and a fifth more in code whose branches the CPU has
// not seen lately. No branch depends on the instruction but for SIB, 0f, other prefixes, and what an entry
// cannot say. The tables have 0.4 MB, of which decoding touches 64 bytes for each form that code uses. To fill
// those that are not in the program takes 0.2 ms at start.
//
// # Tests
//
// Boundaries and operands are compared with objdump over whole programs and over all opcodes, register
// facts with Go's list of Intel's instructions and with testdata/implicit.txt, and both Def and Use
// with what the processor does, one instruction at a time, in a traced process.
package x86
