// Package relocate moves the first instructions of a function elsewhere, so that a
// jump can take their place, and the moved ones do the same as before.
//
// # What is moved
//
// Whole instructions that cover at least the bytes that the jump takes, in the order
// in which they lie. Those whose meaning depends on their address are written anew:
// operands relative to %rip, direct jumps and calls, short conditional jumps (which
// become near ones), loop and jrcxz (which jump only short, and so jump over a near
// jump). All others are copied. Behind them a jump leads to the first instruction
// that was not moved.
//
// # When that is sound
//
// The bytes that the jump takes must not be where control comes to in another way
// than from the function's first byte. Targets knows the direct jumps and calls of
// the whole image, the symbols, and the words of its data that could be such an
// address (of jump tables too); if one of them lies within the bytes, behind the
// first, the function is refused. What computes an address in another
// way (base + 4 * n into code, as hand-written assembly does) is not seen; gcc and
// clang do not make such code.
//
// A moved call leaves a return address that lies in the moved code. That matters only to who looks
// at it: unwinders, and functions that use their return address.
//
// A function that is shorter than the jump is moved whole if it ends in a jump or
// return and is followed by padding, up to the next function.
//
// What cannot be moved is refused by a Reason, of which each has a test.
//
// Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2.
package relocate

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gofind-dev/gofind/internal/x86"
)

// JumpSize is the size of the jump that takes the place of what is moved: e9 rel32.
const JumpSize = 5

// A Reason says why a function cannot be moved.
type Reason string

// The reasons.
const (
	Undecoded  Reason = "it starts with an instruction that is not known"
	Short      Reason = "it is shorter than a jump, and no padding follows"
	Target     Reason = "a jump leads into its first bytes"
	FarOperand Reason = "an operand is too far away from where it would be moved"
	Odd        Reason = "a branch with a prefix, or a transaction, is among its first instructions"
	Outside    Reason = "its bytes are not in the image"
)

func (r Reason) Error() string { return string(r) }

// Targets is where control may come to, other than by falling through.
type Targets struct {
	branches, maybe []uint64 // sorted
}

// NewTargets makes a set of the targets of direct branches and of what starts functions, and of
// values that may be an address of code, or anything else. Those count only where an
// instruction starts. It keeps the slices, and sorts them.
func NewTargets(branches, maybe []uint64) *Targets {
	slices.Sort(branches)
	slices.Sort(maybe)
	return &Targets{slices.Compact(branches), slices.Compact(maybe)}
}

// has reports whether one of sorted is in [start, end).
func has(sorted []uint64, start, end uint64) bool {
	i, _ := slices.BinarySearch(sorted, start)
	return i < len(sorted) && sorted[i] < end
}

// A Prologue is the part of a function that is to be moved.
type Prologue struct {
	Addr  uint64 // of the function
	Size  int    // bytes that are moved, at least JumpSize unless the function is shorter
	insts []inst
	ends  bool // control does not go on behind the last one
	apart bool
}

type inst struct {
	in    x86.Inst
	bytes []byte
	rel   int // offset of the displacement that is relative to %rip, 0 if there is none
}

// Cut decides what to move of the function of size bytes at addr. code has its
// bytes and at least JumpSize of those that follow, if there are any. The error is a Reason.
func Cut(code []byte, addr, size uint64, targets *Targets) (*Prologue, error) {
	p := &Prologue{Addr: addr}
	if len(code) < JumpSize || size == 0 {
		return nil, Outside
	}
	for p.Size < JumpSize && uint64(p.Size) < size {
		var in x86.Inst
		pc := addr + uint64(p.Size)
		if !x86.Decode(code[p.Size:], pc, &in) || uint64(p.Size)+uint64(in.Len) > size {
			return nil, Undecoded
		}
		bytes := code[p.Size : p.Size+int(in.Len)]
		i := inst{in: in, bytes: bytes}
		switch {
		case in.Op == x86.OpJmp || in.Op == x86.OpJcc || in.Op == x86.OpCall:
			if !plainBranch(bytes) {
				return nil, Odd
			}
		case in.Base == x86.RIP:
			if in.Flags&x86.FlagAddr32 != 0 {
				return nil, Odd
			}
			i.rel = displacement(bytes)
			if i.rel == 0 || i.rel+4 > len(bytes) ||
				int64(int32(binary.LittleEndian.Uint32(bytes[i.rel:])))+int64(pc)+int64(in.Len) != in.Disp {
				return nil, Undecoded
			}
		}
		p.insts = append(p.insts, i)
		p.Size += int(in.Len)
		p.ends = in.Op == x86.OpJmp || in.Op == x86.OpJmpInd || in.Op == x86.OpRet || in.Op == x86.OpTrap
	}
	if p.Size < JumpSize && (!p.ends || !padding(code[p.Size:JumpSize])) {
		return nil, Short
	}
	if has(targets.branches, addr+1, addr+uint64(max(p.Size, JumpSize))) {
		return nil, Target
	}
	for _, i := range p.insts[1:] {
		if has(targets.maybe, i.in.PC, i.in.PC+1) {
			return nil, Target
		}
	}
	return p, nil
}

// Resume is the address of the first instruction that is not moved.
func (p *Prologue) Resume() uint64 { return p.Addr + uint64(p.Size) }

// First returns the bytes of the first instruction, which are the same where it is moved to unless it is a branch with an address.
func (p *Prologue) First() []byte { return p.insts[0].bytes }

