package rpc

import (
	"cmp"
	"math"
	"slices"

	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

// value is something that a register can hold.
type value struct {
	kind valueKind
	n    uint64 // a constant, or the address of the instruction that left it there
	disp int64  // of a load: where it read, from the base on
}

type valueKind uint8

const (
	constant valueKind = iota
	loaded             // read from memory, not from the stack
	left               // by an instruction, or on entry
)

// values are the possible values of a register, sorted; nil is any.
type values []value

// maxValues is how many are kept.
const maxValues = 8

func union(a, b values) values {
	if a == nil || b == nil {
		return nil
	}
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) > maxValues {
		return nil
	}
	slices.SortFunc(out, func(x, y value) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.n, y.n), cmp.Compare(x.disp, y.disp))
	})
	return out
}

// meet reports whether two registers can hold the same.
func meet(a, b values) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(v value) bool { return slices.Contains(b, v) })
}

// state is what the registers hold, and behind them what was last stored to the first 8 bytes of anything but the stack, and to what.
type state [18]values

const (
	lastValue = 16
	lastBase  = 17
)

// flow is what is known of one function.
type flow struct {
	f      *unikernel.Func
	code   []x86.Inst
	before []*state // by instruction; nil: control does not come there
	table  bool     // a jump leads somewhere that is not known
}

// newFlow follows control through a function.
func newFlow(f *unikernel.Func, code []x86.Inst) *flow {
	w := &flow{f: f, code: code, before: make([]*state, len(code))}
	if len(code) == 0 {
		return w
	}
	var queue []int
	to := func(i int, s *state) {
		if i < 0 || i >= len(code) {
			return
		}
		old := w.before[i]
		if old == nil {
			c := *s
			w.before[i] = &c
			queue = append(queue, i)
			return
		}
		changed := false
		for r := range old {
			if u := union(old[r], s[r]); (u == nil) != (old[r] == nil) || len(u) != len(old[r]) {
				old[r], changed = u, true
			}
		}
		if changed {
			queue = append(queue, i)
		}
	}
	at := func(pc uint64) int {
		i, ok := slices.BinarySearchFunc(code, pc, func(in x86.Inst, pc uint64) int { return cmp.Compare(in.PC, pc) })
		if !ok {
			return -1
		}
		return i
	}
	run := func() {
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			in, s := &code[i], *w.before[i]
			step(in, &s)
			switch in.Op {
			case x86.OpJmp:
				to(at(uint64(in.Imm)), &s)
				continue
			case x86.OpJcc:
				to(at(uint64(in.Imm)), &s)
			case x86.OpJmpInd:
				w.table = true
				continue
			case x86.OpRet, x86.OpTrap:
				continue
			}
			to(i+1, &s)
		}
	}
	var entry state
	for r := range 16 {
		entry[r] = values{{kind: left, n: math.MaxUint64 - uint64(r)}}
	}
	to(0, &entry)
	run()
	// What no control comes to as far as is known can be anything.
	for i := range code {
		if w.before[i] == nil {
			to(i, &state{})
			run()
		}
	}
	return w
}

