package x86

import "encoding/binary"

//go:generate go run gen.go

// entry says what one form of an instruction does. It is complete but for the numbers
// that the instruction's own bytes give: registers, sizes, immediate.
type entry struct {
	flags                        Flags
	def, use                     uint16 // implicit registers
	defReg, defRm, useReg, useRm uint16 // all ones if the instruction writes or reads ModRM.reg, ModRM.rm
	op                           Op
	kinds                        uint8    // for VEX and EVEX: index of kindTab
	size                         [4]sizes // for operands of 2, 4, 8 bytes
	dst, src                     uint8    // Inst.Dst and Inst.Src: 8 times 0 for none, 1 for ModRM.reg, 2 for ModRM.rm, 3 for vvvv (rax without VEX)
	bytes                        uint8
	vv                           uint8
	special                      uint8
	cond                         uint8 // the opcode bits that Inst.Cond takes
}

const selVv = 3 * 8 // of entry.dst and entry.src

// Bits of entry.bytes: the operand is a byte register.
const (
	byteReg = 1 << iota
	byteRm
)

// Bits of entry.vv.
const (
	vvRead  = 1 << iota // vvvv is a general-purpose register that is read
	vvWrite             // or written
	vvHalf              // EVEX broadcasts elements of two bytes
	vvBcast             // EVEX can broadcast
)

// What an entry cannot say.
const (
	spNone  = iota
	spRel   // the immediate is relative to the next instruction
	spRep   // a rep prefix repeats it
	spShift // the CPU masks the count
	spOne   // the immediate is 1
	spCl    // the source is cl
	spInt   // the immediate tells system call, breakpoint and fault apart
	spLoop  // spRel, on a condition that is no flag
	spVsib  // the index is a vector
	spNop90 // 90h without REX.B
	spMoffs // the immediate is an address
	sp3dnow // the immediate is the opcode
	spCwd   // it keeps the rest of rdx if the operand has 16 bits
)

// sizes are those of an entry for one operand size and vector length.
type sizes struct {
	size uint8 // bytes of the operand
	mem  uint8 // of memory
	src  uint8 // of the source of a widening move; for EVEX: of the unit of the displacement, if not that of memory
	imm  int8  // of the immediate; negative if it is zero-extended
}

// Nodes and rows. A node is an entry or, with one of its two high bits set, chooses among the nodes
// at an offset in sub. A row is such an offset for an opcode: first memory form, then register form,
// and in all but the one-byte map so for each of the mandatory prefixes.
const (
	nodeExt = 1 << 14 // by ModRM.reg
	nodeRm  = 2 << 14 // by ModRM.rm
	nodeW   = 3 << 14 // by operand size
	nodeAt  = 1<<12 - 1

	rowModRM = 1 << 15 // a ModRM byte follows
	rowRare  = 1 << 14 // prefixes has to be asked
	rowImm   = 12      // shift of two bits: no immediate, one byte, up to four bytes, see the entry
)

// Fields of the word that gathers what prefixes say and few instructions ask for. The low 16 bits
// are Flags.
const (
	hdrZ     = 16 // vector length (two bits) and operand size (two bits)
	hdrOsz   = 18
	hdrVv    = 20      // vvvv
	hdrRex   = 1 << 24 // a REX prefix or its like: no ah..bh
	hdrRep   = 1 << 25
	hdrEvex  = 1 << 26
	hdrBcast = 1 << 27 // EVEX.b
	hdrScale = 1 << 28 // EVEX scales a displacement
	hdrRegs  = 1 << 29 // ModRM.mod does not count
	hdrVex   = 1 << 30 // VEX or XOP
)

