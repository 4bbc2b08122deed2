// Package number finds which syscall numbers reach the syscall instructions of
// live code.
//
// A number that is known at the instruction is taken from the unit's summary.
// Where it depends on what the unit got from its caller (a register, a stack
// word, memory behind a register) the unit is a wrapper in that parameter: its
// live callers are asked what they pass, and theirs if need be, until nothing
// new appears. A wrapper whose address is taken has callers that cannot be
// listed: its numbers are unknown, unless it is private to its file and every
// call through a pointer in that file passes known ones (assumption
// private-wrappers, which is made for nothing but numbers of calls: a callback in a table that a library gets is called by
// that library with other arguments). Unknown is reported, never dropped. Of some libraries it is known
// what they pass although their code does not show it (numbers.txt, assumption library-numbers).
//
// MayPass answers for a condition on an argument what the callers may pass.
// ArgValues finds the values of other arguments in the same way.
//
// Sound if package reach lists every direct call of a unit that is not Taken,
// and private-wrappers holds.
// Cost: one more pass over each caller of a wrapper for each parameter.
package number

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Call is one syscall that one site can make.
type Call struct {
	ABI  sysno.ABI
	Nr   int
	Unit reach.UnitID // where the number is known: the site's unit, or a caller of its wrapper
	PC   uint64       // syscall instruction, or the call of the wrapper
	Site uint64       // syscall instruction
	In   reach.UnitID // unit of the syscall instruction
}

// Unknown is a site whose number is not (only) known values.
type Unknown struct {
	ABI  sysno.ABI
	Unit reach.UnitID
	PC   uint64
	Site uint64
	In   reach.UnitID
	Why  string
}

// Answer is what the live sites can do.
type Answer struct {
	Calls   []Call
	Unknown []Unknown
	Sites   int
	Known   bool                      // some of Calls rest on numbers.txt
	Through map[reach.UnitID]*Through // of Parameter and SolveThrough: units that get numbers from their callers and pass them on
}

// Through is what a unit passes on: numbers of its callers, or of theirs, that a site gets from it.
type Through struct {
	Calls   []Call
	Unknown bool // also some that are not known
}

// maxStack bounds how far up the stack a parameter is followed, in bytes.
const maxStack = 1 << 16

type key struct {
	unit reach.UnitID
	par  dataflow.Param
}

// origin is where a value is wanted: a syscall instruction or a call.
type origin struct {
	unit reach.UnitID
	pc   uint64
	gate summary.Gate
}

// sink takes a value of an origin that was found at pc in unit id; the kinds
// Arg, ArgMem and Stack have been followed to the callers. why is set when
// nothing is known.
type sink func(id reach.UnitID, pc uint64, o origin, v summary.Value, why string)

type solver struct {
	g       *reach.Graph
	sink    sink
	ans     *Answer
	params  map[key][]origin // origins whose number depends on a parameter
	queue   []key
	calls   map[Call]bool
	unknown map[Unknown]bool
	at      key    // whose callers are asked
	track   *track // nil if nobody asks what goes through units
	numbers bool   // numbers of calls are wanted, for which the assumption private-wrappers is made
	any     bool   // one answer may decide: callers that are sooner analysed are asked first
	done    bool   // it did: nobody else is asked
}

// track notes what goes through units on the way from where a number is known.
type track struct {
	at    key              // whose callers are asked
	found map[key]*Through // what they answered themselves
	into  map[key][]key    // to which keys what a key gets goes on
}

// Solve resolves every live site of g.
func Solve(g *reach.Graph) *Answer { return newSolver(g).solve() }

// SolveThrough is Solve that fills in Answer.Through, too.
func SolveThrough(g *reach.Graph) *Answer {
	s := newSolver(g)
	s.follow()
	return s.solve()
}

