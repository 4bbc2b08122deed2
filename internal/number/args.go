package number

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// MaxArgValues is how many values of an argument are told apart. An argument
// that can have more counts as unknown.
const MaxArgValues = 32

// maxPairs bounds the pairs that are looked at; beyond it no argument is known. Programs have a few
// hundred.
const maxPairs = 1 << 18

// argRegs are the registers of a system call's arguments (psABI, appendix A.2.1).
var argRegs = [sysno.NumArgs]x86.Reg{x86.RDI, x86.RSI, x86.RDX, x86.R10, x86.R8, x86.R9}

// ArgKey is an argument of an x86-64 call.
type ArgKey struct{ Nr, Index int }

// ArgValues finds the values that arguments of the x86-64 calls among calls can
// have, sorted, cut to the bits that the kernel looks at. It has those arguments that
// are worth it (package sysno) and of which all places that make the call are known to pass one
// of at most MaxArgValues values. parameter reports whether parameters of a unit may be trusted:
// where it does not, they are unknown.
//
// # How
//
// At each syscall instruction of live code the number and an argument are followed together, as
// pairs of values: while one of them is a parameter of the unit, the pairs that its callers pass
// take its place, each caller's number with the same caller's argument. A pair of two
// constants gives the call of that number the argument's value; a pair with a number and an unknown
// argument gives that argument of the call up. Parameters are registers and words of the caller's
// frame. Memory otherwise is unknown, as are parameters of a unit that Graph.Entered says more of
// than its direct callers may enter.
//
// # When it is sound
//
// If package reach lists every direct call of a unit that is not Entered, and calls lists every call that
// can be made: an element of calls that no pair accounts for (numbers that are kept in memory or passed
// through pointers, calls without an instruction) gives up all arguments of its number.
// As a unit may cut a parameter to 32 bits and widen it again, which values do not show, all forms count that this
// may give an argument of 64 bits.
func ArgValues(g *reach.Graph, calls []Call, parameter func(reach.UnitID) bool) map[ArgKey][]uint64 {
	s := &argSolver{
		g: g, parameter: parameter,
		facts: map[ArgKey]*argFact{}, seen: map[pair]bool{}, covered: map[Call]bool{},
		wants: map[int]map[uint64][]dataflow.Param{}, units: map[reach.UnitID]answers{},
	}
	for _, c := range calls {
		if c.ABI == sysno.X86_64 {
			s.want(c.Nr)
		}
	}
	s.sites(calls)
	for len(s.queue) > 0 {
		if len(s.seen) > maxPairs {
			return nil
		}
		p := s.queue[0]
		s.queue = s.queue[1:]
		s.expand(p)
	}
	for _, c := range calls {
		if c.ABI != sysno.X86_64 || s.covered[c] {
			continue
		}
		for i := range sysno.NumArgs {
			s.giveUp(ArgKey{c.Nr, i})
		}
	}
	out := map[ArgKey][]uint64{}
	for k, f := range s.facts {
		if !f.unknown && len(f.values) > 0 {
			out[k] = f.values
		}
	}
	return out
}

// argFact is what is known of an argument.
type argFact struct {
	bits    int
	unknown bool
	values  []uint64 // sorted
}

// pair is a number and an argument, as values of a unit.
type pair struct {
	unit    reach.UnitID
	nr, arg summary.Value
	in      reach.UnitID // the unit of the syscall instruction
	site    uint64       // and its address
	index   uint8        // of the argument
	passed  bool         // the argument was a parameter
}

// event is a place in a unit that passes values for parameters.
type event struct {
	pc     uint64
	values [][]summary.Value // by parameter
}

// answers are what a unit passes to callees, for the parameters that were asked for.
type answers map[uint64]answer

type answer struct {
	params []dataflow.Param
	events []event
}

type argSolver struct {
	g         *reach.Graph
	parameter func(reach.UnitID) bool
	facts     map[ArgKey]*argFact
	seen      map[pair]bool
	queue     []pair
	covered   map[Call]bool                       // pairs account for these
	wants     map[int]map[uint64][]dataflow.Param // by image: what callees of its units are asked for
	units     map[reach.UnitID]answers
}

