package image

// NumRegs are the registers that unwinding follows, by DWARF number: 0..15 are
// rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp and r8 to r15, 16 is the return address
// (x86-64 psABI figure 3.36).
const NumRegs = 17

const (
	RegRSP, RegRBP, RegRA = regRSP, 6, 16

	maxCFIStack = 64 // of remember_state and of expressions; compilers need a handful
	maxCFISteps = 1 << 16
)

// Frame restores the registers of a function's caller, for one place in the
// function: what call frame information says about that (DWARF 5 section 6.4).
type Frame struct {
	Signal bool // the caller was interrupted, so its address is that of the instruction itself

	cfa rule
	reg [NumRegs]rule
}

// rule is how a value is found.
type rule struct {
	how  ruleKind
	reg  uint8  // for the CFA
	off  int64  // from the CFA or reg
	expr []byte // DWARF expression
}

type ruleKind uint8

const (
	ruleSame      ruleKind = iota // the register still has it
	ruleUndefined                 // lost
	ruleAt                        // stored at CFA+off
	ruleIs                        // is CFA+off
	ruleReg                       // is in reg
	ruleExprAt                    // stored at the address that the expression yields
	ruleExprIs                    // what the expression yields
	ruleUnknown                   // for the CFA: no rule
)

// Frame finds the rules that hold at an address, and false if the file has none.
// It searches .eh_frame from its start: it is for the odd question, not for loops.
func (f *File) Frame(addr uint64) (*Frame, bool) {
	fde := f.FDEAt(addr)
	if fde == nil {
		return nil, false
	}
	bases := ehBases{data: f.GotPLT}
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Name == ".eh_frame" && !s.NoBits {
			if fr, ok := f.frameIn(f.Bytes(s.Start)[:s.End-s.Start], s.Start, bases, fde, addr); ok {
				return fr, true
			}
		}
	}
	if h := f.Bytes(f.ehHdr.Start); f.ehHdr.Start != 0 && len(h) >= 4 {
		r := ehReader{b: h, addr: f.ehHdr.Start, pos: 4}
		start := r.pointer(h[1], ehBases{data: f.ehHdr.Start}, 0)
		if b := f.Bytes(start); !r.bad && b != nil {
			return f.frameIn(b, start, bases, fde, addr)
		}
	}
	return nil, false
}

// frameIn searches a section for an FDE and evaluates it.
func (f *File) frameIn(b []byte, base uint64, bases ehBases, want *FDE, addr uint64) (*Frame, bool) {
	var c cie // of the FDE before, which most have
	var init ehReader
	var ok bool
	last := -1
	for p := 0; p+4 <= len(b); {
		size := uint64(le32(b[p:]))
		body := p + 4
		if size == 0 {
			p = body
			continue
		}
		if size == 0xffffffff {
			if len(b)-body < 8 {
				return nil, false
			}
			size = le64(b[body:])
			body += 8
		}
		if size < 4 || size > uint64(len(b)-body) {
			return nil, false
		}
		p = body + int(size)
		id := le32(b[body:])
		if id == 0 {
			continue
		}
		if off := body - int(id); off != last {
			c, init, ok = cieAt(b, base, off, bases)
			last = off
		}
		if !ok {
			continue
		}
		r := ehReader{b: b[body:p:p], addr: base + uint64(body), pos: 4}
		if q := r; q.pointer(c.fdeEnc, bases, 0) != want.Start {
			continue
		}
		e := ehFrame{bases: bases}
		d, valid := e.fde(&c, r)
		if !valid || d.Start != want.Start || min(d.End, want.End) != want.End {
			continue
		}
		// The instructions follow the addresses and the augmentation.
		r.pointer(c.fdeEnc, bases, 0)
		r.raw(c.fdeEnc)
		if c.hasAug {
			r.skip(r.uleb())
		}
		if r.bad {
			return nil, false
		}
		fr := &Frame{Signal: c.signal}
		fr.cfa.how = ruleUnknown
		m := cfi{c: &c, bases: bases, at: d.Start, until: addr}
		if !m.run(&init, fr) {
			return nil, false
		}
		m.first = fr.reg
		m.inFDE = true
		return fr, m.run(&r, fr)
	}
	return nil, false
}

