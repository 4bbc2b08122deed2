package gate

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// asked is a parameter of which something is asked.
type asked struct {
	par    dataflow.Param
	bits   bits
	number bool // it is the number of a call
}

// anyPassed reports whether together holds for a unit that waits for a row.
func (k *Keeper) anyPassed(g *reach.Graph, r *row, all []bits) bool {
	for id, rows := range k.waiting {
		if slices.Contains(rows, r) && together(g, id, all, false) {
			return true
		}
	}
	return false
}

// together reports whether one call of a unit may pass all that is asked of some arguments. numbers: the first is the number of a call.
func together(g *reach.Graph, id reach.UnitID, all []bits, numbers bool) bool {
	var l []asked
	for _, b := range all {
		l = append(l, asked{dataflow.Param{Kind: summary.Arg, Reg: uint8(b.reg)}, b, numbers && b.reg == x86.RDI})
	}
	return g.Unit(id).Taken || passedTogether(g, id, l, maxWay)
}

// passedTogether is together for parameters, that callers pass on up to some depth.
func passedTogether(g *reach.Graph, id reach.UnitID, all []asked, depth int) bool {
	callers := g.Callers(id)
	if g.Unit(id).Taken || depth == 0 || len(callers) == 0 { // not all callers are known
		return !slices.ContainsFunc(all, func(a asked) bool { return a.never(g, id) })
	}
	for _, e := range callers {
		type call struct {
			never bool    // an argument is not what is asked for
			left  []asked // what the callers of the caller decide
		}
		calls := map[uint64]*call{}
		for _, a := range all {
			answers := g.Query(e.Unit, e.At, a.par)
			if len(answers) == 0 {
				return true // the caller could not be asked
			}
			for _, p := range answers {
				c := calls[p.PC]
				if c == nil {
					c = &call{}
					calls[p.PC] = c
				}
				switch par, may := a.bits.decide(p.Values); {
				case may:
				case par == nil:
					c.never = true
				default:
					c.left = append(c.left, asked{*par, a.bits, a.number})
				}
			}
		}
		for pc, c := range calls {
			if !c.never && (len(c.left) == 0 || passedTogether(g, e.Unit, c.left, depth-1)) && !exactlyNever(g, e, pc, all) {
				return true
			}
		}
	}
	return false
}

// never reports whether all that a unit can get in a parameter is known, and is not what is asked for. Where nothing is
// seen to come to it, it is enough that it is a number of a call, and the unit one of those that code calls through pointers
// (assumption private-wrappers).
func (a *asked) never(g *reach.Graph, id reach.UnitID) bool {
	if a.par.Kind != summary.Arg {
		return false
	}
	passed := number.Passed
	if a.number {
		passed = number.PassedNumber
	}
	found, known := passed(g, id, x86.Reg(a.par.Reg))
	return known && (g.Unit(id).Taken || len(found) > 0) && !slices.ContainsFunc(found, func(f number.Found) bool {
		return f.Value.Kind != summary.Const || a.bits.is(f.Value.N)
	})
}

// exactlyNever reports whether the call at pc never passes what is asked of one of some parameters, as far as
// arithmetic on few bits is followed.
func exactlyNever(g *reach.Graph, e reach.Edge, pc uint64, all []asked) bool {
	for _, a := range all {
		found, never := false, true
		for _, p := range g.QueryExact(e.Unit, map[uint64][]dataflow.Param{e.At: {a.par}}) {
			if p.PC == pc {
				par, may := a.bits.decide(p.Values)
				found, never = true, never && par == nil && !may
			}
		}
		if found && never {
			return true
		}
	}
	return false
}

// decide says what values have to do with what is asked of an argument: one may be that, or if par is not nil
// what its caller's callers pass there decides, else none is.
func (b *bits) decide(values []summary.Value) (par *dataflow.Param, may bool) {
	if len(values) == 0 {
		return nil, true
	}
	for i := range values {
		v := &values[i]
		switch {
		case v.Kind == summary.Const && !b.is(v.N), v.Kind == summary.Low && v.Size >= 4 && b.mask>>32 == 0 && !b.is(v.N):
		case v.Kind != summary.Arg && v.Kind != summary.ArgMem && v.Kind != summary.Stack, v.Size != 0 || par != nil && *par != *v:
			return nil, true
		default:
			par = v
		}
	}
	return par, false
}

// is reports whether a number is what is asked for. Numbers are compared as int.
func (b *bits) is(n int64) bool {
	if b.clear {
		return n&b.mask != b.mask
	}
	if b.mask != 0 {
		return n&b.mask != 0
	}
	return int32(n) == int32(b.n)
}