// step is what an instruction does to registers.
func step(in *x86.Inst, s *state) {
	const load = x86.FlagMem | x86.FlagMemIn
	dst := values(nil)
	switch {
	case in.Op == x86.OpMov && in.Flags&x86.FlagMem == 0 && in.Flags&x86.FlagImm != 0 && in.Size >= 4:
		dst = values{{kind: constant, n: uint64(in.Imm)}}
	case in.Op == x86.OpMov && in.Flags&x86.FlagMem == 0 && in.Size == 8 && general(in.Src):
		dst = s[in.Src]
	case in.Op == x86.OpLea && in.Base == x86.RIP:
		dst = values{{kind: constant, n: uint64(in.Disp)}}
	case in.Op == x86.OpXor && in.Flags&x86.FlagMem == 0 && in.Dst == in.Src:
		dst = values{{kind: constant}}
	case in.Op == x86.OpMov && in.Flags&load == load && in.Size == 8:
		if in.Base != x86.RSP && in.Base != x86.RBP { // not what was spilled to the stack
			dst = values{{kind: loaded, n: in.PC, disp: in.Disp}}
		}
	case in.Op == x86.OpCmov, in.Op == x86.OpXchg, in.Op == x86.OpCmpxchg, in.Op == x86.OpXadd, in.Op == x86.OpPop:
	case in.Flags&load != load:
		dst = values{{kind: left, n: in.PC}}
	}
	if in.Flags&x86.FlagMemOut != 0 && in.Disp == stateAt && general(in.Base) && in.Base != x86.RSP {
		s[lastValue], s[lastBase] = stored(in, s), s[in.Base]
		if in.MemSize != 8 || in.Index != x86.RegNone || in.Flags&x86.FlagSeg != 0 {
			s[lastValue], s[lastBase] = nil, nil
		}
	}
	def := in.Def
	if in.Op == x86.OpCall || in.Op == x86.OpCallInd {
		s[lastValue], s[lastBase] = nil, nil
		for _, r := range []x86.Reg{x86.RAX, x86.RCX, x86.RDX, x86.RSI, x86.RDI, x86.R8, x86.R9, x86.R10, x86.R11} {
			s[r] = values{{kind: left, n: in.PC + uint64(r)<<48}}
		}
		return
	}
	for r := range x86.Reg(16) {
		switch {
		case def&(1<<r) == 0:
		case r == in.Dst:
			s[r] = dst
		default:
			s[r] = nil
		}
	}
}

// stores calls yield with the stores of 8 bytes at an offset from what block can be, and with what is stored.
func (w *flow) stores(block values, offset int64, yield func(values)) {
	for i := range w.code {
		in, s := &w.code[i], w.before[i]
		if in.Flags&x86.FlagMemOut == 0 || in.MemSize != 8 || !general(in.Base) || in.Base == x86.RSP || in.Disp != offset ||
			in.Index != x86.RegNone || in.Flags&x86.FlagSeg != 0 || !meet(s[in.Base], block) {
			continue
		}
		yield(stored(in, s))
	}
}

// general reports whether there is a state of a register: not of %rip, and of none.
func general(r x86.Reg) bool { return r >= 0 && r < 16 }

// stored is what an instruction stores.
func stored(in *x86.Inst, s *state) values {
	switch {
	case in.Op == x86.OpMov && in.Flags&x86.FlagImm != 0:
		return values{{kind: constant, n: uint64(in.Imm)}}
	case in.Op == x86.OpMov && general(in.Src):
		return s[in.Src]
	}
	return nil
}

// within reports whether a register holds one of some values for certain.
func within(a, of values) bool {
	return len(a) > 0 && !slices.ContainsFunc(a, func(v value) bool { return !slices.Contains(of, v) })
}

// gates are the calls of functions that wait for a call to return.
func (w *flow) gates(waits map[uint64]bool) []Gate {
	var out []Gate
	for i := range w.code {
		in := &w.code[i]
		if !direct(in) || !waits[uint64(in.Imm)] || waits[w.f.Addr] {
			continue
		}
		g := Gate{Call: in.PC, In: w.f.Addr, Computed: w.table}
		block := w.before[i][x86.RDI]
		stored := false
		w.stores(block, functionAt, func(v values) {
			stored = true
			g.Computed = g.Computed || v == nil
			for _, x := range v {
				switch {
				case x.kind != constant:
					g.Computed = true
				case !slices.Contains(g.Targets, x.n):
					g.Targets = append(g.Targets, x.n)
				}
			}
		})
		g.Computed = g.Computed || !stored
		to := func(n int) {
			if !slices.Contains(g.To, n) {
				g.To = append(g.To, n)
			}
		}
		s := w.before[i]
		for _, x := range s[lastValue] { // the state is stored last
			if x.kind != constant || uint32(x.n) != called {
				to(Any)
			} else {
				to(int(x.n >> 40 & 0xff))
			}
		}
		if len(g.To) == 0 || !within(s[lastBase], block) || w.table || slices.Contains(g.To, Any) {
			g.To = []int{Any}
		}
		slices.Sort(g.To)
		slices.Sort(g.Targets)
		out = append(out, g)
	}
	return out
}

