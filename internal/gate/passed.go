package gate

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// asked is a parameter that may have one of some bits.
type asked struct {
	par  dataflow.Param
	mask int64
}

// anyPassed reports whether together holds for a unit that waits for a row.
func (k *Keeper) anyPassed(g *reach.Graph, r *row, all []bits) bool {
	for id := range reach.UnitID(len(g.Units)) {
		if slices.Contains(k.waiting[id], r) && together(g, id, all) {
			return true
		}
	}
	return false
}

// together reports whether one call of a unit may pass some of the bits of all of some arguments.
func together(g *reach.Graph, id reach.UnitID, all []bits) bool {
	var l []asked
	for _, b := range all {
		l = append(l, asked{dataflow.Param{Kind: summary.Arg, Reg: uint8(b.reg)}, b.mask})
	}
	return passedTogether(g, id, l, maxWay)
}

// passedTogether is together for parameters, that callers pass on up to some depth.
func passedTogether(g *reach.Graph, id reach.UnitID, all []asked, depth int) bool {
	callers := g.Callers(id)
	if g.Units[id].Taken || depth == 0 || len(callers) == 0 {
		return true // not all callers are known
	}
	for _, e := range callers {
		type call struct {
			never bool    // an argument has none of its bits
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
				switch par, may := decide(p.Values, a.mask); {
				case may:
				case par == nil:
					c.never = true
				default:
					c.left = append(c.left, asked{*par, a.mask})
				}
			}
		}
		for _, c := range calls {
			if !c.never && (len(c.left) == 0 || passedTogether(g, e.Unit, c.left, depth-1)) {
				return true
			}
		}
	}
	return false
}

// decide says what values have to do with the bits of a mask: one may have some, or if par is not nil what its
// caller's callers pass there decides, else none has.
func decide(values []summary.Value, mask int64) (par *dataflow.Param, may bool) {
	if len(values) == 0 {
		return nil, true
	}
	for i := range values {
		v := &values[i]
		switch {
		case v.Kind == summary.Const && v.N&mask == 0:
		case v.Kind != summary.Arg && v.Kind != summary.ArgMem && v.Kind != summary.Stack, par != nil && *par != *v:
			return nil, true
		default:
			par = v
		}
	}
	return par, false
}
