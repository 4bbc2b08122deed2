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
	size    uint8 // size kinds of the operand, the memory operand and the source of a
	msize   uint8 // widening move (for EVEX: the displacement's scale if it is not the
	ssize   uint8 // memory operand's size)
	imm     uint8 // immediate kind
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
	roleByte = roleRegByte | roleRmByte
)

// Bits of entry.sel: two choose Inst.Dst and two Inst.Src among none, reg, rm and vvvv.
const selHalf = 1 << 4 // EVEX broadcasts elements of two bytes

// What an entry cannot say.
const (
	spNone  = iota
	spRep   // a rep prefix repeats it
	spRel   // the immediate is relative to the next instruction
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

type immInfo struct {
	mask, sign uint64
	len        uint8
}

// Classes of a first byte.
const (
	clsNone = iota
	clsModRM
	clsPrefix
	cls0F
	clsVEX2
	clsVEX3
	clsEVEX
	clsXOP
)

var class = func() (c [256]uint8) {
	copy(c[:], modrmOne[:])
	for _, b := range []byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3} {
		c[b] = clsPrefix
	}
	for b := 0x40; b < 0x50; b++ {
		c[b] = clsPrefix
	}
	c[0x0f], c[0xc5], c[0xc4], c[0x62], c[0x8f] = cls0F, clsVEX2, clsVEX3, clsEVEX, clsXOP
	return c
}()

// ops3dnow are the last bytes of the 3DNow! instructions.
var ops3dnow = [256]bool{
	0x0c: true, 0x0d: true, 0x1c: true, 0x1d: true, 0x8a: true, 0x8e: true, 0x90: true, 0x94: true,
	0x96: true, 0x97: true, 0x9a: true, 0x9e: true, 0xa0: true, 0xa4: true, 0xa6: true, 0xa7: true,
	0xaa: true, 0xae: true, 0xb0: true, 0xb4: true, 0xb6: true, 0xb7: true, 0xbb: true, 0xbf: true,
}

// maxLen is the longest instruction that the CPU accepts. window is what the decoder may look at:
// 14 prefixes and then the longest remainder.
const (
	maxLen = 15
	window = 48
)

