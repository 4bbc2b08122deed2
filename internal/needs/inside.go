package needs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/callgraph"
	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// Inside is a place behind the first byte of a function to which code outside of the function jumps, or which it
// calls, directly. A gate at the function's entry does not see that, and one at the place itself would
// also see who comes there from the function's entry, with another stack.
type Inside struct {
	Addr uint64
	Func *unikernel.Func   // that it is in, or behind; nil if there is none
	From []*unikernel.Func // whose code goes there, by address
}

// insides finds these places, by address, in the code of live functions. A function and the part of it that the
// compiler split off (.cold) are one.
func (r *Result) insides(known map[*unikernel.Func]addresses) []Inside {
	places := map[uint64]*Inside{}
	seen := map[*unikernel.Func]bool{}
	for u := range r.Graph.Units {
		f := r.Graph.Func(u)
		if f == nil || seen[f] {
			continue
		}
		seen[f] = true
		if known[f] == nil {
			known[f] = r.branches(f)
		}
		for to := range known[f] {
			if to >= f.Addr && to < f.End() || !r.Image.File.Exec(to) {
				continue
			}
			t := r.Image.At(to)
			if t != nil && (t.Addr == to || whole(t.Name) == whole(f.Name)) {
				continue
			}
			if places[to] == nil {
				places[to] = &Inside{Addr: to, Func: t}
			}
			places[to].From = append(places[to].From, f)
		}
	}
	out := make([]Inside, 0, len(places))
	for _, p := range places {
		slices.SortFunc(p.From, func(a, b *unikernel.Func) int { return cmp.Compare(a.Addr, b.Addr) })
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Inside) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}

// whole is the name of the function that a part is of, as gcc and clang name it.
func whole(symbol string) string {
	name, _, _ := strings.Cut(symbol, ".cold")
	return name
}

// enterInside names each place within a function of a compartment to which another compartment, or a transparent library,
// goes directly: the tag does not get the compartment's bit there. That goes into the plan, so that who seals the image counts it.
// A place within a function that makes a system call is worse: neither is the call counted, nor would the check see it.
func (r *Result) enterInside(known map[*unikernel.Func]addresses) {
	g := r.Graph
	for _, p := range r.insides(known) {
		c, clear := r.at(p.Addr)
		u, ok := g.Reach.Lookup(0, p.Addr)
		if !ok { // as of bytes that are no instructions
			u, _ = g.Reach.Lookup(0, p.From[0].Addr)
		}
		if p.Func != nil {
			if e, is := r.makes(p.Func); is {
				g.Unresolved = append(g.Unresolved, callgraph.Unresolved{Unit: u, PC: p.Addr, Kind: "inside",
					What: "this is within " + e + ", and " + p.From[0].Name + " goes to it directly: calls that it makes there are neither found nor checked", Open: true})
			}
		}
		if clear || r.Plan.Compartments[c].Default {
			continue // nobody, or who is on every chain
		}
		from := ""
		for _, f := range p.From {
			if k, t := r.at(f.Addr); k != c || t {
				from = f.Name
				break
			}
		}
		if from == "" {
			continue
		}
		g.Unresolved = append(g.Unresolved, callgraph.Unresolved{Unit: u, PC: p.Addr, Kind: "inside",
			What: from + " goes directly to this place within a function of " + r.Plan.Compartments[c].Name + ", where no gate can be: what it does there is not counted as that compartment's by a sealed image"})
		gate := compartment.Gate{Func: g.NameAt(p.Addr), Addr: p.Addr, To: compartment.ID(c), Inside: true}
		if p.Func != nil {
			gate.Size = p.Func.End() - p.Addr
		}
		r.Plan.Gates = append(r.Plan.Gates, gate)
	}
	slices.SortStableFunc(g.Unresolved, func(a, b callgraph.Unresolved) int { return cmp.Compare(a.PC, b.PC) })
}

// at is Of for an address.
func (r *Result) at(addr uint64) (c int, transparent bool) {
	return r.ofLib(r.Image.Owner(addr))
}

// makes reports whether a function makes a system call, or dispatches them, and names it.
func (r *Result) makes(f *unikernel.Func) (string, bool) {
	if u, ok := r.Graph.Reach.Lookup(0, f.Addr); ok && (r.entry(u) || len(r.Graph.Inlined[u]) > 0) {
		return f.Name, true
	}
	for _, d := range r.Graph.Dead {
		if d.Func == f {
			return f.Name, true
		}
	}
	return "", false
}
