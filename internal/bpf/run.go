package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// Data is struct seccomp_data: what a filter sees of a call.
type Data struct {
	Number uint32
	Arch   uint32
	IP     uint64
	Args   [6]uint64
}

// word returns the 32 bits at an offset. The kernel keeps the struct in its own
// byte order, which is little-endian here.
func (d *Data) word(off uint32) uint32 {
	var v uint64
	switch {
	case off < 8:
		v = uint64(d.Arch)<<32 | uint64(d.Number)
	case off < offArgs:
		v = d.IP
	default:
		v = d.Args[(off-offArgs)/8]
	}
	return uint32(v >> (off % 8 * 8))
}

// ErrInvalid says that a program is none that seccomp takes.
var ErrInvalid = errors.New("no valid seccomp filter")

// Parse reads a program as the kernel takes it: an array of struct sock_filter, little-endian.
// It checks what bpf_check_classic and seccomp_check_filter check (net/core/filter.c,
// kernel/seccomp.c), so that Run can follow every program that Parse returns. An error is ErrInvalid.
func Parse(raw []byte) (*Filter, error) {
	if len(raw)%8 != 0 {
		return nil, fmt.Errorf("%w: %d bytes are not a whole number of instructions", ErrInvalid, len(raw))
	}
	f := &Filter{Instructions: make([]bpf.RawInstruction, 0, min(len(raw)/8, MaxInstructions+1))}
	for i := 0; i < len(raw) && i <= MaxInstructions*8; i += 8 {
		f.Instructions = append(f.Instructions, bpf.RawInstruction{
			Op: binary.LittleEndian.Uint16(raw[i:]),
			Jt: raw[i+2],
			Jf: raw[i+3],
			K:  binary.LittleEndian.Uint32(raw[i+4:]),
		})
	}
	return f, f.check()
}

// Bytes returns the program as the kernel takes it. Parse reads it.
func (f *Filter) Bytes() []byte {
	out := make([]byte, 0, 8*len(f.Instructions))
	for _, ins := range f.Instructions {
		out = binary.LittleEndian.AppendUint16(out, ins.Op)
		out = append(out, ins.Jt, ins.Jf)
		out = binary.LittleEndian.AppendUint32(out, ins.K)
	}
	return out
}

// The further parts of opcodes that programs of others use.
const (
	classLd   = 0x00
	classLdx  = 0x01
	classSt   = 0x02
	classStx  = 0x03
	classAlu  = 0x04
	classJmp  = 0x05
	classRet  = 0x06
	classMisc = 0x07

	modeImm = 0x00
	modeMem = 0x60
	modeLen = 0x80

	memWords = 16 // BPF_MEMWORDS
)

func (f *Filter) check() error {
	n := len(f.Instructions)
	if n == 0 || n > MaxInstructions {
		return fmt.Errorf("%w: %d instructions, 1 to %d are possible", ErrInvalid, n, MaxInstructions)
	}
	for i, ins := range f.Instructions {
		bad := func(what string) error {
			return fmt.Errorf("%w: instruction %d: %s", ErrInvalid, i, what)
		}
		left := uint32(n - i - 1) // how many follow
		switch ins.Op {
		case opLoad:
			if ins.K >= dataSize || ins.K%4 != 0 {
				return bad(fmt.Sprintf("loads from offset %d", ins.K))
			}
		case classLd | modeLen, classLdx | modeLen, // both as in seccomp_check_filter, which makes them constants
			classLd | modeImm, classLdx | modeImm,
			classMisc, classMisc | 0x80, // TAX, TXA
			classRet, classRet | 0x10:
		case classLd | modeMem, classLdx | modeMem, classSt, classStx:
			if ins.K >= memWords {
				return bad(fmt.Sprintf("scratch word %d", ins.K))
			}
		case opJA:
			if ins.K >= left {
				return bad("jumps out of the program")
			}
		case classJmp | 0x10, classJmp | 0x18, classJmp | 0x20, classJmp | 0x28,
			classJmp | 0x30, classJmp | 0x38, classJmp | 0x40, classJmp | 0x48:
			if uint32(ins.Jt) >= left || uint32(ins.Jf) >= left {
				return bad("jumps out of the program")
			}
		case classAlu | 0x00, classAlu | 0x08, classAlu | 0x10, classAlu | 0x18, classAlu | 0x20, classAlu | 0x28,
			classAlu | 0x38, classAlu | 0x40, classAlu | 0x48, classAlu | 0x50, classAlu | 0x58,
			classAlu | 0x68, classAlu | 0x78, classAlu | 0x80, classAlu | 0xa0, classAlu | 0xa8:
		case classAlu | 0x30: // division by a constant
			if ins.K == 0 {
				return bad("divides by 0")
			}
		case classAlu | 0x60, classAlu | 0x70: // shifts by a constant
			if ins.K >= 32 {
				return bad(fmt.Sprintf("shifts by %d", ins.K))
			}
		default:
			return bad(fmt.Sprintf("opcode %#x", ins.Op))
		}
	}
	if op := f.Instructions[n-1].Op; op != opRet && op != classRet|0x10 {
		return fmt.Errorf("%w: it does not end with a ret", ErrInvalid)
	}
	return nil
}