// Decode decodes the instruction at the start of code, which lies at address pc,
// into in (overwriting all of it). code may be shorter than 15 bytes only at the
// end of the readable bytes. It returns false, with in.Op == OpBad and in.Len == 1, if the bytes are
// not an instruction. It never allocates and never panics.
func Decode(code []byte, pc uint64, in *Inst) bool {
	if len(code) >= window {
		return decode((*[window]byte)(code), pc, maxLen, in)
	}
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
	var (
		rex    uint8
		pp     int       // mandatory prefix: none, 66, f3, f2
		osz    = 1       // operand size: 2, 4, 8 bytes
		vl     int       // vector length: 16, 32, 64 bytes
		vv     uint8     // vvvv
		flags  Flags     // of the prefixes
		evexN  bool      // the displacement is scaled
		bcast  bool      // EVEX.b
		hasRex bool      // a REX prefix or its like: no ah..bh
		base   = RegNone // memory operand
		index  = RegNone
		scale  = uint8(1)
		disp   int64
		reg    uint8
		rm     uint8
		ext    int
		mod3   = 1
	)

	i := 1
	b := p[0]
	c := class[b]
	if c == clsPrefix {
		var p66 bool
		for {
			if b&0xf0 == 0x40 {
				rex = b
			} else {
				rex = 0 // only the last prefix may be REX
				switch b {
				case 0x66:
					p66 = true
				case 0xf3:
					pp = 2
				case 0xf2:
					pp = 3
				case 0xf0:
					flags |= FlagLock
				case 0x64, 0x65:
					flags |= FlagSeg
				case 0x67:
					flags |= FlagAddr32
				}
			}
			b = p[i]
			i++
			if c = class[b]; c != clsPrefix {
				break
			}
			if i >= maxLen {
				return bad(pc, in)
			}
		}
		if p66 {
			osz = 0
			if pp == 0 {
				pp = 1
			}
		}
		if rex != 0 {
			hasRex = true
			if rex&8 != 0 {
				osz = 2
			}
		}
		if c >= clsVEX2 && (rex != 0 || pp != 0 || flags&FlagLock != 0) {
			if c != clsXOP || p[i]&0x1f >= 8 {
				return bad(pc, in)
			}
		}
	}

	// The map, and whether a ModRM byte follows.
	var node uint16
	m := -1
	modrm := c == clsModRM
	switch c {
	case clsNone, clsModRM:
	case cls0F:
		b = p[i&31]
		i++
		switch b {
		case 0x38:
			m, modrm = map38, true
			b = p[i&31]
			i++
		case 0x3a:
			m, modrm = map3A, true
			b = p[i&31]
			i++
		default:
			m, modrm = map0F, modrm0F[b] != 0
		}
	case clsVEX2:
		q := p[i&31]
		b = p[(i+1)&31]
		i += 2
		hasRex = true
		rex = ^q >> 5 & 4
		vv = ^q >> 3 & 15
		vl = int(q >> 2 & 1)
		pp = int(q & 3)
		m, modrm = mapV1, b != 0x77
	case clsVEX3, clsXOP:
		q := p[i&31]
		if c == clsXOP && q&0x1f < 8 {
			modrm = true
			break
		}
		r := p[(i+1)&31]
		b = p[(i+2)&31]
		i += 3
		hasRex = true
		rex = ^q>>5&7 | r>>4&8
		osz = 1 + int(r>>7)
		vv = ^r >> 3 & 15
		vl = int(r >> 2 & 1)
		pp = int(r & 3)
		m = int(q & 0x1f)
		modrm = true
		if c == clsXOP {
			if m > 10 {
				return bad(pc, in)
			}
			m += mapX8 - 8
		} else {
			if m < 1 || m > 3 {
				return bad(pc, in)
			}
			m += mapV1 - 1
			modrm = m != mapV1 || b != 0x77
		}
	case clsEVEX:
		q, r, s := p[i&31], p[(i+1)&31], p[(i+2)&31]
		b = p[(i+3)&31]
		i += 4
		m = evexMaps(q, r)
		if m < 0 {
			return bad(pc, in)
		}
		hasRex, evexN, modrm = true, true, true
		rex = ^q>>5&7 | r>>4&8
		osz = 1 + int(r>>7)
		vv = ^r >> 3 & 15
		pp = int(r & 3)
		vl = int(s >> 5 & 3)
		bcast = s&0x10 != 0
	}

	if modrm {
		q := p[i&31]
		i++
		reg = q>>3&7 | rex&4<<1
		rm = q&7 | rex&1<<3
		ext = int(q >> 3 & 7)
		if q < 0xc0 && !(m == map0F && b&0xfc == 0x20) { // not a move to or from a control register
			mod3 = 0
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
			switch {
			case q >= 0x80 || base == RIP || base == RegNone:
				disp = int64(int32(binary.LittleEndian.Uint32(p[i&31:])))
				i += 4
				evexN = false
			case q >= 0x40:
				disp = int64(int8(p[i&31]))
				i++
			}
		} else if evexN && bcast {
			vl = 2 // L'L is the rounding mode
		}
	} else {
		rm = b&7 | rex&1<<3
	}

	if m < 0 {
		node = nodeOne[int(b)<<1|mod3]
	} else {
		node = sub[int(roots[m][b])+pp*2+mod3]
	}
	for node >= 1<<14 {
		k := int(node & (1<<14 - 1))
		switch node >> 14 {
		case 1:
			k += ext
		case 2:
			k += int(rm & 7)
		case 3:
			k += osz >> 1
		}
		node = sub[k]
	}
	e := &entries[node]
	if e.op == OpBad {
		return bad(pc, in)
	}

	ii := &immTab[(int(e.imm)<<2|osz)&63]
	imm := int64(binary.LittleEndian.Uint64(p[i&31:])&ii.mask ^ ii.sign - ii.sign)
	i += int(ii.len)

	z := osz<<2 | vl&3
	size := sizeTab[(int(e.size)<<4|z)&511]
	msize := sizeTab[(int(e.msize)<<4|z)&511]
	var ssize uint8
	if evexN && mod3 == 0 {
		n := msize
		if bcast {
			// The element that is broadcast. What has no elements to broadcast is invalid.
			if e.flags&FlagMemOut != 0 || e.msize < sizeX || e.op == OpVecMov {
				return bad(pc, in)
			}
			switch {
			case e.sel&selHalf != 0:
				n = 2
			case osz == 2:
				n = 8
			default:
				n = 4
			}
			msize = n
		}
		if e.ssize != sizeNone {
			n = sizeTab[(int(e.ssize)<<4|z)&511]
		}
		disp *= int64(n)
	} else {
		ssize = sizeTab[(int(e.ssize)<<4|z)&511]
	}

	flags |= e.flags
	if e.flags&(FlagMem|FlagImpMem) == 0 {
		flags &^= FlagSeg
	}
	if e.roles&roleByte != 0 && !hasRex {
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
	def := r>>1&1<<(reg&15) | r>>3&1<<(rm&15) | r>>5&1<<(vv&15)
	use := e.use | r&1<<(reg&15) | r>>2&1<<(rm&15) | r>>4&1<<(vv&15)
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
			if osz == 0 && ii.len == 2 {
				imm &= 0xffff
			}
		case spLoop:
			imm += int64(pc) + int64(i)
			cond = 0xff
		case spRep:
			if pp >= 2 {
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
	if op == OpLea {
		flags &^= FlagSeg
	}
	*in = Inst{
		PC: pc, Imm: imm, Disp: disp,
		Def: def, Use: use,
		Op: op, Len: uint8(i), Size: size, SrcSize: ssize, MemSize: msize, Cond: cond,
		Dst: dst, Src: src, Base: base, Index: index, Scale: scale,
		Flags: flags,
	}
	return true
}

// evexMaps returns the opcode map of an EVEX prefix, or -1.
func evexMaps(p0, p1 uint8) int {
	if p0&8 != 0 || p1&4 == 0 {
		return -1
	}
	switch p0 & 7 {
	case 1, 2, 3:
		return mapE1 - 1 + int(p0&7)
	case 5, 6:
		return mapE5 - 5 + int(p0&7)
	}
	return -1
}
