package x86

import "encoding/binary"

//go:generate go run gen.go

// entry says what one form of an instruction does. It is complete but for the numbers
// that the instruction's own bytes give: registers, sizes, immediate.
type entry struct {
	flags   Flags
	def     uint16 // implicit registers
	use     uint16
	op      Op
	kinds   uint8 // sizes of the operands and of the immediate: an index of kindTab
	roles   uint8
	sel     uint8
	special uint8
	cond    uint8 // the opcode bits that Inst.Cond takes
}

// Roles: which of ModRM.reg, ModRM.rm and vvvv are general-purpose registers that are read or written.
const (
	roleRegR = 1 << iota
	roleRegW
	roleRmR
	roleRmW
	roleVvR
	roleVvW
	roleRegByte
	roleRmByte
	roleVv   = roleVvR | roleVvW
	roleByte = roleRegByte | roleRmByte
)

// Bits of entry.sel: two choose Inst.Dst and two Inst.Src among none, reg, rm and vvvv.
const (
	selHalf  = 1 << 4 // EVEX broadcasts elements of two bytes
	selBcast = 1 << 5 // EVEX can broadcast
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
)

// kinds are the sizes of an entry for one operand size and vector length.
type kinds struct {
	size  uint8 // bytes of the operand
	msize uint8 // of memory
	ssize uint8 // of the source of a widening move; for EVEX: of the unit of the displacement, if not msize
	imm   uint8 // of the immediate, and in the high half an index of immTab
}

// immInfo cuts an immediate out of eight bytes and extends it.
type immInfo struct{ mask, sign uint64 }