// cieAt parses the CIE at an offset of a section, and returns a reader of its instructions.
func cieAt(b []byte, base uint64, off int, bases ehBases) (cie, ehReader, bool) {
	if off < 0 || off+8 > len(b) || le32(b[off+4:]) != 0 {
		return cie{}, ehReader{}, false
	}
	size := le32(b[off:])
	if size < 4 || uint64(size) > uint64(len(b)-off-4) {
		return cie{}, ehReader{}, false
	}
	rec := b[off+4 : off+4+int(size)]
	r := ehReader{b: rec, addr: base + uint64(off) + 4, pos: 4}
	c := parseCIE(r, bases)
	if c.bad {
		return cie{}, ehReader{}, false
	}
	// The instructions follow what parseCIE has checked.
	ver := r.byte()
	aug := cstr(r.b, uint64(r.pos))
	r.skip(uint64(len(aug)) + 1)
	if aug == "eh" {
		r.skip(8)
	}
	if ver == 4 {
		r.skip(2)
	}
	c.codeAlign = r.uleb()
	r.sleb()
	if ver == 1 {
		r.byte()
	} else {
		r.uleb()
	}
	if c.hasAug {
		r.skip(r.uleb())
	}
	return c, r, !r.bad
}

// cfi runs call frame instructions up to an address.
type cfi struct {
	c         *cie
	bases     ehBases
	at, until uint64
	first     [NumRegs]rule // of the CIE, for restore
	inFDE     bool
	stack     []Frame
}

func (m *cfi) run(r *ehReader, fr *Frame) bool {
	set := func(reg uint64, u rule) {
		if reg < NumRegs {
			fr.reg[reg] = u
		}
	}
	offset := func() int64 { return int64(r.uleb()) * m.c.dataAlign }
	expr := func() []byte {
		n := r.uleb()
		if n > uint64(len(r.b)-r.pos) {
			r.bad = true
			return nil
		}
		r.skip(n)
		return r.b[r.pos-int(n) : r.pos]
	}
	for steps := 0; r.pos < len(r.b); steps++ {
		if r.bad || steps > maxCFISteps {
			return false
		}
		op := r.byte()
		advance := uint64(0)
		switch op & 0xc0 {
		case cfaAdvanceLoc:
			advance = uint64(op & 0x3f)
			op = cfaAdvanceLoc
		case cfaOffset:
			set(uint64(op&0x3f), rule{how: ruleAt, off: offset()})
			continue
		case cfaRestore:
			if reg := op & 0x3f; reg < NumRegs {
				fr.reg[reg] = m.first[reg]
			}
			continue
		}
		switch op {
		case cfaNop, cfaGNUWindowSave:
		case cfaAdvanceLoc, cfaAdvanceLoc1, cfaAdvanceLoc2, cfaAdvanceLoc4, cfaSetLoc:
			switch op {
			case cfaAdvanceLoc1:
				advance = uint64(r.byte())
			case cfaAdvanceLoc2:
				advance = uint64(le16(r.take(2)))
			case cfaAdvanceLoc4:
				advance = uint64(le32(r.take(4)))
			case cfaSetLoc:
				advance = r.pointer(m.c.fdeEnc, m.bases, 0) - m.at
				m.at += advance
				if m.at > m.until {
					return !r.bad
				}
				continue
			}
			m.at += advance * m.c.codeAlign
			if m.inFDE && m.at > m.until {
				return !r.bad
			}
		case cfaOffsetExt:
			set(r.uleb(), rule{how: ruleAt, off: offset()})
		case cfaOffsetExtSf:
			set(r.uleb(), rule{how: ruleAt, off: r.sleb() * m.c.dataAlign})
		case cfaGNUNegOffsetExt:
			set(r.uleb(), rule{how: ruleAt, off: -offset()})
		case cfaValOffset:
			set(r.uleb(), rule{how: ruleIs, off: offset()})
		case cfaValOffsetSf:
			set(r.uleb(), rule{how: ruleIs, off: r.sleb() * m.c.dataAlign})
		case cfaRegister:
			set(r.uleb(), rule{how: ruleReg, reg: uint8(min(r.uleb(), NumRegs))})
		case cfaRestoreExt:
			if reg := r.uleb(); reg < NumRegs {
				fr.reg[reg] = m.first[reg]
			}
		case cfaUndefined:
			set(r.uleb(), rule{how: ruleUndefined})
		case cfaSameValue:
			set(r.uleb(), rule{})
		case cfaGNUArgsSize:
			r.uleb()
		case cfaRememberState:
			if len(m.stack) >= maxCFIStack {
				return false
			}
			m.stack = append(m.stack, *fr)
		case cfaRestoreState:
			if len(m.stack) == 0 {
				return false
			}
			*fr = m.stack[len(m.stack)-1]
			m.stack = m.stack[:len(m.stack)-1]
		case cfaDefCFA:
			fr.cfa = rule{how: ruleReg, reg: uint8(min(r.uleb(), NumRegs)), off: int64(r.uleb())}
		case cfaDefCFASf:
			fr.cfa = rule{how: ruleReg, reg: uint8(min(r.uleb(), NumRegs)), off: r.sleb() * m.c.dataAlign}
		case cfaDefCFARegister:
			fr.cfa = rule{how: ruleReg, reg: uint8(min(r.uleb(), NumRegs)), off: fr.cfa.off}
		case cfaDefCFAOffset:
			fr.cfa.off = int64(r.uleb())
		case cfaDefCFAOffsetSf:
			fr.cfa.off = r.sleb() * m.c.dataAlign
		case cfaDefCFAExpression:
			fr.cfa = rule{how: ruleExprIs, expr: expr()}
		case cfaExpression:
			reg := r.uleb()
			set(reg, rule{how: ruleExprAt, expr: expr()})
		case cfaValExpression:
			reg := r.uleb()
			set(reg, rule{how: ruleExprIs, expr: expr()})
		default:
			return false
		}
	}
	return !r.bad
}

