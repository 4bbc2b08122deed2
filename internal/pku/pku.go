// Package pku knows what memory keys (Intel SDM volume 3, 4.6.2) look like in machine code: the bytes that change them, and the gates with which FlexOS
// changes from one compartment to another.
//
// FlexOS (lib/flexos-core/include/flexos/impl/intelpku*.h) numbers compartments; number n has key n, and PKRU has one value in it, which closes all keys but that
// one and the last, which all share. A gate is inlined where code of one compartment calls a function of another:
//
//	1:	mov $VALUE, %rax; xor %rcx, %rcx; xor %rdx, %rdx; wrpkru; lfence; cmp $VALUE, %rax; jne 1b
//		(the other stack)
//		call FUNCTION
//	2:	(the same with the caller's value, and the caller's stack)
//
// So who jumps to its wrpkru comes into the compartment of the gate, whatever value it brings, as who calls the gate does. On the stack of interrupts a gate is
// only a call: a test of %rsp is before it, and a second call of FUNCTION.
package pku

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/x86"
)

// Keys that no compartment has for itself.
const (
	Shared = 15
	Tag    = 14 // FlexOS gives it to nobody
)

const all = 0x3fffffff

// Value is the value of PKRU in compartment n.
func Value(n int) uint32 { return all &^ (3 << (2 * n)) }

// Values are those of n compartments.
func Values(n int) (values []uint32) {
	for i := range n {
		values = append(values, Value(i))
	}
	return values
}

// Match returns what changes keys and starts with the bytes b, "" if nothing does: wrpkru, xrstor and xrstors, and moves to the registers that
// turn keys, page tables and write protection on and off (Intel SDM volume 2). All have three bytes, and some go on.
func Match(b []byte) string {
	if len(b) < 3 || b[0] != 0x0f {
		return ""
	}
	switch mod, reg := b[2]>>6, b[2]>>3&7; {
	case b[1] == 0x01 && b[2] == 0xef:
		return "wrpkru"
	case b[1] == 0xae && reg == 5 && mod != 3:
		return "xrstor"
	case b[1] == 0xc7 && reg == 3 && mod != 3:
		return "xrstors"
	case b[1] == 0x22 && (reg == 0 || reg == 3 || reg == 4):
		return fmt.Sprintf("mov to cr%d", reg)
	}
	return ""
}

// Gate reports whether the wrpkru at offset at of code is that of a gate into one of n compartments, and which: behind it, %eax is compared
// with the compartment's value, and if it is another, either the value is set once more or the processor stops. addr is the address of code. next is the offset of what
// follows.
func Gate(code []byte, addr uint64, at, n int) (to, next int, ok bool) {
	b := code[at+3:]
	if len(b) >= 3 && b[0] == 0x0f && b[1] == 0xae && b[2] == 0xe8 { // lfence
		b = b[3:]
	}
	if len(b) > 0 && b[0] == 0x48 {
		b = b[1:]
	}
	if len(b) < 5 || b[0] != 0x3d { // cmp $value, %eax or %rax
		return 0, 0, false
	}
	value := binary.LittleEndian.Uint32(b[1:])
	if to = slices.Index(Values(n), value); to < 0 {
		return 0, 0, false
	}
	next = len(code) - len(b) + 5
	var in x86.Inst
	if !x86.Decode(code[next:], addr+uint64(next), &in) || in.Op != x86.OpJcc || in.Cond != 5 {
		return 0, 0, false
	}
	target := int64(in.Imm) - int64(addr)
	next += int(in.Len)
	if target < 0 || target >= int64(len(code)) {
		return 0, 0, false
	}
	return to, next, sets(code, addr, int(target), at, value) || stops(code[target:])
}

// sets reports whether code from from to the wrpkru at at sets %eax to value, and does nothing else.
func sets(code []byte, addr uint64, from, at int, value uint32) bool {
	set := false
	var in x86.Inst
	for from < at {
		if !x86.Decode(code[from:], addr+uint64(from), &in) {
			return false
		}
		switch {
		case in.Op == x86.OpMov && in.Dst == x86.RAX && in.Flags == x86.FlagImm && in.Size >= 4:
			set = uint32(in.Imm) == value
		case in.Op == x86.OpXor && in.Dst == in.Src && (in.Dst == x86.RCX || in.Dst == x86.RDX) && in.Flags == 0:
		default:
			return false
		}
		from += int(in.Len)
	}
	return set && from == at
}

// stops reports whether code starts with what ends the image: ud2, or that behind a cli.
func stops(b []byte) bool {
	if len(b) > 0 && b[0] == 0xfa {
		b = b[1:]
	}
	return len(b) >= 2 && b[0] == 0x0f && b[1] == 0x0b
}