// Nodes and rows. A node is an entry or, with one of the first three bits set, chooses among the nodes
// at an offset in sub. A row is such an offset for an opcode: first memory form, then register form,
// and in all but the one-byte map so for each of the mandatory prefixes.
const (
	nodeExt = 1 << 14 // by ModRM.reg
	nodeRm  = 2 << 14 // by ModRM.rm
	nodeW   = 3 << 14 // by operand size
	nodeAt  = 1<<12 - 1

	rowModRM = 1 << 15 // a ModRM byte follows
	rowRare  = 1 << 14 // prefixes has to be asked
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
// not an instruction. It never allocates and never panics.
func Decode(code []byte, pc uint64, in *Inst) bool {
	if len(code) >= window {
		return decode((*[window]byte)(code), pc, maxLen, in)
	}
	return decodeShort(code, pc, in)
}

func decodeShort(code []byte, pc uint64, in *Inst) bool {
	// The zeros after the end may complete an instruction, but not within the limit.
	var buf [window]byte
	n := copy(buf[:], code)
	return decode(&buf, pc, min(n, maxLen), in)
}

func bad(pc uint64, in *Inst) bool {
	*in = Inst{PC: pc, Op: OpBad, Len: 1, Dst: RegNone, Src: RegNone, Base: RegNone, Index: RegNone, Scale: 1}
	return false
}

func decode(p *[window]byte, pc uint64, limit int, in *Inst) bool {
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

	at := int(row & nodeAt)
	base, index := RegNone, RegNone
	scale := uint8(1)
	var disp int64
	var reg, rm, q uint8
	if row&rowModRM != 0 {
		q = p[i&31]
		i++
		reg = q>>3&7 | rex&4<<1
		rm = q&7 | rex&1<<3
		if q >= 0xc0 || h&hdrRegs != 0 {
			at++
		} else {
			if q&7 == 4 {
				s := p[i&31]
				i++
				scale = 1 << (s >> 6)
				if x := s>>3&7 | rex&2<<2; x != 4 {
					index = Reg(x)
				}
				base = Reg(s&7 | rex&1<<3)
				if s&7 == 5 && q < 0x40 {
					base = RegNone
				}
			} else {
				base = Reg(rm)
				if q&7 == 5 && q < 0x40 {
					base = RIP
				}
			}
			if q >= 0x80 || base == RIP || base == RegNone {
				disp = int64(int32(binary.LittleEndian.Uint32(p[i&31:])))
				i += 4
				h &^= hdrScale // only a short displacement is scaled
			} else if q >= 0x40 {
				disp = int64(int8(p[i&31]))
				i++
			}
		}
	} else {
		at++
		rm = b&7 | rex&1<<3
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

	k := &kindTab[int(e.kinds)<<4|int(h>>hdrZ&15)]
	size, msize, ssize := k.size, k.msize, k.ssize
	ii := &immTab[k.imm>>4]
	imm := int64(binary.LittleEndian.Uint64(p[i&31:])&ii.mask ^ ii.sign - ii.sign)
	i += int(k.imm & 15)

	flags := Flags(h) | e.flags
	if h&hdrEvex != 0 {
		if e.flags&FlagMem != 0 {
			if h&hdrBcast != 0 && e.sel&selBcast == 0 {
				return bad(pc, in)
			}
			var unit uint8
			msize, unit = evexMemory(e.sel, h, msize, ssize)
			if h&hdrScale != 0 {
				disp *= int64(unit)
			}
		}
		ssize = 0
	}
	if e.roles&roleByte != 0 && h&hdrRex == 0 {
		if e.roles&roleRegByte != 0 && reg >= 4 {
			reg -= 4
			flags |= FlagHigh8
		}
		if e.roles&roleRmByte != 0 && rm >= 4 {
			rm -= 4
			flags |= FlagHigh8
		}
	}
	r := uint16(e.roles)
	def := r>>1&1<<(reg&15) | r>>3&1<<(rm&15)
	use := e.use | r&1<<(reg&15) | r>>2&1<<(rm&15)
	vv := uint8(h >> hdrVv & 15)
	if r&roleVv != 0 {
		def |= r >> 5 & 1 << vv
		use |= r >> 4 & 1 << vv
	}
	if size < 4 {
		use |= def // the rest of the register lives on
	}
	def |= e.def
	names := uint32(reg)<<8 | uint32(rm)<<16 | uint32(vv)<<24 | 0xff
	dst := Reg(names >> (e.sel & 3 * 8))
	src := Reg(names >> (e.sel >> 2 & 3 * 8))
	op := e.op
	cond := b & e.cond

	if e.special != spNone {
		switch e.special {
		case spRel:
			imm += int64(pc) + int64(i)
			if h>>hdrOsz&3 == 0 && k.imm&15 == 2 {
				imm &= 0xffff
			}
		case spLoop:
			imm += int64(pc) + int64(i)
			cond = 0xff
		case spRep:
			if h&hdrRep != 0 {
				def |= 1 << RCX
				use |= 1 << RCX
				flags |= FlagRep | FlagMemAny
				msize = 0
			}
		case spShift:
			if size == 8 {
				imm &= 63
			} else {
				imm &= 31
			}
		case spOne:
			imm = 1
		case spCl:
			src = RCX
		case spInt:
			switch imm {
			case 3:
				op, def, use, flags = OpTrap, 0, 0, flags&^(FlagImpMem|FlagMemIn|FlagMemOut|FlagMemAny)
			case 0x80:
				op, def = OpInt80, 1<<RAX|1<<R8|1<<R9|1<<R10|1<<R11 // old kernels zero r8 to r11
			}
		case spVsib:
			index, scale = RegNone, 1
		case spNop90:
			if rex&1 == 0 {
				op, def, use, dst, src = OpNop, 0, 0, RegNone, RegNone
			}
		case spMoffs:
			disp, imm = imm, 0
			if flags&FlagAddr32 != 0 {
				i -= 4
				disp = int64(uint32(disp))
			}
		case sp3dnow:
			if !ops3dnow[uint8(imm)] {
				return bad(pc, in)
			}
		}
	}
	if i > limit {
		return bad(pc, in)
	}
	if base == RIP {
		disp += int64(pc) + int64(i)
		if flags&FlagAddr32 != 0 {
			disp = int64(uint32(disp))
		}
	}
	if flags&FlagSeg != 0 && (op == OpLea || flags&(FlagMem|FlagImpMem) == 0) {
		flags &^= FlagSeg
	}
	// Field by field: a composite literal would be built elsewhere byte by byte and then copied
	// in words, which stalls on store forwarding.
	in.PC, in.Imm, in.Disp = pc, imm, disp
	in.Def, in.Use = def, use
	in.Op, in.Len, in.Size, in.SrcSize, in.MemSize, in.Cond = op, uint8(i), size, ssize, msize, cond
	in.Dst, in.Src, in.Base, in.Index, in.Scale = dst, src, base, index, scale
	in.Flags = flags
	return true
}

// evexMemory returns the bytes of an EVEX instruction's memory operand and of the unit in which a
// short displacement counts (SDM vol. 2, 2.7.5).
func evexMemory(sel uint8, h uint32, msize, ssize uint8) (bytes, unit uint8) {
	if h&hdrBcast != 0 {
		switch {
		case sel&selHalf != 0:
			msize = 2
		case h>>hdrOsz&2 != 0:
			msize = 8
		default:
			msize = 4
		}
	}
	if ssize != 0 {
		return msize, ssize
	}
	return msize, msize
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
		h |= hdrRex | 1<<hdrOsz | uint32(q>>2&1)<<hdrZ | uint32(^q>>3&15)<<hdrVv
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
		h |= hdrRex | (1+uint32(r>>7))<<hdrOsz | uint32(r>>2&1)<<hdrZ | uint32(^r>>3&15)<<hdrVv
	}
	row = roots[m][b] &^ rowRare
	return row + uint16(pp*2), b, rex, i, h
}

var evexMaps = [16]int{-1, mapE1, mapE2, mapE3, -1, mapE5, mapE6, -1, -1, -1, -1, -1, -1, -1, -1, -1}
