package needs

import (
	"context"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/callgraph"
	"github.com/gofind-dev/gofind/internal/compartment"
)

// Part is what is known of the code of one library, whichever compartment it is in; or of
// the code whose library is not known.
type Part struct {
	Library int    // index of Result.Libraries, -1 for what has none
	Code    uint64 // bytes of its live code
	Funcs   int    // live functions
	Kernel  bool   // it has boot code, entries of system calls or dispatchers
	Boot    bool   // it has boot code, which 16 and 32-bit code enters that is not decoded: its place is below all others
	Needs   compartment.Calls
	Calls   []uint32 // by Part: functions of it that this one calls directly, and that are no entries
}

// Parts returns the facts from which the needs of any split into compartments follow: those of a
// compartment are the union of the needs of its libraries that are not transparent, or if it has
// none, of those that are. Code without a library is in the default compartment, and needs what all others do.
//
// What control comes to from a set of functions is the closure of them under rules that each have one
// live thing as their premise (package reach, Derive: calls, addresses, words of data, what others left or hand over), so that
// it is the union of what it comes to from each. What a rule needs besides does not depend on the roots: whether a callee consumes an argument
// follows from its own callees, and which branches run, and what is stored where, is taken from the graph of the whole image.
// Policies computes the same without this reasoning; tests compare the two, and kraft suggest does for what it suggests.
func (r *Result) Parts(ctx context.Context) ([]Part, error) {
	g := r.Graph
	n := len(r.Libraries)
	parts := make([]Part, n+1)
	roots := make([][]Unit, n+1)
	part := func(u Unit) int {
		if l := r.libOf(u); l >= 0 {
			return l
		}
		return n
	}
	for i := range parts {
		parts[i] = Part{Library: i, Calls: make([]uint32, n+1)}
	}
	parts[n].Library = -1
	called := map[[2]int]map[Unit]bool{} // by part and part: functions
	for u := range g.Units {
		i := part(u)
		p := &parts[i]
		if f := g.Func(u); f != nil && f.Addr == g.Reach.Unit(u).Entry {
			p.Code += f.Size
			p.Funcs++
		}
		for _, e := range g.Direct(u) {
			if j := part(e.To); j != i && !r.entry(e.To) && e.Kind == callgraph.Direct {
				k := [2]int{i, j}
				if called[k] == nil {
					called[k] = map[Unit]bool{}
				}
				called[k][e.To] = true
			}
		}
		if r.entry(u) {
			p.Kernel = true
			continue
		}
		roots[i] = append(roots[i], u)
	}
	for k, to := range called {
		parts[k[0]].Calls[k[1]] = uint32(len(to))
	}
	for i, l := range r.Libraries {
		parts[i].Boot = r.boots(i, l.Name)
	}
	parts[n].Boot = true
	for i := range parts {
		parts[i].Kernel = parts[i].Kernel || parts[i].Boot
	}
	for i := range parts {
		if len(roots[i]) == 0 {
			continue
		}
		reached, err := g.From(ctx, roots[i], r.transparent)
		if err != nil {
			return nil, err
		}
		parts[i].Needs = r.needed(reached, roots[i], nil)
	}
	// It is in the default compartment, which is beneath all others.
	for i := range n {
		if !r.Libraries[i].Transparent {
			add(&parts[n].Needs, parts[i].Needs)
		}
	}
	return parts, nil
}

// boots reports whether a library is one of those whose functions package callgraph takes to be called by boot code.
func (r *Result) boots(i int, name string) bool {
	if boot := r.Image.Owner(r.Image.File.Entry); boot >= 0 {
		return i == boot
	}
	platform := func(name string) bool { return strings.HasPrefix(name, "lib") && strings.HasSuffix(name, "plat") }
	return platform(name) || !slices.ContainsFunc(r.Libraries, func(l Library) bool { return platform(l.Name) })
}

// Policies returns the needs of n compartments if libraries are in those that in says, and code
// without a library in def: what Find would find of such a kraft.yaml.
func (r *Result) Policies(ctx context.Context, in []int, n, def int) ([]compartment.Calls, error) {
	out := make([]compartment.Calls, n)
	own, clear := make([][]Unit, n), make([][]Unit, n)
	for u := range r.Graph.Units {
		if r.entry(u) {
			continue
		}
		l := r.libOf(u)
		switch {
		case l < 0:
			own[def] = append(own[def], u)
		case r.Libraries[l].Transparent:
			clear[in[l]] = append(clear[in[l]], u)
		default:
			own[in[l]] = append(own[in[l]], u)
		}
	}
	for c := range out {
		roots := own[c]
		if len(roots) == 0 {
			roots = clear[c]
		}
		if len(roots) == 0 {
			continue
		}
		reached, err := r.Graph.From(ctx, roots, r.transparent)
		if err != nil {
			return nil, err
		}
		out[c] = r.needed(reached, roots, nil)
	}
	for c := range out {
		if c == def || len(own[c]) > 0 {
			add(&out[def], out[c])
		}
	}
	return out, nil
}

// Covers reports whether a name of kraft.yaml, or of the image, stands for a micro-library.
func Covers(name, lib string) bool { return covers(name, lib) }