func (s *solver) solve() *Answer {
	g := s.g
	s.sink, s.numbers = s.number, true
	for id := 1; id < g.NumUnits(); id++ {
		u := g.Unit(reach.UnitID(id))
		if !g.Live(reach.UnitID(id)) {
			continue
		}
		for _, site := range u.Sum.More().Sites {
			s.ans.Sites++
			o := origin{reach.UnitID(id), site.PC, site.Gate}
			s.values(reach.UnitID(id), site.PC, o, site.Values)
		}
	}
	s.drain()
	s.through()
	for _, out := range g.Outside {
		if nr, ok := sysno.Vsyscall(out.Addr); ok {
			s.ans.Calls = append(s.ans.Calls, Call{sysno.X86_64, nr, out.Unit, out.Addr, out.Addr, out.Unit})
		}
	}
	return s.ans
}

func newSolver(g *reach.Graph) *solver {
	return &solver{g: g, ans: &Answer{}, params: map[key][]origin{}, calls: map[Call]bool{}, unknown: map[Unknown]bool{}}
}

func (s *solver) drain() {
	for len(s.queue) > 0 && !s.done {
		k := s.queue[0]
		s.queue = s.queue[1:]
		s.expand(k)
	}
}

// Found is a value that an argument can have.
type Found struct {
	Image int // whose addresses Value speaks of
	Value summary.Value
	Unit  reach.UnitID // the code that passes it; 0: not said
	To    reach.UnitID // the unit that it is passed to, in register Reg; 0: not said, or elsewhere
	Reg   x86.Reg
}

