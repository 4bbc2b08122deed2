package bpf

import (
	"math"
	"slices"

	"golang.org/x/net/bpf"

	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// The opcodes that are emitted: include/uapi/linux/bpf_common.h.
const (
	opLoad = 0x20 // BPF_LD | BPF_W | BPF_ABS
	opAnd  = 0x54 // BPF_ALU | BPF_AND | BPF_K
	opJA   = 0x05 // BPF_JMP | BPF_JA
	opJEq  = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	opJGe  = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	opRet  = 0x06 // BPF_RET | BPF_K
)

// A nodeID is an instruction with all that may follow it. Equal ones have one id.
type nodeID int32

// A node is an instruction. Loads and ands have one successor, yes.
type node struct {
	op      uint16
	k       uint32
	yes, no nodeID
}

// A builder makes a graph of instructions from its ends to its start.
type builder struct {
	nodes []node
	ids   map[node]nodeID
}

func newBuilder() *builder { return &builder{ids: make(map[node]nodeID)} }

func (b *builder) node(n node) nodeID {
	if n.op != opRet && n.op != opLoad && n.op != opAnd && n.yes == n.no {
		return n.yes
	}
	id, ok := b.ids[n]
	if !ok {
		id = nodeID(len(b.nodes))
		b.nodes = append(b.nodes, n)
		b.ids[n] = id
	}
	return id
}

func (b *builder) ret(a policy.Action) nodeID {
	return b.node(node{op: opRet, k: uint32(a)})
}

func (b *builder) load(off uint32, next nodeID) nodeID {
	return b.node(node{op: opLoad, k: off, yes: next})
}

func (b *builder) branch(op uint16, k uint32, yes, no nodeID) nodeID {
	return b.node(node{op: op, k: k, yes: yes, no: no})
}

// program is the whole filter.
func (b *builder) program(p *policy.Policy) nodeID {
	otherwise := b.ret(p.Default)
	root := otherwise
	if p.Has(sysno.I386) {
		root = b.branch(opJEq, policy.ArchI386, b.load(offNumber, b.numbers(p, sysno.I386)), root)
	}
	if p.Has(sysno.X86_64) || p.Has(sysno.X32) {
		root = b.branch(opJEq, policy.ArchX86_64, b.load(offNumber, b.numbers(p, sysno.X86_64, sysno.X32)), root)
	}
	if root == otherwise {
		return root
	}
	return b.load(offArch, root)
}

// numbers is the tree over the numbers of one architecture.
func (b *builder) numbers(p *policy.Policy, abis ...sysno.ABI) nodeID {
	var segs []segment
	next := uint64(0) // the number behind the segments
	add := func(end uint64, to nodeID, weight float64) {
		segs = append(segs, segment{first: uint32(next), last: uint32(end - 1), to: to, weight: weight})
		next = end
	}
	for _, abi := range abis {
		base := uint64(0)
		if abi == sysno.X32 {
			base = sysno.X32Bit
		}
		if !p.Has(abi) {
			if abi == sysno.X86_64 {
				add(sysno.X32Bit, b.ret(p.Default), refused)
			}
			continue
		}
		rules := rulesOf(p, abi)
		for nr := 0; nr <= sysno.Max(abi) || len(rules) > 0; nr++ {
			call := sysno.Call{ABI: abi, Nr: nr}
			switch _, known := sysno.Name(abi, nr); {
			case len(rules) > 0 && rules[0].Call == call:
				weight := refused
				if rules[0].Allows() {
					weight = 1
				}
				add(base+uint64(nr)+1, b.clauses(rules[0].Clauses, b.ret(p.Default)), weight)
				rules = rules[1:]
			case known:
				add(base+uint64(nr)+1, b.ret(p.Default), refused)
			case len(rules) > 0:
				// Rules may be for numbers far away that no table names.
				end := rules[0].Call.Nr
				if top := sysno.Max(abi); nr <= top {
					end = min(end, nr+1)
				}
				add(base+uint64(end), b.ret(p.Unknown), refused)
				nr = end - 1
			default:
				add(base+uint64(nr)+1, b.ret(p.Unknown), refused)
			}
		}
		end := base + sysno.X32Bit
		if abi == sysno.I386 {
			end = 1 << 31 // i386 has no bit for x32
		}
		add(end, b.ret(p.Unknown), refused)
	}
	if next < 1<<32 {
		add(1<<32, b.ret(p.Default), refused)
	}
	return b.tree(merge(segs))
}

func rulesOf(p *policy.Policy, abi sysno.ABI) []policy.Rule {
	first := slices.IndexFunc(p.Rules, func(r policy.Rule) bool { return r.Call.ABI == abi })
	if first < 0 {
		return nil
	}
	n := slices.IndexFunc(p.Rules[first:], func(r policy.Rule) bool { return r.Call.ABI != abi })
	if n < 0 {
		return p.Rules[first:]
	}
	return p.Rules[first : first+n]
}

// clauses tests the arguments of a call, clause by clause.
func (b *builder) clauses(list []policy.Clause, otherwise nodeID) nodeID {
	for _, c := range slices.Backward(list) {
		yes := b.ret(c.Action)
		for _, t := range slices.Backward(c.Tests) {
			yes = b.test(&t, yes, otherwise)
		}
		otherwise = yes
	}
	return otherwise
}

// test is the start of a test of one argument.
func (b *builder) test(t *policy.Test, yes, no nodeID) nodeID {
	low := offArgs + 8*uint32(t.Arg)
	high := low + 4
	if t.Op == policy.MaskedEq {
		masked := func(off, mask, value uint32, yes nodeID) nodeID {
			switch {
			case value&^mask != 0:
				return no
			case mask == 0:
				return yes
			}
			n := b.branch(opJEq, value, yes, no)
			if mask != math.MaxUint32 {
				n = b.node(node{op: opAnd, k: mask, yes: n})
			}
			return b.load(off, n)
		}
		v := t.Values[0]
		n := masked(low, uint32(t.Mask), uint32(v), yes)
		if t.Width == 64 {
			n = masked(high, uint32(t.Mask>>32), uint32(v>>32), n)
		} else if v>>32 != 0 {
			n = no
		}
		return n
	}
	// in tells where the lower halves lead that ranges have with one upper half.
	in := func(ranges []interval, upper uint64) nodeID {
		var segs []segment
		next := uint64(0)
		for _, r := range ranges {
			first, last := max(r.first, upper<<32), min(r.last, upper<<32|math.MaxUint32)
			if first > last {
				continue
			}
			if l := first & math.MaxUint32; l > next {
				segs = append(segs, segment{uint32(next), uint32(l - 1), no, refused})
			}
			segs = append(segs, segment{uint32(first), uint32(last), yes, 1})
			next = last&math.MaxUint32 + 1
		}
		if next <= math.MaxUint32 {
			segs = append(segs, segment{uint32(next), math.MaxUint32, no, refused})
		}
		segs = merge(segs)
		if len(segs) == 1 {
			return segs[0].to
		}
		return b.load(low, b.tree(segs))
	}
	ranges := intervals(t)
	if t.Width == 32 {
		return in(ranges, 0)
	}
	// Between the upper halves at which ranges start or end nothing changes.
	cuts := []uint64{0}
	for _, r := range ranges {
		cuts = append(cuts, r.first>>32, r.first>>32+1, r.last>>32, r.last>>32+1)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var segs []segment
	for i, c := range cuts {
		if c > math.MaxUint32 {
			break
		}
		end := uint64(1 << 32)
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		s := segment{first: uint32(c), last: uint32(end - 1), to: in(ranges, c), weight: 1}
		if s.to == no {
			s.weight = refused
		}
		segs = append(segs, s)
	}
	segs = merge(segs)
	if len(segs) == 1 {
		return segs[0].to
	}
	return b.load(high, b.tree(segs))
}

// An interval is a range of arguments, both ends included.
type interval struct{ first, last uint64 }

// intervals returns the arguments that meet a test, in order. MaskedEq has none.
func intervals(t *policy.Test) []interval {
	top := uint64(math.MaxUint64)
	if t.Width == 32 {
		top = math.MaxUint32
	}
	v := t.Values[0]
	var out []interval
	add := func(ok bool, first, last uint64) {
		if ok && first <= last {
			out = append(out, interval{first, last})
		}
	}
	switch t.Op {
	case policy.In:
		for _, v := range t.Values {
			add(true, v, v)
		}
	case policy.Ne:
		add(v > 0, 0, v-1)
		add(v < top, v+1, top)
	case policy.Lt:
		add(v > 0, 0, v-1)
	case policy.Le:
		add(true, 0, v)
	case policy.Ge:
		add(true, v, top)
	case policy.Gt:
		add(v < top, v+1, top)
	}
	return out
}

// naive is a filter that tries one number after the other.
func (b *builder) naive(p *policy.Policy) nodeID {
	otherwise := b.ret(p.Default)
	arch := func(abi sysno.ABI, base uint32) nodeID {
		if !p.Has(abi) {
			return otherwise
		}
		n := b.ret(p.Unknown)
		for nr := range sysno.Max(abi) + 1 {
			if _, known := sysno.Name(abi, nr); known {
				n = b.branch(opJEq, base+uint32(nr), otherwise, n)
			}
		}
		for _, r := range rulesOf(p, abi) {
			n = b.branch(opJEq, base+uint32(r.Call.Nr), b.clauses(r.Clauses, otherwise), n)
		}
		return n
	}
	x86 := b.branch(opJGe, sysno.X32Bit, arch(sysno.X32, sysno.X32Bit), arch(sysno.X86_64, 0))
	number := func(n nodeID) nodeID {
		return b.load(offNumber, b.branch(opJGe, 1<<31, otherwise, n))
	}
	return b.load(offArch,
		b.branch(opJEq, policy.ArchX86_64, number(x86),
			b.branch(opJEq, policy.ArchI386, number(arch(sysno.I386, 0)), otherwise)))
}

// assemble puts the instructions into order. It works from the last one to the first: what
// an instruction jumps to is then placed already.
func (b *builder) assemble(root nodeID) (*Filter, error) {
	a := assembler{b: b, at: make([]int, len(b.nodes))}
	a.place(root)
	if len(a.code) > MaxInstructions {
		return nil, &SizeError{len(a.code)}
	}
	slices.Reverse(a.code)
	return &Filter{Instructions: a.code}, nil
}

type assembler struct {
	b    *builder
	code []bpf.RawInstruction // the last one first
	at   []int                // for each node: how long code was behind it; 0 if not placed
}

func (a *assembler) place(root nodeID) {
	// A stack of its own, as chains of comparisons are as long as a policy.
	stack := []nodeID{root}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		n := a.b.nodes[id]
		if a.at[id] != 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		switch n.op {
		case opRet:
		case opLoad, opAnd:
			if a.at[n.yes] == 0 {
				stack = append(stack, n.yes)
				continue
			}
		default:
			// The successor that is placed last is the next instruction.
			if a.at[n.yes] == 0 {
				stack = append(stack, n.yes)
				continue
			}
			if a.at[n.no] == 0 {
				stack = append(stack, n.no)
				continue
			}
		}
		stack = stack[:len(stack)-1]
		a.emit(id, n)
	}
}

func (a *assembler) emit(id nodeID, n node) {
	ins := bpf.RawInstruction{Op: n.op, K: n.k}
	switch n.op {
	case opRet:
	case opLoad, opAnd:
		if a.at[n.yes] != len(a.code) {
			a.far(n.yes)
		}
	default:
		// A bridge may push the other successor out of reach, so look again.
		yes, no := a.at[n.yes], a.at[n.no]
		for len(a.code)-yes > math.MaxUint8 || len(a.code)-no > math.MaxUint8 {
			if len(a.code)-yes > math.MaxUint8 {
				yes = a.far(n.yes)
			} else {
				no = a.far(n.no)
			}
		}
		ins.Jt, ins.Jf = uint8(len(a.code)-yes), uint8(len(a.code)-no)
	}
	a.code = append(a.code, ins)
	a.at[id] = len(a.code)
}

// far puts an instruction that does what id does here and returns its place.
func (a *assembler) far(id nodeID) int {
	n := a.b.nodes[id]
	ins := bpf.RawInstruction{Op: opJA, K: uint32(len(a.code) - a.at[id])}
	if n.op == opRet {
		ins = bpf.RawInstruction{Op: opRet, K: n.k}
	}
	a.code = append(a.code, ins)
	if n.op == opRet {
		a.at[id] = len(a.code) // as good as the first one, and nearer
	}
	return len(a.code)
}
