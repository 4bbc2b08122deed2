// Package x86 decodes x86-64 machine code in 64-bit mode into records that say
// what an instruction may read and write.
package x86

// Decode decodes the instruction at the start of code, which lies at address pc,
// into in (overwriting all of it). code may be shorter than 15 bytes only at the
// end of the readable bytes. It returns false, with in.Op == OpBad and in.Len == 1, if the bytes are
// not an instruction. It never allocates and never panics.
func Decode(code []byte, pc uint64, in *Inst) bool { in.Op = OpBad; in.Len = 1; return false }