// Apart returns what does the same with a nop between any two instructions, so that the end of one and the start of the next are no longer beside each other.
func (p *Prologue) Apart() *Prologue {
	t := *p
	t.apart = true
	return &t
}

// Tail returns what follows the first instruction. It goes on where p does.
func (p *Prologue) Tail() *Prologue {
	t := *p
	t.insts = p.insts[1:]
	t.ends = p.ends && len(t.insts) > 0
	return &t
}

// AppendTo appends the moved instructions to code, of which the first byte that is
// appended will lie at address at. The error is FarOperand.
func (p *Prologue) AppendTo(code []byte, at uint64) ([]byte, error) {
	start := len(code)
	pc := func() uint64 { return at + uint64(len(code)-start) }
	near := func(to uint64, opcode ...byte) error {
		code = append(code, opcode...)
		d := int64(to - (pc() + 4))
		if d != int64(int32(d)) {
			return FarOperand
		}
		code = binary.LittleEndian.AppendUint32(code, uint32(d))
		return nil
	}
	for k, i := range p.insts {
		if p.apart && k > 0 {
			code = append(code, 0x90)
		}
		var err error
		to := uint64(i.in.Imm)
		switch {
		case i.in.Op == x86.OpJmp:
			err = near(to, 0xe9)
		case i.in.Op == x86.OpCall:
			err = near(to, 0xe8)
		case i.in.Op == x86.OpJcc && i.in.Cond < 16:
			err = near(to, 0x0f, 0x80|i.in.Cond)
		case i.in.Op == x86.OpJcc:
			// loop or jrcxz, with its prefix: to the near jump, or over it.
			code = append(code, i.bytes[:len(i.bytes)-1]...)
			code = append(code, 2, 0xeb, 5)
			err = near(to, 0xe9)
		case i.rel != 0:
			d := i.in.Disp - int64(pc()) - int64(len(i.bytes))
			if d < math.MinInt32 || d > math.MaxInt32 {
				return nil, FarOperand
			}
			code = append(code, i.bytes...)
			binary.LittleEndian.PutUint32(code[len(code)-len(i.bytes)+i.rel:], uint32(d))
		default:
			code = append(code, i.bytes...)
		}
		if err != nil {
			return nil, err
		}
	}
	if !p.ends {
		if p.apart {
			code = append(code, 0x90)
		}
		if err := near(p.Resume(), 0xe9); err != nil {
			return nil, err
		}
	}
	return code, nil
}

// plainBranch reports whether a direct branch has no prefix that changes its operand
// size, and is no xbegin. Hints (2e, 3e), bnd (f2) and REX have no effect here.
func plainBranch(b []byte) bool {
	for len(b) > 0 && (b[0] == 0x2e || b[0] == 0x3e || b[0] == 0xf2 || b[0]&0xf0 == 0x40 ||
		b[0] == 0x67 && len(b) > 1 && b[1]&0xfc == 0xe0) {
		b = b[1:]
	}
	switch {
	case len(b) == 2:
		return b[0]&0xf0 == 0x70 || b[0]&0xfc == 0xe0 || b[0] == 0xeb
	case len(b) == 5:
		return b[0] == 0xe8 || b[0] == 0xe9
	}
	return len(b) == 6 && b[0] == 0x0f && b[1]&0xf0 == 0x80
}

// displacement returns where the 32-bit displacement of an instruction lies that has
// a ModRM byte with mod 0 and rm 5, 0 if it has none.
func displacement(b []byte) int {
	i := 0
	for i < len(b) && slices.Contains([]byte{0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65}, b[i]) {
		i++
	}
	if i < len(b) && b[i]&0xf0 == 0x40 {
		i++
	}
	at := func(j int) byte {
		if i+j < len(b) {
			return b[i+j]
		}
		return 0
	}
	switch {
	case at(0) == 0xc5: // VEX, 2 bytes, and the opcode
		i += 3
	case at(0) == 0xc4 || at(0) == 0x8f && at(1)&0x1f >= 8: // VEX, 3 bytes; XOP
		i += 4
	case at(0) == 0x62: // EVEX
		i += 5
	case at(0) == 0x0f && (at(1) == 0x38 || at(1) == 0x3a):
		i += 3
	case at(0) == 0x0f:
		i += 2
	default:
		i++
	}
	if at(0)&0xc7 != 5 || i >= len(b) {
		return 0
	}
	return i + 1
}

// padding reports whether b has only what compilers and linkers put between functions: nops of
// any length, int3, zeros. The last nop may be cut.
func padding(b []byte) bool {
	nops := []string{"\x90", "\xcc", "\x00", "\x66\x90", "\x0f\x1f\x00", "\x0f\x1f\x40\x00", "\x0f\x1f\x44\x00\x00"}
	for len(b) > 0 {
		if b[0] == 0x66 || b[0] == 0x2e {
			b = b[1:]
			continue
		}
		n := 0
		for _, nop := range nops {
			k := min(len(nop), len(b))
			if string(b[:k]) == nop[:k] {
				n = k
			}
		}
		if n == 0 && len(b) >= 2 && b[0] == 0x0f && b[1] == 0x1f {
			n = len(b) // a longer form, which ends behind
		}
		if n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// Describe says which instructions are moved, for errors and debugging.
func (p *Prologue) Describe() string {
	return fmt.Sprintf("%d instructions in %d bytes at %#x", len(p.insts), p.Size, p.Addr)
}