// ops3dnow are the last bytes of the 3DNow! instructions.
var ops3dnow = [256]bool{
	0x0c: true, 0x0d: true, 0x1c: true, 0x1d: true, 0x8a: true, 0x8e: true, 0x90: true, 0x94: true,
	0x96: true, 0x97: true, 0x9a: true, 0x9e: true, 0xa0: true, 0xa4: true, 0xa6: true, 0xa7: true,
	0xaa: true, 0xae: true, 0xb0: true, 0xb4: true, 0xb6: true, 0xb7: true, 0xbb: true, 0xbf: true,
}

// maxLen is the longest instruction that the CPU accepts. window is what the decoder may look at:
// 14 prefixes, the longest remainder, and what it loads in excess.
const (
	maxLen = 15
	window = 40
)

// Decode decodes the instruction at the start of code, which lies at address pc,
// into in (overwriting all of it). code may be shorter than 15 bytes only at the
// end of the readable bytes. It returns false, with in.Op == OpBad and in.Len == 1, if the bytes are
// not an instruction. It never allocates and never panics. It is fastest if code goes on for 40 bytes,
// so pass all that follows the instruction.
func Decode(code []byte, pc uint64, in *Inst) bool {
	if len(code) < window {
		return decodeShort(code, pc, in)
	}
	p := (*[window]byte)(code)

	// The common case: perhaps a REX prefix, and an opcode of the first two maps.
	h := uint32(1 << hdrOsz)
	i := 1
	rex := uint8(0)
	b := p[0]
	if b&0xf0 == 0x40 {
		rex = b
		b = p[1]
		i = 2
		h = hdrRex | 1<<hdrOsz + uint32(rex>>3&1)<<hdrOsz
	}
	row := first[b]
	if row&rowRare != 0 {
		if b == 0x0f {
			b = p[i]
			i++
			row = roots[map0F][b]
		}
		if row&rowRare != 0 {
			row, b, rex, i, h = prefixes(p)
		}
	}

	// Results are stored as soon as they are known: there are too many of them for the registers.
	in.PC = pc
	at := int(row & nodeAt)
	var reg, rm, q uint8
	if row&rowModRM == 0 {
		at++
		rm = b&7 | rex&1<<3
		in.Base, in.Index, in.Scale, in.Disp = RegNone, RegNone, 1, 0
	} else {
		q = p[i&31]
		i++
		reg = q>>3&7 | rex&4<<1
		rm = q&7 | rex&1<<3
		if q >= 0xc0 || h&hdrRegs != 0 {
			at++
			in.Base, in.Index, in.Scale, in.Disp = RegNone, RegNone, 1, 0
		} else {
			base, x := Reg(rm), q
			if q&7 == 4 {
				x = p[i&31]
				i++
				base = Reg(x&7 | rex&1<<3)
				in.Scale = 1 << (x >> 6)
				index := Reg(x>>3&7 | rex&2<<2)
				if index == RSP {
					index = RegNone
				}
				in.Index = index
			} else {
				in.Index, in.Scale = RegNone, 1
			}
			if q >= 0x40 {
				if q < 0x80 {
					in.Disp = int64(int8(p[i&31]))
					i++
				} else {
					in.Disp = int64(int32(binary.LittleEndian.Uint32(p[i&31:])))
					i += 4
					h &^= hdrScale // only a short displacement is scaled
				}
			} else if x&7 == 5 {
				base = RIP
				if q&7 == 4 {
					base = RegNone
				}
				in.Disp = int64(int32(binary.LittleEndian.Uint32(p[i&31:])))
				i += 4
				h &^= hdrScale
			} else {
				in.Disp = 0
			}
			in.Base = base
		}
	}

	node := sub[at&nodeAt]
	for node >= nodeExt {
		k := int(node & nodeAt)
		switch node &^ (nodeExt - 1) {
		case nodeExt:
			k += int(q >> 3 & 7)
		case nodeRm:
			k += int(q & 7)
		case nodeW:
			k += int(h >> (hdrOsz + 1) & 1)
		}
		node = sub[k&nodeAt]
	}
	e := &entries[node&1023]
	if e.op == OpBad {
		return bad(pc, in)
	}

	k := &e.size[h>>hdrOsz&3]
	var imm int64
	immLen := 0
	switch row >> rowImm & 3 {
	case 1:
		imm = int64(int8(p[i&31]))
		if k.imm < 0 {
			imm &= 0xff
		}
		immLen = 1
	case 2:
		if h>>hdrOsz&3 == 0 {
			imm = int64(int16(binary.LittleEndian.Uint16(p[i&31:])))
			immLen = 2
		} else {
			imm = int64(int32(binary.LittleEndian.Uint32(p[i&31:])))
			if k.imm < 0 {
				imm = int64(uint32(imm))
			}
			immLen = 4
		}
	case 3:
		imm, immLen = otherImm(binary.LittleEndian.Uint64(p[i&31:]), k.imm)
	}
	in.Imm = imm
	i += immLen

	in.Op = e.op
	in.Size, in.MemSize, in.SrcSize = k.size, k.mem, k.src
	in.Cond = b & e.cond
	flags := Flags(h) | e.flags
	if e.bytes != 0 && h&hdrRex == 0 {
		if e.bytes&byteReg != 0 && reg >= 4 {
			reg -= 4
			flags |= FlagHigh8
		}
		if e.bytes&byteRm != 0 && rm >= 4 {
			rm -= 4
			flags |= FlagHigh8
		}
	}
	regBit, rmBit := uint16(1)<<(reg&15), uint16(1)<<(rm&15)
	def := regBit&e.defReg | rmBit&e.defRm
	use := regBit&e.useReg | rmBit&e.useRm | e.use
	if k.size < 4 {
		use |= def // the rest of the register lives on
	}
	in.Flags, in.Def, in.Use = flags, def|e.def, use
	names := uint32(rm)<<16 | uint32(reg)<<8 | 0xff
	in.Dst, in.Src = Reg(names>>(e.dst&31)), Reg(names>>(e.src&31))

	if e.special != spNone {
		if e.special == spRel {
			in.Imm += int64(pc) + int64(i)
			if h>>hdrOsz&3 == 0 && immLen == 2 {
				in.Imm &= 0xffff
			}
		} else if i = special(e, in, h, i); i == 0 {
			return bad(pc, in)
		}
	}
	if i > maxLen {
		return bad(pc, in)
	}
	in.Len = uint8(i)
	if in.Base == RIP {
		in.Disp += int64(pc) + int64(i)
	}
	if h&(hdrEvex|hdrVex|uint32(FlagSeg|FlagAddr32)) != 0 {
		return rare(e, in, h)
	}
	return true
}

