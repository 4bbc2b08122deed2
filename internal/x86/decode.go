package x86

import "encoding/binary"

//go:generate go run gen.go

// entry says what one form of an instruction does with operands of one size. It is complete but for what
// the instruction's own bytes give: registers, displacement, immediate. It has 64 bytes, to be indexed by a shift
// and to touch one cache line.
//
// The first three have the layout of Inst from Def to Flags. What ModRM.reg and ModRM.rm contribute are
// the elements of spread for their numbers, as far as reg and rm cover them; fixed is or-ed to them.
type entry struct {
	reg, rm, fixed uint64
	mask           uint64 // of the immediate
	rel            int64  // -1 if the immediate is relative to the next instruction
	modrm, bare    uint64 // the element of modrm is and-ed with the first, or-ed with the second
	what           uint32 // Inst from Op to MemSize
	shift          uint8  // what cuts the immediate out of eight bytes: 64 less its bits
	n              uint8  // bytes of the immediate
	last           uint8  // sp..., lastReg, lastRm
	kinds          uint8  // for VEX and EVEX: index of kindTab; with spLonger in common: by how much
}

// Parts of entry.reg and entry.rm.
const (
	inDef   = 0xffff
	inUse   = 0xffff << 16
	inDst   = 0xff << 32
	inSrc   = 0xff << 40
	inHigh8 = uint64(FlagHigh8) << 48 // set by spread for ah, ch, dh, bh
)

// What an entry cannot say, in entry.last.
const (
	spNone   = iota
	spBad    // not an instruction
	spRel16  // the immediate is relative to the next instruction, and the target has 16 bits
	spRep    // a rep prefix repeats it
	spOne    // the immediate is 1
	spInt    // the immediate tells system call, breakpoint and fault apart
	spRm0    // it is an instruction if ModRM.rm is 0
	spLonger // the immediate is longer than opcodes says
	spVsib   // the index is a vector
	spNop90  // 90h without REX.B
	spMoffs  // the immediate is an address
	sp3dnow  // the immediate is the opcode
	spCwd    // it keeps the rest of rdx if the operand has 16 bits

	lastSp  = 15
	lastReg = 1 << 4 // ModRM.reg is a byte register
	lastRm  = 1 << 5 // ModRM.rm is one
)

// sizes are those of an entry for one operand size and vector length.
type sizes struct {
	size uint8 // bytes of the operand
	mem  uint8 // of memory
	src  uint8 // of the unit of an EVEX displacement, if not that of memory
	vv   uint8
}

// Bits of sizes.vv.
const (
	vvRead  = 1 << iota // vvvv is a general-purpose register that is read
	vvWrite             // or written
	vvHalf              // EVEX broadcasts elements of two bytes
	vvBcast             // EVEX can broadcast
	vvDst               // vvvv is Inst.Dst, which is rax without VEX
	vvSrc
)

// A node is the index of an entry for four-byte operands, whose next are those for eight
// and two; or, with a kind in its high bits, it chooses among the nodes at an offset in sub.
const (
	nodeKind = 12
	nodeAt   = 1<<nodeKind - 1
	nodeExt  = 1 // by ModRM.reg
	nodeRm   = 2 // by ModRM.rm
	nodeW    = 3 // by operand size
)

// Fields of an element of opcodes.
const (
	opModRM = 7      // a ModRM byte follows: covers modLen
	opExt   = 7 << 3 // ModRM.reg chooses among entries: covers it
	opRare  = 1 << 6 // 0f, or prefixes has to be asked
	opLen   = 8      // bytes of the opcode without ModRM, and of the immediate: four bits
	opAt    = 16     // place of its entries in common
)