// Depth returns how many bytes the stack pointer is below what it was before the
// call of the function (the CFA), where it alone tells; 8 is only the return address.
func (fr *Frame) Depth() (int64, bool) {
	return fr.cfa.off, fr.cfa.how == ruleReg && fr.cfa.reg == RegRSP
}

// Caller returns the registers that the caller of a function has when the function
// returns. word reads eight bytes of memory. It is false if they cannot be known;
// a return address of 0 means that there is no caller.
func (fr *Frame) Caller(regs [NumRegs]uint64, word func(addr uint64) (uint64, bool)) ([NumRegs]uint64, bool) {
	m := expression{regs: regs, word: word}
	var cfa uint64
	switch fr.cfa.how {
	case ruleReg:
		if fr.cfa.reg >= NumRegs {
			return regs, false
		}
		cfa = regs[fr.cfa.reg] + uint64(fr.cfa.off)
	case ruleExprIs:
		v, ok := m.eval(fr.cfa.expr, nil)
		if !ok {
			return regs, false
		}
		cfa = v
	default:
		return regs, false
	}
	out := regs
	out[RegRSP] = cfa
	for i := range fr.reg {
		u, ok := fr.reg[i], true
		switch u.how {
		case ruleUndefined:
			out[i] = 0
		case ruleAt:
			out[i], ok = word(cfa + uint64(u.off))
		case ruleIs:
			out[i] = cfa + uint64(u.off)
		case ruleReg:
			if ok = u.reg < NumRegs; ok {
				out[i] = regs[u.reg]
			}
		case ruleExprAt:
			if out[i], ok = m.eval(u.expr, &cfa); ok {
				out[i], ok = word(out[i])
			}
		case ruleExprIs:
			out[i], ok = m.eval(u.expr, &cfa)
		}
		if !ok && i == RegRA {
			return regs, false
		}
		if !ok {
			out[i] = 0 // not worth the whole stack
		}
	}
	return out, true
}

