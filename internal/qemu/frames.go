package qemu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// Frames is the call frame information of an image (DWARF 5 section 6.4): where, at
// each instruction, the frame of the function is and what its caller had in its registers.
type Frames struct {
	data []byte
	fdes []fde // by start
}

type fde struct {
	start, end uint64
	cie        *cie
	code       []byte
}

type cie struct {
	codeAlign uint64
	dataAlign int64
	ret       uint64 // register that stands for the return address
	code      []byte
}

var errFrames = errors.New("malformed call frame information")

// leb reads little-endian and LEB128 values. After an error it yields zeros.
type leb struct {
	b   []byte
	bad bool
}

func (r *leb) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return make([]byte, min(n, 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *leb) u8() byte    { return r.take(1)[0] }
func (r *leb) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *leb) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *leb) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *leb) uleb() (v uint64) {
	for s := uint(0); ; s += 7 {
		c := r.u8()
		if s < 64 {
			v |= uint64(c&0x7f) << s
		}
		if c&0x80 == 0 {
			return v
		}
	}
}

func (r *leb) sleb() int64 {
	var v uint64
	for s := uint(0); ; {
		c := r.u8()
		if s < 64 {
			v |= uint64(c&0x7f) << s
		}
		if s += 7; c&0x80 == 0 {
			if s < 64 && c&0x40 != 0 {
				v |= ^uint64(0) << s
			}
			return int64(v)
		}
	}
}