// Fields of an element of modrm.
const (
	modLen   = 7 // bytes of opcode (the last one), ModRM, SIB, displacement
	modReg   = 4 // ModRM.reg, four bits
	modRm    = 8 // ModRM.rm or the opcode's low bits, four bits
	modSIB   = 1 << 12
	modRIP   = 13 // the displacement is relative to the next instruction
	modLeft  = 16 // shifts that cut the displacement out of twice the bytes from ModRM on: six bits
	modRight = 24 // six bits
	modBase  = 32 // from here on as Inst from Base to Cond
	modIndex = 40
	modScale = 48
	modCond  = 56 // only in entry.bare

	modDisp = 63<<modLeft | 63<<modRight | modLen // what a displacement changes
	modNone = 1<<modScale | 0xff<<modIndex | 0xff<<modBase | 63<<modLeft | 63<<modRight
	modBare = modNone | 1 // for entry.bare without ModRM
	modAll  = 1<<64 - 1   // for entry.modrm with it
)

// Fields of an element of rexes, whose others say what it adds to one of modrm.
const (
	rexIs  = 1 << 3 // a REX prefix or the like of it; also what to shift it away
	rexX   = 14
	rexOsz = 30 // two bits: operands of 4, 8, 2 bytes
)

var (
	rexes  [256]uint64 // REX prefixes; 0 for all other bytes
	modrm  [256]uint64
	sibs   [512]uint64 // what SIB (and REX.X as the ninth bit) adds
	spread [32]uint64  // what a register adds to Inst from Def to Flags; from 16 on for byte registers without REX

	opcodes [512]uint32 // one-byte opcodes, then those after 0f

	// common has the entries of these. What is added to opAt is ModRM.reg, if it chooses, in bits 3 to 5, register
	// form in bit 2, and operand size in bit 0 (4 or 8 bytes). Two opcodes share what bit 1 leaves free.
	common [4096]entry
)

func init() {
	for b := 0x40; b < 0x50; b++ {
		rexes[b] = rexFields(uint8(b))
	}
	for q := range modrm {
		mod, rm := q>>6, q&7
		n := []int{0, 1, 4, 0}[mod]
		m := uint64(q>>3&7<<modReg | rm<<modRm)
		switch {
		case mod == 3:
			m |= modNone | 2
		case rm == 4:
			m |= modSIB | dispFields(2, n) | uint64(3+n)
		case mod == 0 && rm == 5:
			m |= 1<<modRIP | dispFields(1, 4) | 6 | uint64(RIP)<<modBase | 0xff<<modIndex | 1<<modScale
		default:
			m |= dispFields(1, n) | uint64(2+n) | uint64(rm)<<modBase | 0xff<<modIndex | 1<<modScale
		}
		modrm[q] = m
	}
	var block [64]entry
	end, half := 0, map[int]int{} // where a block of a length has free places
	for o := range opcodes {
		e := block[:place(o, &block)]
		if len(e) == 0 {
			opcodes[o] = opRare
			continue
		}
		short := uint8(8) // bytes of the immediate, unless an entry says that it is longer
		for i := range e {
			if e[i].last&lastSp != spBad {
				short = min(short, e[i].n)
			}
		}
		at, ok := half[len(e)]
		if delete(half, len(e)); !ok {
			at = end
			end += len(e)
			half[len(e)] = at + 2
		}
		opcodes[o] = uint32(at<<opAt) | e[0].length(short)
		if len(e) > 8 {
			opcodes[o] |= opExt
		}
		for i := range e {
			if i&2 != 0 {
				continue
			}
			if e[i].last&lastSp != spBad && e[i].n > short {
				e[i].last |= spLonger
				e[i].kinds = e[i].n - short
			}
			common[at+i] = e[i]
		}
	}
	for x := range sibs {
		index := x>>3&7 | x>>5&8
		if index == int(RSP) {
			index = 0xff
		}
		sibs[x] = uint64(x&7)<<modBase | uint64(index)<<modIndex | 1<<(x>>6&3)<<modScale
	}
	for r := range spread {
		n, high := uint64(r&15), uint64(0)
		if r >= 16 && n >= 4 && n < 8 {
			n, high = n-4, inHigh8
		}
		spread[r] = 0x10001<<n | n<<32 | n<<40 | high
	}
}