// servers are the calls of what was read from a control block.
func (w *flow) servers() []Server {
	var out []Server
	for i := range w.code {
		in := &w.code[i]
		if in.Op != x86.OpCallInd && in.Op != x86.OpJmpInd {
			continue
		}
		s := Server{Call: in.PC, In: w.f.Addr, Size: w.f.End() - in.PC, Reg: in.Src, Whose: w.f.Name}
		switch {
		case in.Flags&x86.FlagMem != 0:
			if in.Disp != functionAt {
				continue
			}
			s.Reg = x86.RegNone
		case !general(in.Src):
			continue
		default:
			v := w.before[i][in.Src]
			if v != nil && !slices.ContainsFunc(v, func(x value) bool { return x.kind == loaded && x.disp == functionAt }) {
				continue
			}
			if in.Op == x86.OpJmpInd {
				s.Reg = x86.RegNone
			}
		}
		out = append(out, s)
	}
	return out
}

// private returns the targets of a function's gates whose address it uses for nothing but to hand it over: each instruction that forms
// or reads it stores it to a control block, or leaves it in a register that no call takes as an argument.
func (w *flow) private(gates []Gate) []uint64 {
	var out []uint64
	blocks := values{}
	for _, g := range gates {
		if g.Computed {
			return nil
		}
		for i := range w.code {
			if w.code[i].PC == g.Call {
				blocks = union(blocks, w.before[i][x86.RDI])
			}
		}
		for _, a := range g.Targets {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return slices.DeleteFunc(out, func(a uint64) bool { return w.usesOtherwise(a, blocks) })
}

func (w *flow) usesOtherwise(a uint64, blocks values) bool {
	args := []x86.Reg{x86.RDI, x86.RSI, x86.RDX, x86.RCX, x86.R8, x86.R9}
	for i := range w.code {
		in, s := &w.code[i], w.before[i]
		holds := func(r x86.Reg) bool {
			return general(r) && (s[r] == nil && w.forms(a) || slices.Contains(s[r], value{kind: constant, n: a}))
		}
		if in.Flags&x86.FlagMemOut != 0 && in.Op == x86.OpMov && in.MemSize == 8 && in.Disp == functionAt && in.Index == x86.RegNone && general(in.Base) && meet(s[in.Base], blocks) {
			continue
		}
		switch in.Op {
		case x86.OpCall, x86.OpCallInd, x86.OpJmpInd:
			if slices.ContainsFunc(args, holds) {
				return true
			}
		case x86.OpRet:
			if holds(x86.RAX) || holds(x86.RDX) {
				return true
			}
			continue
		case x86.OpMov:
			if in.Flags&x86.FlagMem == 0 && in.Flags&x86.FlagImm != 0 && in.Size >= 4 {
				continue // into a register
			}
		case x86.OpLea:
			if in.Base == x86.RIP {
				continue
			}
		}
		if in.Op == x86.OpJmp && slices.ContainsFunc(args, holds) && (uint64(in.Imm) < w.f.Addr || uint64(in.Imm) >= w.f.End()) {
			return true
		}
		if !direct(in) && in.Flags&x86.FlagImm != 0 && uint64(in.Imm) == a {
			return true
		}
		for r := range x86.Reg(16) {
			if (in.Use>>r&1 != 0 || in.Base == r || in.Index == r) && holds(r) {
				return true
			}
		}
	}
	return false
}

// forms reports whether an instruction puts an address into a register. Where that is spilled or joined with too many others, it may be in any.
func (w *flow) forms(a uint64) bool {
	return slices.ContainsFunc(w.code, func(in x86.Inst) bool {
		return in.Op == x86.OpMov && in.Flags&(x86.FlagMem|x86.FlagImm) == x86.FlagImm && uint64(in.Imm) == a || in.Op == x86.OpLea && in.Base == x86.RIP && uint64(in.Disp) == a
	})
}