// Arguments finds what argument arg (0 to 2) of the given calls can be, as far
// as it is known; known is false if it can also be something else.
func Arguments(g *reach.Graph, calls []Call, arg int) (found []Found, known bool) {
	s := newSolver(g)
	known = true
	s.sink = func(id reach.UnitID, pc uint64, o origin, v summary.Value, why string) {
		if why != "" || v.Kind != summary.Const && v.Kind != summary.Addr {
			known = false
			return
		}
		f := Found{s.g.Unit(id).Image, v, 0, 0, 0}
		if !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	for _, c := range calls {
		if c.In != c.Unit {
			known = false // through a generic wrapper, whose arguments are shifted
			continue
		}
		for _, site := range g.Unit(c.In).Sum.More().Sites {
			if site.PC == c.Site {
				s.values(c.In, c.Site, origin{c.In, c.Site, site.Gate}, site.Args[arg])
			}
		}
	}
	s.drain()
	return found, known
}

// values takes the values that o has at pc in unit id.
func (s *solver) values(id reach.UnitID, pc uint64, o origin, vs []summary.Value) {
	for _, v := range vs {
		switch v.Kind {
		case summary.Arg, summary.ArgMem, summary.Stack:
			s.depend(key{id, v}, o)
		case summary.SlotMem:
			s.behind(id, pc, o, v)
		case summary.Slot:
			s.kept(id, pc, o, v)
		default:
			s.sink(id, pc, o, v, "")
		}
	}
	if len(vs) == 0 {
		s.sink(id, pc, o, summary.Value{}, "the value is computed")
	}
}

// behind follows memory behind a pointer that the file keeps in a word of its
// own: to the units that store the word, if all of them store what they got
// from their callers and nothing else can write it.
func (s *solver) behind(id reach.UnitID, pc uint64, o origin, v summary.Value) {
	img := s.g.Unit(id).Image
	n, initial := s.constant(img, uint64(v.N))
	stores, known := s.g.Stores(img, uint64(v.N), initial && n == 0)
	if !known {
		s.sink(id, pc, o, summary.Value{}, "the value is behind a pointer that other code may write")
		return
	}
	for _, st := range stores {
		switch {
		case !st.Const:
			s.depend(key{st.Unit, summary.Value{Kind: summary.ArgMem, Reg: st.Reg, N: int64(v.Off)}}, o)
		case st.N != 0:
			s.sink(id, pc, o, summary.Value{}, "the value is behind a pointer that is made from a number")
		}
	}
	// If nothing sets the pointer it is null, and what is behind it is never read.
}

// kept follows a value that is loaded from a word of the file: to what the word
// holds from the start, and to the units that store what they got.
func (s *solver) kept(id reach.UnitID, pc uint64, o origin, v summary.Value) {
	img := s.g.Unit(id).Image
	n, initial := s.constant(img, uint64(v.N))
	m := s.g.Members[img]
	if !m.Writable(uint64(v.N)) {
		if !initial {
			s.sink(id, pc, o, summary.Value{}, "the value is loaded from memory that the loader writes")
			return
		}
		s.sink(id, pc, o, summary.Value{Kind: summary.Const, N: n}, "")
		return
	}
	if initial && s.g.Keeps(id, uint64(v.N), n) {
		s.sink(id, pc, o, summary.Value{Kind: summary.Const, N: n}, "")
		return
	}
	stores, known := s.g.Stores(img, uint64(v.N), false)
	if !known || !initial {
		s.sink(id, pc, o, summary.Value{}, "the value is loaded from memory that other code may write")
		return
	}
	s.sink(id, pc, o, summary.Value{Kind: summary.Const, N: n}, "")
	for _, st := range stores {
		if st.Const {
			s.sink(st.Unit, s.g.Unit(st.Unit).Entry, o, summary.Value{Kind: summary.Const, N: st.N}, "")
		} else {
			s.depend(key{st.Unit, summary.Value{Kind: summary.Arg, Reg: st.Reg}}, o)
		}
	}
}

// number is the sink for syscall numbers.
func (s *solver) number(id reach.UnitID, pc uint64, o origin, v summary.Value, why string) {
	n := v.N
	switch {
	case why != "":
		s.lost(id, pc, o, why)
		return
	case v.Kind == summary.Const:
	case v.Kind == summary.Low:
		s.lost(id, pc, o, "only the low bits of the number are known")
		return
	default:
		s.lost(id, pc, o, "the number is computed")
		return
	}
	nr := int(uint32(n))
	abi := sysno.X86_64
	switch {
	case o.gate != summary.GateSyscall:
		abi = sysno.I386
	case nr&0x40000000 != 0:
		abi = sysno.X32
		nr &^= 0x40000000
	}
	if id != o.unit && abi == sysno.X86_64 && !s.g.Passes(id, int64(nr)) {
		return
	}
	s.call(Call{abi, nr, id, pc, o.pc, o.unit})
}

func (s *solver) call(c Call) {
	if t := s.passing(); t != nil && !slices.Contains(t.Calls, c) {
		t.Calls = append(t.Calls, c)
	}
	if !s.calls[c] {
		s.calls[c] = true
		s.ans.Calls = append(s.ans.Calls, c)
	}
}

func (s *solver) lost(id reach.UnitID, pc uint64, o origin, why string) {
	abi := sysno.X86_64
	if o.gate != summary.GateSyscall {
		abi = sysno.I386
	} else if nr, ok := s.known(id, o); ok {
		s.ans.Known = true
		s.call(Call{abi, nr, id, pc, o.pc, o.unit})
		return
	}
	if t := s.passing(); t != nil {
		t.Unknown = true
	}
	u := Unknown{abi, id, pc, o.pc, o.unit, why}
	if !s.unknown[u] {
		s.unknown[u] = true
		s.ans.Unknown = append(s.ans.Unknown, u)
	}
}

// constant reads a 32-bit number that a file holds, or zero from memory that it leaves empty.
func (s *solver) constant(img int, a uint64) (int64, bool) {
	m := s.g.Members[img]
	if len(m.RelocsIn(a, a+4)) > 0 {
		return 0, false
	}
	b := m.Bytes(a)
	switch {
	case len(b) >= 4:
		return int64(binary.LittleEndian.Uint32(b)), true
	case len(b) == 0 && m.Writable(a):
		return 0, true
	}
	return 0, false
}

// pointers asks the calls through pointers that may lead to a wrapper whose
// address is taken, and reports whether all of them pass known numbers. The wrapper must be
// private to its file, and then only calls in that file count: that no file hands
// a function of its own that takes syscall numbers to another one is the
// assumption private-wrappers.
func (s *solver) pointers(k key, origins []origin) bool {
	u := s.g.Unit(k.unit)
	m := s.g.Members[u.Image]
	if k.par.Kind != summary.Arg || u.Handed || u.Rooted || m.Exported(u.Entry) {
		return false
	}
	type answer struct {
		id reach.UnitID
		p  dataflow.Passed
	}
	var all []answer
	for id := 1; id < s.g.NumUnits(); id++ {
		v := s.g.Unit(reach.UnitID(id))
		if v.Image != u.Image || !s.g.Live(reach.UnitID(id)) || !v.Sum.Indirect {
			continue
		}
		for _, p := range s.g.Query(reach.UnitID(id), summary.AnyPointer, k.par) {
			for _, x := range p.Values {
				if x.Kind != summary.Const && x.Kind != summary.Addr {
					return false
				}
			}
			all = append(all, answer{reach.UnitID(id), p})
		}
	}
	for _, a := range all {
		for _, o := range origins {
			for _, x := range a.p.Values {
				if x.Kind == summary.Const {
					s.sink(a.id, a.p.PC, o, x, "")
				}
			}
		}
	}
	return true
}

// Passed finds what is passed in a register to a unit, by the images of its
// direct callers, as Arguments does.
func Passed(g *reach.Graph, unit reach.UnitID, reg x86.Reg) (found []Found, known bool) {
	return passed(g, unit, reg, false)
}

// PassedNumber is Passed for a register that holds the number of a call: for it, as for those at syscall instructions, the
// assumption private-wrappers is made.
func PassedNumber(g *reach.Graph, unit reach.UnitID, reg x86.Reg) (found []Found, known bool) {
	return passed(g, unit, reg, true)
}

func passed(g *reach.Graph, unit reach.UnitID, reg x86.Reg, numbers bool) (found []Found, known bool) {
	s := newSolver(g)
	s.numbers = numbers
	known = true
	s.sink = func(id reach.UnitID, _ uint64, _ origin, v summary.Value, why string) {
		if why != "" && id == unit {
			known = false
			return
		}
		f := Found{s.g.Unit(id).Image, v, id, 0, 0}
		if k := s.at; k.par == (summary.Value{Kind: summary.Arg, Reg: k.par.Reg}) {
			f.To, f.Reg = k.unit, x86.Reg(k.par.Reg)
		}
		found = append(found, f)
	}
	s.gets(unit, reg)
	return found, known
}

// MayGet reports whether what is passed in a register to a unit may be something that test accepts, or is not all known.
func MayGet(g *reach.Graph, unit reach.UnitID, reg x86.Reg, test func(Found) bool) bool {
	return mayGet(g, unit, reg, true, false, test)
}

// MayGetNumber is MayGet for a register that holds the number of a call, as PassedNumber is Passed.
func MayGetNumber(g *reach.Graph, unit reach.UnitID, reg x86.Reg, test func(Found) bool) bool {
	return mayGet(g, unit, reg, true, true, test)
}

// MayGetFromOthers is MayGet but for what the unit passes to itself.
func MayGetFromOthers(g *reach.Graph, unit reach.UnitID, reg x86.Reg, test func(Found) bool) bool {
	return mayGet(g, unit, reg, false, false, test)
}

// mayGet stops once it knows: each caller that is not asked saves the analysis of a unit.
func mayGet(g *reach.Graph, unit reach.UnitID, reg x86.Reg, itself, numbers bool, test func(Found) bool) bool {
	s := newSolver(g)
	s.numbers, s.any = numbers, true
	s.sink = func(id reach.UnitID, pc uint64, _ origin, v summary.Value, why string) {
		if id == unit && pc != g.Unit(unit).Entry && !itself {
			return
		}
		s.done = s.done || why != "" && id == unit || test(Found{Image: g.Unit(id).Image, Value: v, Unit: id})
	}
	s.gets(unit, reg)
	return s.done
}

// gets sends what is passed to a unit in a register to the sink.
func (s *solver) gets(unit reach.UnitID, reg x86.Reg) {
	s.depend(key{unit, summary.Value{Kind: summary.Arg, Reg: uint8(reg)}}, origin{unit: unit})
	s.drain()
}

// MayPass reports whether the direct callers of a unit may pass what a condition on an argument asks for.
func MayPass(g *reach.Graph, unit reach.UnitID, c *summary.Cond) bool {
	return MayGet(g, unit, x86.Reg(c.A), func(f Found) bool {
		if v := f.Value; v.Kind == summary.Const || v.Kind == summary.Low && v.Size >= c.Size {
			is, ok := dataflow.Holds(c.Cmp, uint64(v.N)&(1<<(8*c.Size)-1), c.N, c.Size)
			return is || !ok
		}
		return true
	})
}

// Parameter finds the numbers that a unit gets in a register, as Solve does for
// those at syscall instructions: with the places where they are known, its direct callers or
// theirs. In Unknown are the places where one is not; if the unit may be called through a
// pointer, that is the unit itself.
func Parameter(g *reach.Graph, unit reach.UnitID, reg x86.Reg) *Answer {
	s := newSolver(g)
	s.follow()
	s.sink, s.numbers = s.number, true
	s.depend(key{unit, summary.Value{Kind: summary.Arg, Reg: uint8(reg)}}, origin{unit: unit, pc: g.Unit(unit).Entry})
	s.drain()
	s.through()
	return s.ans
}

func (s *solver) follow() { s.track = &track{found: map[key]*Through{}, into: map[key][]key{}} }

// passing returns what goes through the unit whose callers are asked, nil if none are, or nobody wants to know.
func (s *solver) passing() *Through {
	if s.track == nil || s.track.at.unit == 0 {
		return nil
	}
	t := s.track.found[s.track.at]
	if t == nil {
		t = &Through{}
		s.track.found[s.track.at] = t
	}
	return t
}

// through fills in Answer.Through: what a key gets goes through all keys that it leads to.
func (s *solver) through() {
	if s.track == nil {
		return
	}
	s.ans.Through = map[reach.UnitID]*Through{}
	for k, t := range s.track.found {
		seen, todo := map[key]bool{k: true}, []key{k}
		for len(todo) > 0 {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			u := s.ans.Through[at.unit]
			if u == nil {
				u = &Through{}
				s.ans.Through[at.unit] = u
			}
			u.Unknown = u.Unknown || t.Unknown
			for _, c := range t.Calls {
				if !slices.Contains(u.Calls, c) {
					u.Calls = append(u.Calls, c)
				}
			}
			for _, n := range s.track.into[at] {
				if !seen[n] {
					seen[n] = true
					todo = append(todo, n)
				}
			}
		}
	}
}

func (s *solver) depend(k key, o origin) {
	if t := s.track; t != nil && t.at.unit != 0 && t.at != k && !slices.Contains(t.into[k], t.at) {
		t.into[k] = append(t.into[k], t.at)
	}
	l, known := s.params[k]
	if slices.Contains(l, o) {
		return
	}
	s.params[k] = append(l, o)
	if !known || !slices.Contains(s.queue, k) {
		s.queue = append(s.queue, k)
	}
}

// expand asks the callers of a wrapper.
func (s *solver) expand(k key) {
	u := s.g.Unit(k.unit)
	s.at = k
	origins := slices.Clone(s.params[k])
	if s.track != nil {
		s.track.at = k
		defer func() { s.track.at = key{} }()
	}
	if u.Taken && !(s.numbers && s.pointers(k, origins)) {
		for _, o := range origins {
			s.sink(k.unit, u.Entry, o, summary.Value{}, "the number is a parameter of a function that may be called through a pointer")
		}
	}
	if n := k.par.N; k.par.Kind == summary.Stack && n > maxStack {
		for _, o := range origins {
			s.sink(k.unit, u.Entry, o, summary.Value{}, "the number is too deep on the stack")
		}
		return
	}
	callers := s.g.Callers(k.unit)
	if s.any {
		slices.SortStableFunc(callers, func(a, b reach.Edge) int {
			return cmp.Compare(s.g.Unit(a.Unit).Sum.Insts, s.g.Unit(b.Unit).Sum.Insts)
		})
	}
	for _, e := range callers {
		if s.done {
			return
		}
		answers := s.g.Query(e.Unit, e.At, k.par)
		if len(answers) == 0 {
			for _, o := range origins {
				s.sink(e.Unit, s.g.Unit(e.Unit).Entry, o, summary.Value{}, "the number comes from a caller that could not be asked")
			}
		}
		for _, p := range answers {
			for _, o := range origins {
				s.values(e.Unit, p.PC, o, p.Values)
			}
		}
	}
}