// length returns what an element of opcodes says of the length, for n bytes of immediate.
func (e *entry) length(n uint8) uint32 {
	if e.modrm != 0 {
		return uint32(n)<<opLen | opModRM
	}
	return uint32(n+1) << opLen
}

// place writes the entries of an element of opcodes as in common, and returns the length of the block, or 0 if
// they cannot be told apart by ModRM.reg, register form and operand size.
func place(o int, block *[64]entry) int {
	m, b := map1, uint8(o)
	if o >= 256 {
		m = map0F
	}
	if m == map1 && (legacy[b] != 0 || rexes[b] != 0 || b == 0x0f || b == 0x62 || b == 0x8f || b == 0xc4 || b == 0xc5) ||
		m == map0F && (b == 0x38 || b == 0x3a || b&0xfc == 0x20) {
		return 0
	}
	n := 8
	for i := 0; i < n; i++ {
		osz := uint16(i & 1)
		node := sub[roots[m][b]+uint16(i>>2&1)]
		if node>>nodeKind == nodeExt {
			n = 64
			node = sub[node&nodeAt+uint16(i>>3)]
		}
		if node>>nodeKind == nodeW {
			node = sub[node&nodeAt+osz]
		}
		if node > nodeAt {
			return 0
		}
		block[i] = entries[node+osz]
	}
	return n
}

// rexFields returns the element of rexes for a REX prefix.
func rexFields(b uint8) uint64 {
	r := uint64(b)
	return rexIs | r>>3&1<<rexOsz | r>>2&1<<(modReg+3) | r>>1&1<<rexX | r&1<<(modRm+3) | r&1<<(modBase+3)
}

// dispFields returns the shifts for a displacement of n bytes at i.
func dispFields(i, n int) uint64 {
	if n == 0 {
		return 63<<modLeft | 63<<modRight
	}
	return uint64(63-8*(i+n))<<modLeft | uint64(64-8*n)<<modRight
}

// Fields of the word that gathers what prefixes say and few instructions ask for. The low 16 bits
// are Flags.
const (
	hdrZ     = 16 // vector length (two bits) and operand size (two bits: 2, 4, 8 bytes)
	hdrOsz   = 18
	hdrVv    = 20      // vvvv
	hdrAsked = 1 << 24 // set by prefixes
	hdrRep   = 1 << 25
	hdrEvex  = 1 << 26
	hdrBcast = 1 << 27 // EVEX.b
	hdrVex   = 1 << 28 // VEX or XOP
)

// ops3dnow are the last bytes of the 3DNow! instructions.
var ops3dnow = [256]bool{
	0x0c: true, 0x0d: true, 0x1c: true, 0x1d: true, 0x8a: true, 0x8e: true, 0x90: true, 0x94: true,
	0x96: true, 0x97: true, 0x9a: true, 0x9e: true, 0xa0: true, 0xa4: true, 0xa6: true, 0xa7: true,
	0xaa: true, 0xae: true, 0xb0: true, 0xb4: true, 0xb6: true, 0xb7: true, 0xbb: true, 0xbf: true,
}