// Run returns what the filter says of a call, and how many instructions it took.
// The filter comes from Compile, Naive or Parse.
func (f *Filter) Run(d *Data) (policy.Action, int) {
	var a, x uint32
	var mem [memWords]uint32
	for pc, steps := 0, 1; ; pc, steps = pc+1, steps+1 {
		ins := f.Instructions[pc]
		operand := ins.K
		if c := ins.Op & 7; (c == classAlu || c == classJmp) && ins.Op&8 != 0 {
			operand = x
		}
		jump := func(yes bool) {
			if yes {
				pc += int(ins.Jt)
			} else {
				pc += int(ins.Jf)
			}
		}
		switch ins.Op &^ 8 {
		case opLoad:
			a = d.word(ins.K)
		case classLd | modeLen:
			a = dataSize
		case classLd | modeImm:
			a = ins.K
		case classLd | modeMem:
			a = mem[ins.K]
		case classLdx | modeLen:
			x = dataSize
		case classLdx | modeImm:
			x = ins.K
		case classLdx | modeMem:
			x = mem[ins.K]
		case classSt:
			mem[ins.K] = a
		case classStx:
			mem[ins.K] = x
		case classMisc:
			x = a
		case classMisc | 0x80:
			a = x
		case opRet:
			return policy.Action(ins.K), steps
		case classRet | 0x10:
			return policy.Action(a), steps
		case opJA:
			pc += int(ins.K)
		case classJmp | 0x10:
			jump(a == operand)
		case classJmp | 0x20:
			jump(a > operand)
		case classJmp | 0x30:
			jump(a >= operand)
		case classJmp | 0x40:
			jump(a&operand != 0)
		case classAlu | 0x00:
			a += operand
		case classAlu | 0x10:
			a -= operand
		case classAlu | 0x20:
			a *= operand
		case classAlu | 0x30:
			if operand == 0 {
				return policy.KillThread, steps // as the kernel's converted program: it returns 0
			}
			a /= operand
		case classAlu | 0x40:
			a |= operand
		case classAlu | 0x50:
			a &= operand
		case classAlu | 0x60:
			a <<= operand & 31
		case classAlu | 0x70:
			a >>= operand & 31
		case classAlu | 0x80:
			a = -a
		case classAlu | 0xa0:
			a ^= operand
		}
	}
}

// Constant reports whether the kernel allows a call without running the filter: it decides
// by the architecture and the number alone, with instructions that
// seccomp_is_const_allow (kernel/seccomp.c) follows.
func (f *Filter) Constant(arch, number uint32) bool {
	var a uint32
	for pc := 0; ; pc++ {
		ins := f.Instructions[pc]
		var yes bool
		switch ins.Op {
		case opLoad:
			switch ins.K {
			case offNumber:
				a = number
			case offArch:
				a = arch
			default:
				return false
			}
			continue
		case opRet:
			return policy.Action(ins.K) == policy.Allow
		case opJA:
			pc += int(ins.K)
			continue
		case opAnd:
			a &= ins.K
			continue
		case opJEq:
			yes = a == ins.K
		case opJGe:
			yes = a >= ins.K
		case classJmp | 0x20:
			yes = a > ins.K
		case classJmp | 0x40:
			yes = a&ins.K != 0
		default:
			return false
		}
		if yes {
			pc += int(ins.Jt)
		} else {
			pc += int(ins.Jf)
		}
	}
}

// Cost is what a filter costs the calls that its policy allows.
type Cost struct {
	Instructions int     // of the program
	Mean         float64 // instructions that run for a call, each call counting once
	Max          int     // for the most expensive one
	Calls        int     // that the policy allows, with some arguments
	Constant     int     // of these: the kernel does not run the filter for them
}

// Cost returns what the filter of a policy costs. A call with tests counts with
// arguments that pass the first clause which allows it.
func (f *Filter) Cost(p *policy.Policy) Cost {
	c := Cost{Instructions: len(f.Instructions)}
	sum := 0
	for _, r := range p.Rules {
		if !r.Allows() {
			continue
		}
		d := Data{Number: uint32(r.Call.Nr), Arch: policy.ArchX86_64}
		switch r.Call.ABI {
		case sysno.I386:
			d.Arch = policy.ArchI386
		case sysno.X32:
			d.Number |= sysno.X32Bit
		}
		d.Args = passing(&r)
		_, n := f.Run(&d)
		sum += n
		c.Max = max(c.Max, n)
		c.Calls++
		if f.Constant(d.Arch, d.Number) {
			c.Constant++
		}
	}
	if c.Calls > 0 {
		c.Mean = float64(sum) / float64(c.Calls)
	}
	return c
}

// passing returns arguments that meet the tests of the first clause that allows the call.
func passing(r *policy.Rule) (args [6]uint64) {
	for _, c := range r.Clauses {
		if !c.Action.Passes() {
			continue
		}
		for _, t := range c.Tests {
			switch v := t.Values[0]; t.Op {
			case policy.Ne, policy.Gt:
				args[t.Arg] = v + 1
			case policy.Lt:
				args[t.Arg] = v - 1
			default:
				args[t.Arg] = v
			}
		}
		return args
	}
	return args
}
