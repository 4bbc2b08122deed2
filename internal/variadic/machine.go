package variadic

import (
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

const (
	maxSteps  = 1 << 15 // instructions of an execution
	maxAll    = 1 << 22 // and of all
	maxStates = 1 << 11 // ways that wait
	maxFrames = maxChain + 2
	askSteps  = 1 << 8 // what a question to package dataflow counts for
)

// Registers by their use (psABI, section 3.2.1).
const (
	preserved = 1<<x86.RBX | 1<<x86.RBP | 1<<x86.RSP | 1<<x86.R12 | 1<<x86.R13 | 1<<x86.R14 | 1<<x86.R15
	others    = 0xffff &^ preserved
)

var params = [6]x86.Reg{x86.RDI, x86.RSI, x86.RDX, x86.RCX, x86.R8, x86.R9}

// machine is one execution of what a call calls.
type machine struct {
	g     *reach.Graph
	sink  Sink
	chain []reach.UnitID
	edge  reach.Edge // the call
	pc    uint64     // its address

	entry int64 // rsp on entry to what it calls
	found []Address
	steps int
	todo  []*state
	seen  map[string]bool

	in  x86.Inst // memory of step, of jump, and of at
	key []byte
	of  []dataflow.Passed
}

// run executes the block of a call from its start on, and then what is called. It reports whether all that
// the sink gets is known.
func (m *machine) run(from, pc uint64) bool {
	m.pc = pc
	s := m.caller(from)
	if s == nil {
		return false
	}
	m.todo = append(m.todo, s)
	for len(m.todo) > 0 {
		s := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		for on := true; on; {
			var ok bool
			if m.steps++; m.steps > maxSteps || len(m.todo) > maxStates {
				return false
			}
			if on, ok = m.step(s); !ok {
				return false
			}
		}
	}
	return true
}

// caller executes the caller's block up to the call, and returns the state on entry to what is called, nil if
// that cannot be done.
func (m *machine) caller(from uint64) *state {
	img := m.g.Unit(m.edge.Unit).Image
	if from == 0 || from > m.pc {
		return nil
	}
	s := &state{img: img, pc: from, shared: true, lost: true}
	for r := range s.r {
		s.r[r] = value{kind: before, n: int64(r)}
	}
	s.r[x86.RSP] = value{kind: stack}
	var in x86.Inst
	for {
		if m.steps++; m.steps > maxSteps || !m.decode(s, &in) {
			return nil
		}
		if s.pc >= m.pc {
			break
		}
		next := s.pc + uint64(in.Len)
		switch in.Op {
		case x86.OpCall, x86.OpCallInd:
			s.smash()
			s.clobber(others)
		case x86.OpJmp, x86.OpJcc, x86.OpJmpInd, x86.OpRet, x86.OpTrap, x86.OpSyscall, x86.OpSysenter, x86.OpInt80:
			return nil
		default:
			if !m.compute(s, &in) {
				return nil
			}
		}
		s.pc = next
	}
	if s.pc != m.pc {
		return nil
	}
	switch in.Op {
	case x86.OpCall, x86.OpCallInd:
		if in.Op == x86.OpCallInd && in.Base != x86.RIP {
			return nil
		}
		if !m.push(s, value{}, false) {
			return nil
		}
	case x86.OpJmp:
	case x86.OpJmpInd:
		if in.Base != x86.RIP {
			return nil
		}
	default:
		return nil
	}
	return m.enter(s)
}

// enter makes the state before a call that on entry to what is called. Of the caller's stack it keeps what is no address of it.
func (m *machine) enter(s *state) *state {
	u := m.g.Unit(m.chain[len(m.chain)-1])
	s.img, s.pc = u.Image, u.Entry
	s.shared, s.lost, s.flags = false, false, compared{}
	m.entry = s.r[x86.RSP].n
	for i := range s.cells {
		if s.cells[i].saved = false; s.cells[i].v.inFrame() {
			s.cells[i].v = value{}
		}
	}
	for r := range s.r {
		v := &s.r[r]
		switch {
		case x86.Reg(r) == x86.RSP:
		case v.kind == before && slices.Contains(params[:], x86.Reg(r)):
			*v = m.asked(summary.Value{Kind: summary.Arg, Reg: uint8(r)})
		case v.kind == before || v.inFrame():
			*v = value{}
		}
	}
	s.frames = []frame{{unit: m.chain[len(m.chain)-1], sp: m.entry, fresh: preserved}}
	return s
}

// asked returns what package dataflow knows that the call passes.
func (m *machine) asked(par summary.Value) value {
	m.steps += askSteps
	img := m.g.Unit(m.edge.Unit).Image
	var is value
	for i, p := range m.at(m.g.QueryWords(m.edge.Unit, m.edge.At, par), m.pc) {
		var v value
		if len(p.Values) == 1 {
			switch x := p.Values[0]; x.Kind {
			case summary.Const:
				v = m.constant(img, uint64(x.N))
			case summary.Addr:
				v = m.address(img, x.N)
			}
		}
		if i > 0 && v != is {
			return value{}
		}
		is = v
	}
	return is
}

// at returns the answers of one place. They are valid until the next call.
func (m *machine) at(all []dataflow.Passed, pc uint64) []dataflow.Passed {
	m.of = m.of[:0]
	for _, p := range all {
		if p.PC == pc {
			m.of = append(m.of, p)
		}
	}
	return m.of
}

// address returns an address of an image.
func (m *machine) address(img int, n int64) value {
	return value{kind: addr, img: int32(img), n: n, fixed: m.g.Members[img].Type == image.ETExec}
}

// constant returns a number in code, which in a file at a fixed address may be an address.
func (m *machine) constant(img int, n uint64) value {
	if i := m.g.Members[img]; i.Type == image.ETExec && slices.ContainsFunc(i.Segments, func(s image.Segment) bool { return n-s.Addr < s.MemSize }) {
		return m.address(img, int64(n))
	}
	return num(n)
}

func (m *machine) decode(s *state, in *x86.Inst) bool {
	i := m.g.Members[s.img]
	return i.Exec(s.pc) && x86.Decode(i.Bytes(s.pc), s.pc, in)
}

// step executes an instruction. on is false where the way ends; ok if nothing can be said.
func (m *machine) step(s *state) (on, ok bool) {
	in := &m.in
	if !m.decode(s, in) {
		return false, false
	}
	if u := m.g.Unit(m.sink.Unit); s.pc == u.Entry && s.img == u.Image {
		return m.gone(s, m.sink.Args, true)
	}
	next := s.pc + uint64(in.Len)
	switch in.Op {
	case x86.OpTrap:
		return false, true
	case x86.OpSyscall, x86.OpSysenter, x86.OpInt80:
		return false, false
	case x86.OpJmp:
		return m.jump(s, uint64(in.Imm))
	case x86.OpJcc:
		return m.branch(s, in, next)
	case x86.OpCall:
		if target := uint64(in.Imm); target != next {
			return m.call(s, in, target, false)
		}
		return false, false
	case x86.OpCallInd:
		if in.Base == x86.RIP {
			return m.call(s, in, uint64(in.Disp), true)
		}
		v := m.operand(s, in, in.Src, 8)
		switch {
		case v.kind == addr && int(v.img) == s.img:
			return m.call(s, in, uint64(v.n), false)
		case v.kind == loaded && int(v.img) == s.img:
			return m.call(s, in, uint64(v.n), true)
		case m.pointer(s):
			return m.outside(s, in, -1)
		}
		return false, false
	case x86.OpJmpInd:
		if in.Base != x86.RIP {
			return false, false
		}
		return m.tail(s, uint64(in.Disp))
	case x86.OpRet:
		return m.ret(s, in)
	}
	if !m.compute(s, in) {
		return false, false
	}
	s.pc = next
	return true, true
}

// pointer reports whether package dataflow does not know either what is called. If it does, as it may where words of the stack are not known here, it
// may be what is executed, or the sink; neither is called through a pointer.
func (m *machine) pointer(s *state) bool {
	all := m.g.QueryWords(s.frames[len(s.frames)-1].unit, summary.AnyPointer, dataflow.Param{Kind: summary.Arg, Reg: uint8(x86.RDI)})
	return len(m.at(all, s.pc)) > 0
}

// jump goes to code of the same file. What was there in the same state need not be executed again.
func (m *machine) jump(s *state, to uint64) (on, ok bool) {
	s.pc = to
	m.key = s.key(m.key[:0])
	if m.seen[string(m.key)] {
		return false, true
	}
	m.seen[string(m.key)] = true
	return true, true
}

func (m *machine) branch(s *state, in *x86.Inst, next uint64) (on, ok bool) {
	taken, known := s.flags.holds(in.Cond)
	if in.Cond == 0xff {
		known = false
		s.clobber(in.Def)
	}
	switch {
	case known && taken:
		return m.jump(s, uint64(in.Imm))
	case known:
		return m.jump(s, next)
	}
	t := s.clone()
	if on, _ := m.jump(t, uint64(in.Imm)); on {
		m.todo = append(m.todo, t)
	}
	return m.jump(s, next)
}

// mine reports whether there is a unit among to that is executed; all of them have to be then.
func (m *machine) mine(to []reach.UnitID) (one, ok bool) {
	one = slices.ContainsFunc(to, func(id reach.UnitID) bool { return slices.Contains(m.chain, id) })
	return one, !one || len(to) == 1
}

// call executes a call of code at an address of the file, or through a slot.
func (m *machine) call(s *state, in *x86.Inst, at uint64, slot bool) (on, ok bool) {
	to := m.g.Called(s.img, at, slot)
	one, ok := m.mine(to)
	f := m.g.Members[s.img].FDEAt(s.pc)
	switch {
	case !ok:
		return false, false
	case slices.Contains(to, m.sink.Unit):
		if !m.note(s) {
			return false, false
		}
		return m.outside(s, in, m.sink.Args)
	case !one:
		if m.g.ReturnsTwice(s.img, at, slot) || !slot && f != nil && at > f.Start && at < f.End {
			return false, false
		}
		return m.outside(s, in, -1)
	}
	if len(s.frames) == maxFrames || f != nil && f.LSDA != 0 || !m.push(s, value{}, false) {
		return false, false
	}
	u := m.g.Unit(to[0])
	s.frames = append(s.frames, frame{to[0], s.img, in.PC + uint64(in.Len), s.r[x86.RSP].n, preserved})
	s.img = u.Image
	return m.jump(s, u.Entry)
}

// tail executes a jump through a slot.
func (m *machine) tail(s *state, slot uint64) (on, ok bool) {
	to := m.g.Called(s.img, slot, true)
	one, ok := m.mine(to)
	switch {
	case !ok || m.g.ReturnsTwice(s.img, slot, true):
		return false, false
	case slices.Contains(to, m.sink.Unit):
		return m.gone(s, m.sink.Args, true)
	case one:
		u := m.g.Unit(to[0])
		s.img, s.frames[len(s.frames)-1].unit = u.Image, to[0]
		return m.jump(s, u.Entry)
	}
	return m.gone(s, -1, false)
}

// gone goes on where code that is not executed, and that was jumped to, returns to.
func (m *machine) gone(s *state, args int, sink bool) (on, ok bool) {
	if sink && !m.note(s) {
		return false, false
	}
	m.leave(s, args)
	return m.ret(s, &x86.Inst{})
}

// note writes down what the sink gets.
func (m *machine) note(s *state) bool {
	switch v := s.r[m.sink.Reg]; {
	case v.kind == addr:
		if a := (Address{int(v.img), uint64(v.n)}); !slices.Contains(m.found, a) {
			m.found = append(m.found, a)
		}
		return true
	case v.kind == number && v.n == 0:
		return true
	}
	return false
}

// outside goes on behind a call of code that is not executed. args is as in Sink.
func (m *machine) outside(s *state, in *x86.Inst, args int) (on, ok bool) {
	f := m.g.Members[s.img].FDEAt(s.pc)
	if f != nil && f.LSDA != 0 {
		return false, false
	}
	m.leave(s, args)
	s.pc += uint64(in.Len)
	return f == nil || f.End != s.pc, true // noreturn-at-end
}

// leave makes the state that there is after code that is not executed, of that before.
func (m *machine) leave(s *state, args int) {
	for r := range s.r {
		if others>>uint(r)&1 != 0 && s.r[r].inFrame() && (args < 0 || slices.Contains(params[:args], x86.Reg(r))) {
			s.shared = true
		}
	}
	if args < 0 && s.passes(s.frames[len(s.frames)-1].sp) {
		s.shared = true
	}
	if s.shared {
		s.smash()
	}
	for r := range s.r {
		switch {
		case others>>uint(r)&1 == 0:
		case args >= 0:
			s.r[r] = value{}
		default:
			s.r[r] = derived(s.r[r]) // a function of the same file may be known to leave it alone
		}
	}
	s.flags.known = false
}

// passes reports whether an address in the stack may be an argument on the stack: these are words
// in a row from rsp on, up to the return address of the function.
func (s *state) passes(end int64) bool {
	for off := s.r[x86.RSP].n; off < end; off += 8 {
		i, j := s.over(off, off+8)
		if i == j || s.cells[i].saved {
			return false
		}
		if s.holds(off, off+8) {
			return true
		}
	}
	return false
}

func (m *machine) ret(s *state, in *x86.Inst) (on, ok bool) {
	f := s.frames[len(s.frames)-1]
	if s.r[x86.RSP] != (value{kind: stack, n: f.sp}) {
		return false, false
	}
	if s.frames = s.frames[:len(s.frames)-1]; len(s.frames) == 0 {
		return false, true
	}
	if in.Flags&x86.FlagImm != 0 || in.Imm != 0 {
		return false, false // the callee takes its arguments off
	}
	s.r[x86.RSP].n += 8
	s.img = f.img
	s.flags.known = false
	return m.jump(s, f.ret)
}

func (m *machine) push(s *state, v value, saved bool) bool {
	sp := &s.r[x86.RSP]
	if sp.kind != stack {
		return false
	}
	sp.n -= 8
	s.put(sp.n, 8, v, saved)
	return true
}

func (s *state) clobber(regs uint16) {
	for r := range s.r {
		if regs>>uint(r)&1 != 0 {
			s.r[r] = value{}
			if n := len(s.frames); n > 0 {
				s.frames[n-1].fresh &^= 1 << uint(r)
			}
		}
	}
}

// argument returns what the call passes in size bytes at off of the stack.
func (m *machine) argument(s *state, off int64, size uint8) value {
	if off < m.entry+8 || s.lost || off&7 != m.entry&7 {
		return value{}
	}
	v := m.asked(summary.Value{Kind: summary.Stack, N: off - m.entry})
	return v.cut(size)
}

// file returns what size bytes of a file hold, if nothing changes them.
func (m *machine) file(img int, a uint64, size uint8) value {
	i := m.g.Members[img]
	rs := i.RelocsIn(max(a, 7)-7, a+uint64(size))
	if size == 8 && len(rs) == 1 && rs[0].Addr == a && (!i.Writable(a) || i.Relro.Contains(a)) {
		if rs[0].Sym == 0 && rs[0].Type == relative {
			return m.address(img, int64(rs[0].Addend))
		}
		return value{kind: loaded, img: int32(img), n: int64(a)}
	}
	b := i.Bytes(a)
	if len(rs) > 0 || len(b) < int(size) || size > 8 || i.Writable(a) {
		return value{}
	}
	var w [8]byte
	copy(w[:], b[:size])
	return m.constant(img, binary.LittleEndian.Uint64(w[:]))
}

// relative is the type of relocations that add the address that the file is loaded at (R_X86_64_RELATIVE).
const relative = 8