// want makes facts of what is worth it of a call.
func (s *argSolver) want(nr int) {
	args, _ := sysno.Args(nr)
	for _, a := range args {
		if k := (ArgKey{nr, a.Index}); a.Worth && s.facts[k] == nil {
			s.facts[k] = &argFact{bits: a.Bits}
		}
	}
}

func (s *argSolver) giveUp(k ArgKey) {
	if f := s.facts[k]; f != nil {
		f.unknown, f.values = true, nil
	}
}

// open reports whether something may still be found out about an argument.
func (s *argSolver) open(k ArgKey) bool { f := s.facts[k]; return f != nil && !f.unknown }

// siteParams are what is asked of syscall instructions: the number, then the arguments.
var siteParams = func() []dataflow.Param {
	p := []dataflow.Param{{Kind: summary.Arg, Reg: uint8(x86.RAX)}}
	for _, r := range argRegs {
		p = append(p, dataflow.Param{Kind: summary.Arg, Reg: uint8(r)})
	}
	return p
}()

// sites starts at the instructions that make calls.
func (s *argSolver) sites(calls []Call) {
	type place struct {
		in reach.UnitID
		pc uint64
	}
	var places []place
	known := map[place]bool{}
	for _, c := range calls {
		if p := (place{c.In, c.Site}); c.ABI == sysno.X86_64 && !known[p] && s.isSite(p.in, p.pc) {
			known[p] = true
			places = append(places, p)
			s.ask(s.g.Unit(p.in).Image, p.pc, siteParams...)
		}
	}
	for _, p := range places {
		for _, e := range s.events(p.in, p.pc, siteParams) {
			if e.pc != p.pc {
				continue // a call of the instruction
			}
			for _, nr := range e.values[0] {
				for i := range argRegs {
					for _, v := range e.values[1+i] {
						s.push(pair{p.in, nr, v, p.in, p.pc, uint8(i), false}, e.pc, false)
					}
				}
			}
		}
	}
}

// isSite reports whether a unit has a syscall instruction at pc.
func (s *argSolver) isSite(id reach.UnitID, pc uint64) bool {
	return slices.ContainsFunc(s.g.Unit(id).Sum.More().Sites, func(x summary.Site) bool { return x.PC == pc && x.Gate == summary.GateSyscall })
}

// push takes a pair whose number was found at pc, or is one that the pair before it had (known).
func (s *argSolver) push(p pair, pc uint64, known bool) {
	switch {
	case p.nr.Kind == summary.Const, p.nr.Kind == summary.Low && p.nr.Size >= 4:
		nr := int(uint32(p.nr.N))
		if !known {
			s.covered[Call{sysno.X86_64, nr, p.unit, pc, p.site, p.in}] = true
		}
		k := ArgKey{nr, int(p.index)}
		if !s.open(k) {
			return
		}
		if !isParam(p.arg) {
			s.found(k, p.arg, p.passed)
			return
		}
		p.nr = summary.Value{Kind: summary.Const, N: int64(nr)}
	case !isParam(p.nr):
		return // what it is stays unaccounted for
	case !isParam(p.arg) && p.arg.Kind != summary.Const && p.arg.Kind != summary.Low:
		p.arg = summary.Value{} // all unknown ones are the same
	}
	if s.seen[p] {
		return
	}
	s.seen[p] = true
	s.queue = append(s.queue, p)
	for _, e := range s.g.Callers(p.unit) {
		s.ask(s.g.Unit(e.Unit).Image, e.At, p.params()...)
	}
}

// params are the parameters that a pair depends on: the number, then the argument.
func (p *pair) params() []dataflow.Param {
	var l []dataflow.Param
	for _, v := range [2]summary.Value{p.nr, p.arg} {
		if isParam(v) {
			l = append(l, v)
		}
	}
	return l
}

// isParam reports whether a value is a parameter that is followed.
func isParam(v summary.Value) bool {
	return v.Kind == summary.Arg || v.Kind == summary.Stack && v.N <= maxStack
}