// ParseFrames reads a section .debug_frame of 64-bit addresses, which it borrows.
// Entries that it does not know (an augmentation, another address size) are left out.
func ParseFrames(data []byte) (*Frames, error) {
	f := &Frames{data: data}
	cies := map[uint64]*cie{}
	for off := uint64(0); off < uint64(len(data)); {
		r := leb{b: data[off:]}
		length, wide := uint64(r.u32()), false
		if length == 0xffffffff {
			length, wide = r.u64(), true
		}
		if r.bad || length > uint64(len(r.b)) {
			return nil, fmt.Errorf("%w: entry at offset %#x is longer than the section", errFrames, off)
		}
		next := uint64(len(data)) - uint64(len(r.b)) + length
		r.b = r.b[:length]
		id, isCIE := uint64(0), false
		if wide {
			id = r.u64()
			isCIE = id == ^uint64(0)
		} else {
			id = uint64(r.u32())
			isCIE = id == 0xffffffff
		}
		if isCIE {
			cies[off] = readCIE(&r)
		} else {
			c, ok := cies[id] // GNU tools put a CIE before its FDEs
			start, size := r.u64(), r.u64()
			if !ok || r.bad {
				return nil, fmt.Errorf("%w: entry at offset %#x", errFrames, off)
			}
			if c != nil && size > 0 && start+size > start {
				f.fdes = append(f.fdes, fde{start, start + size, c, r.b})
			}
		}
		off = next
	}
	slices.SortStableFunc(f.fdes, func(a, b fde) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	return f, nil
}

// readCIE returns nil for one that it does not know.
func readCIE(r *leb) *cie {
	version := r.u8()
	if aug := r.u8(); aug != 0 || version != 1 && version != 3 && version != 4 {
		return nil
	}
	if version == 4 && (r.u8() != 8 || r.u8() != 0) { // address and segment selector size
		return nil
	}
	c := &cie{codeAlign: r.uleb(), dataAlign: r.sleb()}
	if version == 1 {
		c.ret = uint64(r.u8())
	} else {
		c.ret = r.uleb()
	}
	c.code = r.b
	if r.bad {
		return nil
	}
	return c
}

// Registers by their DWARF numbers (psABI figure 3.36), as Regs numbers them.
var dwarfRegs = [17]int{RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, RIP}

const dwarfRSP = 7

// rule says what the caller had in a register.
type rule struct {
	kind   ruleKind
	offset int64  // from the CFA
	reg    uint64 // that has it
}

type ruleKind uint8

const (
	same     ruleKind = iota // the register still has it; of the return address: nothing is known
	atOffset                 // it is in memory
	isOffset                 // it is the address itself
	inReg
	undefined  // it is lost; of the return address: there is no caller
	expression // DWARF, which is not evaluated
)

// row is a row of the table that the instructions describe.
type row struct {
	cfa  rule // inReg with an offset, or expression
	regs [17]rule
}

// at returns the row for a pc, false if nothing covers it.
func (f *Frames) at(pc uint64) (w row, ret uint64, ok bool) {
	i := sort.Search(len(f.fdes), func(i int) bool { return f.fdes[i].start > pc })
	for i--; i >= 0; i-- {
		e := &f.fdes[i]
		if pc >= e.end {
			return w, 0, false // frames of functions do not nest
		}
		m := machine{cie: e.cie, loc: e.start, pc: pc}
		m.row.cfa = rule{kind: expression}
		if m.run(e.cie.code, true); !m.bad {
			m.initial = m.row
			m.run(e.code, false)
		}
		if m.bad || e.cie.ret >= uint64(len(dwarfRegs)) {
			return w, 0, false
		}
		return m.row, e.cie.ret, true
	}
	return w, 0, false
}

// machine executes call frame instructions up to the row for pc.
type machine struct {
	cie          *cie
	loc, pc      uint64
	row, initial row
	stack        []row
	bad          bool
}

func (m *machine) set(reg uint64, r rule) {
	if reg < uint64(len(m.row.regs)) { // vector registers do not matter
		m.row.regs[reg] = r
	}
}

// advance reports whether the row goes on beyond pc.
func (m *machine) advance(n uint64) bool {
	m.loc += n * m.cie.codeAlign
	return m.loc > m.pc
}

// run executes instructions (DWARF 5 section 6.4.2; numbers: section 7.24).
func (m *machine) run(code []byte, isCIE bool) {
	r := leb{b: code}
	for len(r.b) > 0 && !m.bad {
		op := r.u8()
		low := uint64(op & 0x3f)
		switch op & 0xc0 {
		case 0x40: // advance_loc
			if m.advance(low) {
				return
			}
			continue
		case 0x80: // offset
			m.set(low, rule{kind: atOffset, offset: int64(r.uleb()) * m.cie.dataAlign})
			continue
		case 0xc0: // restore
			m.restore(low, isCIE)
			continue
		}
		switch op {
		case 0x00: // nop
		case 0x01: // set_loc
			if m.loc = r.u64(); m.loc > m.pc {
				return
			}
		case 0x02: // advance_loc1
			if m.advance(uint64(r.u8())) {
				return
			}
		case 0x03: // advance_loc2
			if m.advance(uint64(r.u16())) {
				return
			}
		case 0x04: // advance_loc4
			if m.advance(uint64(r.u32())) {
				return
			}
		case 0x05: // offset_extended
			reg := r.uleb()
			m.set(reg, rule{kind: atOffset, offset: int64(r.uleb()) * m.cie.dataAlign})
		case 0x06: // restore_extended
			m.restore(r.uleb(), isCIE)
		case 0x07: // undefined
			m.set(r.uleb(), rule{kind: undefined})
		case 0x08: // same_value
			m.set(r.uleb(), rule{kind: same})
		case 0x09: // register
			reg := r.uleb()
			m.set(reg, rule{kind: inReg, reg: r.uleb()})
		case 0x0a: // remember_state
			if len(m.stack) == 64 {
				m.bad = true
			}
			m.stack = append(m.stack, m.row)
		case 0x0b: // restore_state
			if len(m.stack) == 0 {
				m.bad = true
				break
			}
			m.row = m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
		case 0x0c: // def_cfa
			reg := r.uleb()
			m.row.cfa = rule{kind: inReg, reg: reg, offset: int64(r.uleb())}
		case 0x0d: // def_cfa_register
			m.row.cfa.kind, m.row.cfa.reg = inReg, r.uleb()
		case 0x0e: // def_cfa_offset
			m.row.cfa.offset = int64(r.uleb())
		case 0x0f: // def_cfa_expression
			r.take(r.uleb())
			m.row.cfa = rule{kind: expression}
		case 0x10, 0x16: // expression, val_expression
			reg := r.uleb()
			r.take(r.uleb())
			m.set(reg, rule{kind: expression})
		case 0x11: // offset_extended_sf
			reg := r.uleb()
			m.set(reg, rule{kind: atOffset, offset: r.sleb() * m.cie.dataAlign})
		case 0x12: // def_cfa_sf
			reg := r.uleb()
			m.row.cfa = rule{kind: inReg, reg: reg, offset: r.sleb() * m.cie.dataAlign}
		case 0x13: // def_cfa_offset_sf
			m.row.cfa.offset = r.sleb() * m.cie.dataAlign
		case 0x14: // val_offset
			reg := r.uleb()
			m.set(reg, rule{kind: isOffset, offset: int64(r.uleb()) * m.cie.dataAlign})
		case 0x15: // val_offset_sf
			reg := r.uleb()
			m.set(reg, rule{kind: isOffset, offset: r.sleb() * m.cie.dataAlign})
		case 0x2e: // GNU_args_size
			r.uleb()
		default:
			m.bad = true
		}
		m.bad = m.bad || r.bad
	}
	m.bad = m.bad || r.bad
}

func (m *machine) restore(reg uint64, isCIE bool) {
	switch {
	case isCIE:
		m.bad = true
	case reg < uint64(len(m.row.regs)):
		m.row.regs[reg] = m.initial.regs[reg]
	}
}

// caller returns the registers of the caller of the code at r's RIP: its RIP is the
// return address. word reads memory. It reports false where the information ends:
// nothing covers the address, it needs an expression, or there is no caller.
func (f *Frames) caller(r Regs, pc uint64, word func(uint64) (uint64, error)) (Regs, bool) {
	w, ret, ok := f.at(pc)
	if !ok || w.cfa.kind != inReg || w.cfa.reg >= uint64(len(dwarfRegs)) {
		return r, false
	}
	cfa := r[dwarfRegs[w.cfa.reg]] + uint64(w.cfa.offset)
	up := r
	for i, u := range w.regs {
		var v uint64
		switch u.kind {
		case same:
			if uint64(i) == ret {
				return r, false
			}
			continue
		case atOffset:
			var err error
			if v, err = word(cfa + uint64(u.offset)); err != nil {
				return r, false
			}
		case isOffset:
			v = cfa + uint64(u.offset)
		case inReg:
			if u.reg >= uint64(len(dwarfRegs)) {
				return r, false
			}
			v = r[dwarfRegs[u.reg]]
		case undefined:
			if uint64(i) == ret {
				return r, false
			}
		case expression:
			return r, false
		}
		up[dwarfRegs[i]] = v
	}
	if w.regs[dwarfRSP].kind == same {
		up[RSP] = cfa
	}
	return up, true
}