// Operations of DWARF expressions that call frame information uses (DWARF 5
// section 7.7.1).
const (
	opAddr, opDeref, opConst1u, opConst1s, opConst2u, opConst2s = 0x03, 0x06, 0x08, 0x09, 0x0a, 0x0b
	opConst4u, opConst4s, opConst8u, opConst8s                  = 0x0c, 0x0d, 0x0e, 0x0f
	opConstu, opConsts, opDup, opDrop, opOver, opSwap           = 0x10, 0x11, 0x12, 0x13, 0x14, 0x16
	opAnd, opMinus, opMul, opNeg, opNot, opOr, opPlus           = 0x1a, 0x1c, 0x1e, 0x1f, 0x20, 0x21, 0x22
	opPlusUconst, opShl, opShr, opShra, opXor                   = 0x23, 0x24, 0x25, 0x26, 0x27
	opEq, opGe, opGt, opLe, opLt, opNe                          = 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e
	opLit0, opBreg0, opNop                                      = 0x30, 0x70, 0x96
)

// expression evaluates DWARF expressions without branches.
type expression struct {
	regs [NumRegs]uint64
	word func(addr uint64) (uint64, bool)
}

func (m *expression) eval(code []byte, first *uint64) (uint64, bool) {
	r := ehReader{b: code}
	var stack []uint64
	if first != nil {
		stack = append(stack, *first)
	}
	ok := true
	pop := func() uint64 {
		if len(stack) == 0 {
			ok = false
			return 0
		}
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return v
	}
	truth := func(b bool) uint64 {
		if b {
			return 1
		}
		return 0
	}
	for r.pos < len(code) && ok && !r.bad && len(stack) < maxCFIStack {
		op := r.byte()
		var v uint64
		switch {
		case op >= opLit0 && op < opLit0+32:
			v = uint64(op - opLit0)
		case op >= opBreg0 && op < opBreg0+NumRegs:
			v = m.regs[op-opBreg0] + uint64(r.sleb())
		case op == opNop:
			continue
		case op == opConst1u:
			v = uint64(r.byte())
		case op == opConst1s:
			v = uint64(int8(r.byte()))
		case op == opConst2u:
			v = uint64(le16(r.take(2)))
		case op == opConst2s:
			v = uint64(int16(le16(r.take(2))))
		case op == opConst4u:
			v = uint64(le32(r.take(4)))
		case op == opConst4s:
			v = uint64(int32(le32(r.take(4))))
		case op == opConst8u, op == opConst8s, op == opAddr:
			v = le64(r.take(8))
		case op == opConstu:
			v = r.uleb()
		case op == opConsts:
			v = uint64(r.sleb())
		case op == opDup:
			v = pop()
			stack = append(stack, v)
		case op == opDrop:
			pop()
			continue
		case op == opOver && len(stack) >= 2:
			v = stack[len(stack)-2]
		case op == opDeref:
			v, ok = m.word(pop())
		case op == opNeg:
			v = -pop()
		case op == opNot:
			v = ^pop()
		case op == opPlusUconst:
			v = pop() + r.uleb()
		case op == opSwap:
			b, a := pop(), pop()
			stack = append(stack, b)
			v = a
		default:
			b, a := pop(), pop()
			switch op {
			case opAnd:
				v = a & b
			case opMinus:
				v = a - b
			case opMul:
				v = a * b
			case opOr:
				v = a | b
			case opPlus:
				v = a + b
			case opShl:
				v = a << b
			case opShr:
				v = a >> b
			case opShra:
				v = uint64(int64(a) >> b)
			case opXor:
				v = a ^ b
			case opEq:
				v = truth(a == b)
			case opGe:
				v = truth(int64(a) >= int64(b))
			case opGt:
				v = truth(int64(a) > int64(b))
			case opLe:
				v = truth(int64(a) <= int64(b))
			case opLt:
				v = truth(int64(a) < int64(b))
			case opNe:
				v = truth(a != b)
			default:
				ok = false
			}
		}
		stack = append(stack, v)
	}
	v := pop()
	return v, ok && !r.bad && r.pos == len(code)
}
