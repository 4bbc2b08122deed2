package variadic

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// maxChain is how many functions an argument is followed through, entries of the PLT among them.
const maxChain = 6

// Address is an address of an image.
type Address struct {
	Image int
	Addr  uint64
}

// Sink is a parameter whose values are wanted.
type Sink struct {
	Unit reach.UnitID // the function
	Reg  x86.Reg      // the register of the parameter
	Args int          // how many parameters the function has if it has none but in registers, -1: not known
}

// To returns a parameter of a unit that passes it on to a function, or that is the function, which has args parameters. What passes it is in, of another
// file than the function: a compiler may know which registers one of the same file leaves alone.
func To(g *reach.Graph, function, unit, in reach.UnitID, reg x86.Reg, args int) Sink {
	if g.Unit(function).Image == g.Unit(in).Image {
		args = -1
	}
	if unit != function {
		u := g.Unit(unit)
		slot, stub := dataflow.Stub(g.Members[u.Image].File, u.Entry)
		if !stub || !slices.Contains(g.Called(u.Image, slot, true), function) {
			args = -1
		}
	}
	return Sink{unit, reg, args}
}

// Solver remembers what calls pass.
type Solver struct {
	calls    map[call]passed
	variadic map[reach.UnitID]bool // see takesVariable
	steps    int                   // of all executions
}

// call is a place that calls the last unit of a chain.
type call struct {
	sink   Sink
	chain  [maxChain]reach.UnitID
	in     reach.UnitID
	at     uint64 // what it calls, as in Graph.Callers
	images int    // of the process
}

type passed struct {
	values []Address
	known  bool
}

// Passed returns the addresses that a unit, and nobody else on its behalf, passes to a sink. known is false if it may pass other
// things, but for null pointers.
func (s *Solver) Passed(g *reach.Graph, in reach.UnitID, to Sink) (values []Address, known bool) {
	values, known = s.chain(g, []reach.UnitID{in}, to)
	slices.SortFunc(values, func(a, b Address) int {
		if a.Image != b.Image {
			return a.Image - b.Image
		}
		return int(int64(a.Addr - b.Addr))
	})
	return slices.Compact(values), known
}

// chain is Passed for a unit that others call, the last, and they on.
func (s *Solver) chain(g *reach.Graph, chain []reach.UnitID, to Sink) (values []Address, known bool) {
	last := chain[len(chain)-1]
	callers := g.Callers(last)
	if g.Entered(last) || len(callers) == 0 {
		return nil, false
	}
	var above []reach.UnitID // callers whose callers were asked
	for _, e := range callers {
		if slices.Contains(above, e.Unit) {
			continue
		}
		v, ok := s.call(g, chain, e, to)
		if !ok {
			if len(chain) == maxChain || slices.Contains(chain, e.Unit) {
				return nil, false
			}
			above = append(above, e.Unit)
			if v, ok = s.chain(g, append(slices.Clone(chain), e.Unit), to); !ok {
				return nil, false
			}
		}
		values = append(values, v...)
	}
	return values, true
}

// Givers returns the images that may give a unit names: other files that call it, with a table of names, say, and those of the callers
// of functions that seem to take variable arguments, if these are the unit, or hand their va_list on to it, in at most maxHanded steps.
func (s *Solver) Givers(g *reach.Graph, id reach.UnitID) []int {
	const maxHanded = 2
	type place struct {
		unit  reach.UnitID
		steps int // from it to the unit
		given bool
	}
	own := g.Unit(id).Image
	var images []int
	add := func(img int) {
		if !slices.Contains(images, img) {
			images = append(images, img)
		}
	}
	todo := []place{{unit: id}}
	seen := map[place]bool{}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		given := p.given || s.takesVariable(g, p.unit)
		for _, e := range g.Callers(p.unit) {
			u := g.Unit(e.Unit)
			_, stub := dataflow.Stub(g.Members[u.Image].File, u.Entry)
			switch {
			case stub:
				todo = append(todo, place{e.Unit, p.steps, given})
			case p.steps == 0 && u.Image != own:
				add(u.Image)
			case !given && p.steps < maxHanded:
				todo = append(todo, place{e.Unit, p.steps + 1, false})
			case given:
				add(u.Image)
			}
		}
	}
	return images
}

// takesVariable is variadic, and remembers it: units are asked about again as callers come to be known.
func (s *Solver) takesVariable(g *reach.Graph, id reach.UnitID) bool {
	is, known := s.variadic[id]
	if !known {
		if s.variadic == nil {
			s.variadic = map[reach.UnitID]bool{}
		}
		is = variadic(g, id)
		s.variadic[id] = is
	}
	return is
}

// variadic reports whether a unit seems to store its parameters in the save area for registers right away, as functions do that walk their
// arguments, or pass a va_list on (psABI, section 3.5.7): the sixth, and the fifth before it, or it looks at how many vector registers are used, too.
// Where no function of a chain does, there is little hope.
func variadic(g *reach.Graph, id reach.UnitID) bool {
	const begin = 64
	u := g.Unit(id)
	m := g.Members[u.Image]
	var in, fifth, sixth x86.Inst
	vectors := false
	for pc, n := u.Entry, 0; n < begin && m.Exec(pc) && x86.Decode(m.Bytes(pc), pc, &in); n++ {
		switch {
		case in.Op == x86.OpTest && in.Dst == x86.RAX && in.Src == x86.RAX && in.Size == 1:
			vectors = true
		case in.Op != x86.OpMov || in.Dst != x86.RegNone || in.Size != 8 || in.Index != x86.RegNone:
		case in.Src == x86.R8:
			fifth = in
		case in.Src == x86.R9:
			sixth = in
		}
		if sixth.Len > 0 && (vectors || fifth.Len > 0 && fifth.Base == sixth.Base && fifth.Disp == sixth.Disp-8) {
			return true
		}
		if pc += uint64(in.Len); in.Op == x86.OpJmp {
			pc = uint64(in.Imm)
		}
	}
	return false
}

// call executes what a unit calls.
func (s *Solver) call(g *reach.Graph, chain []reach.UnitID, e reach.Edge, to Sink) ([]Address, bool) {
	u := g.Unit(e.Unit)
	if _, stub := dataflow.Stub(g.Members[u.Image].File, u.Entry); stub || len(chain) > 1 && !slices.ContainsFunc(chain, func(id reach.UnitID) bool { return s.takesVariable(g, id) }) {
		return nil, false // its callers know, or nobody does
	}
	k := call{sink: to, in: e.Unit, at: e.At, images: len(g.Members)}
	copy(k.chain[:], chain)
	if p, done := s.calls[k]; done {
		return p.values, p.known
	}
	p := passed{known: true}
	places := g.QueryWords(e.Unit, e.At, dataflow.Param{Kind: summary.Arg, Reg: uint8(x86.RDI)})
	if len(places) == 0 {
		p.known = false
	}
	for _, at := range places {
		m := &machine{g: g, sink: to, chain: chain, edge: e, seen: map[string]bool{}}
		p.known = p.known && s.steps < maxAll && m.run(at.From, at.PC)
		s.steps += m.steps
		if !p.known {
			p.values = nil
			break
		}
		p.values = append(p.values, m.found...)
	}
	if s.calls == nil {
		s.calls = map[call]passed{}
	}
	s.calls[k] = p
	return p.values, p.known
}