// decodeShort decodes from a copy with zeros behind.
func decodeShort(code []byte, pc uint64, in *Inst) bool {
	var buf [window]byte
	copy(buf[:], code)
	ok := Decode(buf[:], pc, in)
	if ok && int(in.Len) > len(code) {
		return bad(pc, in) // the zeros completed it
	}
	return ok
}

func bad(pc uint64, in *Inst) bool {
	*in = Inst{PC: pc, Op: OpBad, Len: 1, Dst: RegNone, Src: RegNone, Base: RegNone, Index: RegNone, Scale: 1}
	return false
}

// otherImm cuts an immediate of any length out of eight bytes.
func otherImm(v uint64, n int8) (imm int64, length int) {
	unsigned := n < 0
	if unsigned {
		n = -n
	}
	shift := 64 - 8*uint(n)
	if unsigned {
		return int64(v << shift >> shift), int(n)
	}
	return int64(v<<shift) >> shift, int(n)
}

// special does what an entry cannot say and returns the length up to the end of the immediate, or 0 if
// the instruction is invalid.
func special(e *entry, in *Inst, h uint32, i int) int {
	switch e.special {
	case spLoop:
		in.Imm += int64(in.PC) + int64(i)
		in.Cond = 0xff
	case spRep:
		if h&hdrRep != 0 {
			in.Def |= 1 << RCX
			in.Use |= 1 << RCX
			in.Flags |= FlagRep | FlagMemAny
			in.MemSize = 0
		}
	case spShift:
		if in.Size == 8 {
			in.Imm &= 63
		} else {
			in.Imm &= 31
		}
	case spOne:
		in.Imm = 1
	case spCl:
		in.Src = RCX
	case spInt:
		switch in.Imm {
		case 3:
			in.Op, in.Def, in.Use = OpTrap, 0, 0
			in.Flags &^= FlagImpMem | FlagMemIn | FlagMemOut | FlagMemAny
		case 0x80:
			in.Op, in.Def = OpInt80, 1<<RAX|1<<R8|1<<R9|1<<R10|1<<R11 // old kernels zero r8 to r11
		}
	case spVsib:
		in.Index, in.Scale = RegNone, 1
	case spNop90:
		if in.Src == RAX {
			in.Op, in.Def, in.Use, in.Dst, in.Src = OpNop, 0, 0, RegNone, RegNone
		}
	case spMoffs:
		in.Disp, in.Imm = in.Imm, 0
		if in.Flags&FlagAddr32 != 0 {
			i -= 4
			in.Disp = int64(uint32(in.Disp))
		}
	case spCwd:
		if in.Size == 2 {
			in.Use |= 1 << RDX
		}
	case sp3dnow:
		if !ops3dnow[uint8(in.Imm)] {
			return 0
		}
	}
	return i
}