// MaxLen is the length of the longest instruction that the CPU accepts, in bytes. window is what the decoder may look at:
// 14 prefixes, the longest remainder, and what it loads in excess.
const (
	MaxLen = 15
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

	// The common case: perhaps a REX prefix, and an opcode of the first two maps. As few branches as
	// possible depend on the bytes: one that the CPU predicts wrongly costs as much as ten other lines.
	w := binary.LittleEndian.Uint64(p[:]) // from the opcode's last byte on, which lies at i
	r := rexes[uint8(w)]
	i := int(r >> 3 & 1)
	w >>= (uint32(uint8(w)) ^ 0x40 - 16) >> 28 & rexIs // negative for 40 to 4f
	h := uint32(0)
	k := opcodes[uint8(w)]
	var e *entry
	if k&opRare == 0 {
		e = &common[index(k, w, r)]
	} else {
		if uint8(w) == 0x0f {
			i++
			w = binary.LittleEndian.Uint64(p[i&31:])
			k = opcodes[256+uint(uint8(w))]
		}
		if k&opRare == 0 {
			e = &common[index(k, w, r)]
		} else {
			e, w, r, i, h = prefixes(p)
			k = uint32(e.n)<<opLen | opModRM
			if e.modrm == 0 {
				k = (uint32(e.n) + 1) << opLen
			}
		}
	}
	v := w >> 8
	m := modrm[uint8(v)]
	// Not from e and not after SIB: the next instruction waits for it.
	end := i + int(uint32(m)&k&modLen+k>>opLen&15)

	in.PC = pc
	what := e.what
	in.Op, in.Size, in.SrcSize, in.MemSize = Op(what), uint8(what>>8), uint8(what>>16), uint8(what>>24)
	m = m&e.modrm | e.bare | r
	if m&modSIB != 0 {
		x := uint8(v >> 8)
		m |= sibs[uint32(x)|uint32(m>>(rexX-8)&256)]
		if x&7 == 5 && uint8(v) < 0x40 {
			m = m&^modDisp | 0xff<<modBase | 15<<modLeft | 32<<modRight | 7 // no base
			end += 4
		}
	}
	in.Len = uint8(end)
	ea := uint32(m >> modBase)
	in.Base, in.Index, in.Scale, in.Cond = Reg(ea), Reg(ea>>8), uint8(ea>>16), uint8(ea>>24)
	a := spread[m>>modReg&15]&e.reg | spread[m>>modRm&15]&e.rm | e.fixed
	in.Def, in.Use, in.Dst, in.Src, in.Flags = uint16(a), uint16(a>>16), Reg(a>>32), Reg(a>>40), Flags(a>>48)

	disp := int64((v+v)<<(m>>modLeft&63)) >> (m >> modRight & 63)
	i += int(m & modLen)
	imm := int64(binary.LittleEndian.Uint64(p[i&31:])<<(e.shift&63)) >> (e.shift & 63) & int64(e.mask)
	next := int64(pc) + int64(end)
	in.Imm = imm + next&e.rel
	in.Disp = disp + next&(int64(m<<(63-modRIP))>>63)
	if uint32(e.last)|h != 0 {
		return last(e, in, m, r, h)
	}
	return true
}

// index returns the index in common for an element of opcodes.
func index(k uint32, w, r uint64) uint32 {
	return (k>>opAt + uint32(w>>8)&k&opExt + uint32(w&(w<<1))>>13&4 + uint32(r)>>rexOsz) & 4095
}

// choose follows a node to its entry.
func choose(node uint32, w, r uint64) *entry {
	for {
		k := node & nodeAt
		switch node >> nodeKind {
		case nodeExt:
			k += uint32(w) >> 11 & 7
		case nodeRm:
			k += uint32(w) >> 8 & 7
		case nodeW:
			k += uint32(r>>rexOsz) & 1
		default:
			return &entries[(node+uint32(r)>>rexOsz)&2047]
		}
		node = uint32(sub[k&nodeAt])
	}
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

// last does what an entry cannot say, or prefixes do. It reports whether the instruction is valid.
func last(e *entry, in *Inst, m, r uint64, h uint32) bool {
	if e.last&(lastReg|lastRm) != 0 && r&rexIs == 0 {
		a := spread[m>>modReg&15|uint64(e.last&lastReg)]&e.reg | spread[m>>modRm&15|uint64(e.last&lastRm>>1)]&e.rm | e.fixed
		in.Def, in.Use, in.Dst, in.Src, in.Flags = uint16(a), uint16(a>>16), Reg(a>>32), Reg(a>>40), Flags(a>>48)
	}
	in.Flags |= Flags(h)
	i := int(in.Len)
	next := int64(in.PC) + int64(i)
	switch e.last & lastSp {
	case spBad:
		return bad(in.PC, in)
	case spRel16:
		in.Imm = (in.Imm + next) & 0xffff
	case spLonger:
		in.Len += e.kinds
		if in.Base == RIP {
			in.Disp += int64(e.kinds)
		}
	case spRm0:
		if m>>modRm&7 != 0 {
			return bad(in.PC, in)
		}
	case spRep:
		if h&hdrRep != 0 {
			in.Def |= 1 << RCX
			in.Use |= 1 << RCX
			in.Flags |= FlagRep | FlagMemAny
			in.MemSize = 0
		}
	case spOne:
		in.Imm = 1
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
			in.Len -= 4
			in.Disp = int64(uint32(in.Disp))
		}
	case spCwd:
		if in.Size == 2 {
			in.Use |= 1 << RDX
		}
	case sp3dnow:
		if !ops3dnow[uint8(in.Imm)] {
			return bad(in.PC, in)
		}
	}
	if h == 0 {
		return true
	}
	if in.Len > MaxLen {
		return bad(in.PC, in)
	}
	if h&uint32(FlagAddr32) != 0 && in.Base == RIP {
		in.Disp = int64(uint32(in.Disp))
	}
	if in.Flags&FlagSeg != 0 && (in.Op == OpLea || in.Flags&(FlagMem|FlagImpMem) == 0) {
		in.Flags &^= FlagSeg
	}
	if h&(hdrEvex|hdrVex) != 0 && !vex(e, in, h, m>>modRight&63 == 56) {
		return bad(in.PC, in)
	}
	return true
}