// found adds a value to an argument.
func (s *argSolver) found(k ArgKey, v summary.Value, passed bool) {
	f := s.facts[k]
	known := v.Kind == summary.Const || v.Kind == summary.Low && 8*int(v.Size) >= f.bits
	if !known {
		s.giveUp(k)
		return
	}
	n := uint64(v.N)
	forms := [3]uint64{n, n, n}
	if f.bits == 64 && passed {
		forms = [3]uint64{n, uint64(uint32(n)), uint64(int64(int32(n)))}
	}
	for _, n := range forms {
		n &= ^uint64(0) >> (64 - f.bits)
		if i, there := slices.BinarySearch(f.values, n); !there {
			f.values = slices.Insert(f.values, i, n)
		}
	}
	if len(f.values) > MaxArgValues {
		s.giveUp(k)
	}
}

// expand puts the pairs that callers pass in the place of p. Where not all callers are known, what the
// argument of a known number can be is not either; numbers that are not stay unaccounted for.
func (s *argSolver) expand(p pair) {
	number, fixed := ArgKey{int(p.nr.N), int(p.index)}, !isParam(p.nr)
	if fixed && !s.open(number) {
		return
	}
	callers := s.g.Callers(p.unit)
	if len(callers) == 0 || s.g.Entered(p.unit) || !s.parameter(p.unit) || !s.callers(p, callers) {
		if fixed {
			s.giveUp(number)
		}
	}
}

// callers pushes the pairs of direct callers. It reports false if one could not be asked.
func (s *argSolver) callers(p pair, callers []reach.Edge) bool {
	params := p.params()
	for _, e := range callers {
		asked := false
		for _, x := range s.events(e.Unit, e.At, params) {
			if x.pc == e.At {
				continue // the instruction there, not a call of it
			}
			asked = true
			numbers, args := []summary.Value{p.nr}, []summary.Value{p.arg}
			if isParam(p.nr) {
				numbers = x.values[0]
			}
			if isParam(p.arg) {
				args = x.values[len(params)-1]
			}
			for _, nr := range numbers {
				for _, arg := range args {
					q := pair{e.Unit, nr, arg, p.in, p.site, p.index, p.passed || isParam(p.arg)}
					s.push(q, x.pc, !isParam(p.nr))
				}
			}
		}
		if !asked {
			return false
		}
	}
	return true
}

// ask notes that units of an image are to be asked what they pass to a callee.
func (s *argSolver) ask(img int, callee uint64, params ...dataflow.Param) {
	if s.wants[img] == nil {
		s.wants[img] = map[uint64][]dataflow.Param{}
	}
	l := s.wants[img][callee]
	for _, p := range params {
		if !slices.Contains(l, p) {
			l = append(l, p)
		}
	}
	s.wants[img][callee] = l
}

// events returns what a unit passes to a callee, by place, for parameters that were
// noted with ask. A unit is analysed again for all that was noted so far.
func (s *argSolver) events(id reach.UnitID, callee uint64, params []dataflow.Param) []event {
	img := s.g.Unit(id).Image
	a, ok := s.units[id][callee]
	if !ok || slices.ContainsFunc(params, func(p dataflow.Param) bool { return !slices.Contains(a.params, p) }) {
		a = s.query(id, callee, s.wants[img])
	}
	out := make([]event, len(a.events))
	for i, e := range a.events {
		out[i].pc = e.pc
		for _, p := range params {
			out[i].values = append(out[i].values, e.values[slices.Index(a.params, p)])
		}
	}
	return out
}

// query keeps what a unit passes to the callees that it calls, and returns it for one.
func (s *argSolver) query(id reach.UnitID, callee uint64, wants map[uint64][]dataflow.Param) answer {
	out := answers{callee: answer{params: wants[callee]}}
	for passed := s.g.QueryExact(id, wants); len(passed) > 0; {
		p := passed[0]
		a := answer{wants[p.Callee], out[p.Callee].events}
		e := event{pc: p.PC}
		for _, q := range passed[:len(a.params)] {
			e.values = append(e.values, q.Values)
		}
		a.events = append(a.events, e)
		out[p.Callee] = a
		passed = passed[len(a.params):]
	}
	s.units[id] = out
	return out[callee]
}