// rare does what remains for instructions with a segment or address size prefix, VEX, EVEX or XOP. It reports
// whether the instruction is valid.
func rare(e *entry, in *Inst, h uint32) bool {
	if h&uint32(FlagAddr32) != 0 && in.Base == RIP {
		in.Disp = int64(uint32(in.Disp))
	}
	if in.Op == OpLea || e.flags&(FlagMem|FlagImpMem) == 0 {
		in.Flags &^= FlagSeg
	}
	if h&(hdrEvex|hdrVex) != 0 && !vex(e, in, h) {
		return bad(in.PC, in)
	}
	return true
}

// vex does what only VEX, EVEX and XOP have: a third register, and EVEX's memory operands, whose
// short displacements are scaled (SDM vol. 2, 2.7.5). It reports whether the instruction is valid.
func vex(e *entry, in *Inst, h uint32) bool {
	k := &kindTab[int(e.kinds)<<4|int(h>>hdrZ&15)]
	vv := h >> hdrVv & 15
	bit := uint16(1) << vv
	if e.vv&vvRead != 0 {
		in.Use |= bit
	}
	if e.vv&vvWrite != 0 {
		in.Def |= bit
	}
	if e.dst == selVv {
		in.Dst = Reg(vv)
	}
	if e.src == selVv {
		in.Src = Reg(vv)
	}
	in.Size, in.MemSize, in.SrcSize = k.size, k.mem, 0
	if h&hdrEvex == 0 || e.flags&FlagMem == 0 {
		return true
	}
	if h&hdrBcast != 0 {
		switch {
		case e.vv&vvBcast == 0:
			return false
		case e.vv&vvHalf != 0:
			in.MemSize = 2
		case h>>hdrOsz&2 != 0:
			in.MemSize = 8
		default:
			in.MemSize = 4
		}
	}
	if h&hdrScale != 0 {
		unit := in.MemSize
		if k.src != 0 {
			unit = k.src
		}
		in.Disp *= int64(unit)
	}
	return true
}