// vex does what only VEX, EVEX and XOP have: a third register, and EVEX's memory operands, whose
// short displacements are scaled (SDM vol. 2, 2.7.5). It reports whether the instruction is valid.
func vex(e *entry, in *Inst, h uint32, short bool) bool {
	k := &kindTab[uint32(e.kinds)<<4|h>>hdrZ&15]
	vv, does := Reg(h>>hdrVv&15), k.vv
	if does&vvRead != 0 {
		in.Use |= 1 << vv
	}
	if does&vvWrite != 0 {
		in.Def |= 1 << vv
	}
	if does&vvDst != 0 {
		in.Dst = vv
	}
	if does&vvSrc != 0 {
		in.Src = vv
	}
	in.Size, in.MemSize, in.SrcSize = k.size, k.mem, 0
	if h&hdrEvex == 0 || in.Flags&FlagMem == 0 {
		return true
	}
	if h&hdrBcast != 0 {
		switch {
		case does&vvBcast == 0:
			return false
		case does&vvHalf != 0:
			in.MemSize = 2
		case h>>hdrOsz&2 != 0:
			in.MemSize = 8
		default:
			in.MemSize = 4
		}
	}
	if short {
		unit := in.MemSize
		if k.src != 0 {
			unit = k.src
		}
		in.Disp *= int64(unit)
	}
	return true
}

// A legacy prefix is Flags and these.
const (
	legacyIs   = 1 << 16
	legacyData = 1 << 17 // 66
	legacyF3   = 2 << 18 // two bits: the mandatory prefix
	legacyF2   = 3 << 18
	legacyRep  = 3 << 18
)

var legacy = [256]uint32{
	0x26: legacyIs, 0x2e: legacyIs, 0x36: legacyIs, 0x3e: legacyIs,
	0x64: legacyIs | uint32(FlagSeg), 0x65: legacyIs | uint32(FlagSeg),
	0x66: legacyIs | legacyData, 0x67: legacyIs | uint32(FlagAddr32),
	0xf0: legacyIs | uint32(FlagLock), 0xf2: legacyIs | legacyF2, 0xf3: legacyIs | legacyF3,
}