// prefixes decodes what comes before ModRM when it is not a mere REX prefix and an opcode of the first two
// maps: the row of the opcode (for its mandatory prefix), the opcode's last byte, REX or the like
// of it, the number of bytes, and all else in one word.
func prefixes(p *[window]byte) (row uint16, b, rex uint8, i int, h uint32) {
	var pp uint32    // mandatory prefix: none, 66, f3, f2
	osz := uint32(1) // operand size: 2, 4, 8 bytes
	data16 := false
	b = p[0]
	for {
		switch b {
		case 0x66:
			data16 = true
		case 0xf3:
			pp = 2
		case 0xf2:
			pp = 3
		case 0xf0:
			h |= uint32(FlagLock)
		case 0x64, 0x65:
			h |= uint32(FlagSeg)
		case 0x67:
			h |= uint32(FlagAddr32)
		case 0x26, 0x2e, 0x36, 0x3e:
		default:
			if b&0xf0 != 0x40 {
				goto opcode
			}
		}
		rex = 0 // REX counts only as the last prefix
		if b&0xf0 == 0x40 {
			rex = b
		}
		if i++; i == maxLen {
			return rowBad, 0, 0, i, 0
		}
		b = p[i]
	}
opcode:
	i++
	simd := rex == 0 && pp == 0 && !data16 && h&uint32(FlagLock) == 0 // VEX and the like may follow
	if data16 {
		osz = 0
		pp = max(pp, 1)
	}
	if pp >= 2 {
		h |= hdrRep
	}
	if rex != 0 {
		h |= hdrRex
		if rex&8 != 0 {
			osz = 2
		}
	}
	m := 0
	switch {
	case b == 0x0f:
		b = p[i]
		i++
		switch b {
		case 0x38:
			m, b = map38, p[i]
			i++
		case 0x3a:
			m, b = map3A, p[i]
			i++
		default:
			m = map0F
			if b&0xfc == 0x20 {
				h |= hdrRegs // moves to and from control and debug registers
			}
		}
		h |= osz << hdrOsz
	case b == 0x8f && p[i]&0x1f < 8 || first[b]&rowRare == 0:
		return first[b] &^ rowRare, b, rex, i, h | osz<<hdrOsz
	case !simd:
		return rowBad, 0, 0, i, 0
	case b == 0xc5:
		q := p[i]
		b = p[i+1]
		i += 2
		m = mapV1
		rex = ^q >> 5 & 4
		pp = uint32(q & 3)
		h |= hdrRex | hdrVex | 1<<hdrOsz | uint32(q>>2&1)<<hdrZ | uint32(^q>>3&15)<<hdrVv
	case b == 0x62:
		q, r, s := p[i], p[i+1], p[i+2]
		b = p[i+3]
		i += 4
		if m = evexMaps[q&15]; m < 0 || r&4 == 0 {
			return rowBad, 0, 0, i, 0
		}
		rex = ^q>>5&7 | r>>4&8
		pp = uint32(r & 3)
		vl := uint32(s >> 5 & 3)
		if s&0x10 != 0 {
			h |= hdrBcast
			if p[i] >= 0xc0 {
				vl = 2 // L'L is the rounding mode
			}
		}
		h |= hdrRex | hdrEvex | hdrScale | (1+uint32(r>>7))<<hdrOsz | vl<<hdrZ | uint32(^r>>3&15)<<hdrVv
	default: // VEX of three bytes, XOP
		q, r := p[i], p[i+1]
		m = int(q & 0x1f)
		switch {
		case b == 0x8f && m <= 10:
			m += mapX8 - 8
		case b == 0xc4 && m >= 1 && m <= 3:
			m += mapV1 - 1
		default:
			return rowBad, 0, 0, i, 0
		}
		b = p[i+2]
		i += 3
		rex = ^q>>5&7 | r>>4&8
		pp = uint32(r & 3)
		h |= hdrRex | hdrVex | (1+uint32(r>>7))<<hdrOsz | uint32(r>>2&1)<<hdrZ | uint32(^r>>3&15)<<hdrVv
	}
	row = roots[m][b] &^ rowRare
	return row + uint16(pp*2), b, rex, i, h
}

var evexMaps = [16]int{-1, mapE1, mapE2, mapE3, -1, mapE5, mapE6, -1, -1, -1, -1, -1, -1, -1, -1, -1}