// prefixes decodes what comes before ModRM when it is not a mere REX prefix and an opcode of the first two
// maps: the entry, the bytes from the opcode's last one on, REX or the like
// of it as in rexes, the offset of that last byte, and in one word what else last has to know.
func prefixes(p *[window]byte) (e *entry, w, r uint64, i int, h uint32) {
	var f uint32
	b := p[0]
	for {
		for k := legacy[b]; k != 0; k = legacy[b] {
			if k&legacyRep != 0 {
				f &^= legacyRep
			}
			f |= k
			if i++; i == MaxLen {
				return &entries[0], 0, 0, 0, hdrAsked
			}
			b = p[i&31]
		}
		if r = rexes[b]; r == 0 {
			break
		}
		if i++; i == MaxLen {
			return &entries[0], 0, 0, 0, hdrAsked
		}
		b = p[i&31]
		if legacy[b] == 0 && rexes[b] == 0 {
			break // else it does not count
		}
	}
	h = f & 0xffff
	if i > 4 {
		h |= hdrAsked // it may be too long
	}
	pp := f >> 18
	if f&legacyData != 0 {
		pp = max(pp, 1)
	}
	var m int
	switch {
	case b == 0x0f:
		i++
		switch b = p[i&31]; b {
		case 0x38:
			i++
			m = map38
		case 0x3a:
			i++
			m = map3A
		default:
			m = map0F
		}
	case b != 0x62 && b != 0xc4 && b != 0xc5 && (b != 0x8f || p[i&31+1]&0x1f < 8):
		if pp >= 2 {
			h |= hdrRep
		}
		m, pp = map1, 0
	case r != 0 || f&(legacyData|legacyRep|uint32(FlagLock)) != 0:
		return &entries[0], 0, 0, 0, hdrAsked
	default:
		return simd(p, i, h)
	}
	w = binary.LittleEndian.Uint64(p[i&31:])
	if m == map0F && w&0xfc == 0x20 {
		w |= 0xc000 // moves to and from control and debug registers, where ModRM.mod does not count
	}
	if f&legacyData != 0 && r>>rexOsz&1 == 0 {
		r |= 2 << rexOsz
	}
	return look(m, pp, w, r), w, r, i, h
}

// look returns the entry for the opcode that w starts with.
func look(m int, prefix uint32, w, r uint64) *entry {
	at := uint32(roots[m][uint8(w)]) + prefix*2 + uint32(w&(w<<1))>>15&1
	return choose(uint32(sub[at&nodeAt]), w, r)
}

// simd does the same for VEX, EVEX and XOP, which lie at offset i.
func simd(p *[window]byte, i int, h uint32) (e *entry, w, r uint64, j int, hdr uint32) {
	i &= 31
	q, s := p[i+1], p[i+2]
	m := int(q & 0x1f)
	rex := 0x40 | ^q>>5&7 | s>>4&8
	h |= hdrVex | (1+uint32(s>>7))<<hdrOsz | uint32(s>>2&1)<<hdrZ | uint32(^s>>3&15)<<hdrVv
	switch b := p[i]; {
	case b == 0xc5:
		i += 2
		m = mapV1
		s = q
		rex = 0x40 | ^q>>5&4
		h = h&0xffff | hdrVex | 1<<hdrOsz | uint32(q>>2&1)<<hdrZ | uint32(^q>>3&15)<<hdrVv
	case b == 0xc4 && m >= 1 && m <= 3:
		i += 3
		m += mapV1 - 1
	case b == 0x62 && s&4 != 0 && evexMaps[q&15] >= 0:
		m = evexMaps[q&15]
		t := p[i+3]
		vl := uint32(t >> 5 & 3)
		i += 4
		h = h&0xffff | hdrEvex | (1+uint32(s>>7))<<hdrOsz | uint32(^s>>3&15)<<hdrVv
		if t&0x10 != 0 {
			h |= hdrBcast
			if p[i+1] >= 0xc0 {
				vl = 2 // L'L is the rounding mode
			}
		}
		h |= vl << hdrZ
	case b == 0x8f && m <= 10:
		i += 3
		m += mapX8 - 8
	default:
		return &entries[0], 0, 0, 0, hdrAsked
	}
	w = binary.LittleEndian.Uint64(p[i&31:])
	r = rexFields(rex)
	return look(m, uint32(s&3), w, r), w, r, i, h
}

var evexMaps = [16]int{-1, mapE1, mapE2, mapE3, -1, mapE5, mapE6, -1, -1, -1, -1, -1, -1, -1, -1, -1}
