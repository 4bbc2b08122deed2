// Package needs finds which system calls each compartment of a unikernel needs, where
// control crosses from one into another, and what of that goes around the entries of calls.
//
// # Definitions
//
// A library belongs to the compartment that kraft.yaml puts it in, or to the default one. Code
// whose library is not known belongs to the default one. A compartment *executes* a call if code of it
// calls an entry of the call, has the body of the call inlined, or calls a dispatcher with its
// number; with memory keys, see keys.go. It *needs* a call if an entry or a body of it is among what control can come to from the
// compartment's code: directly, through pointers, through other compartments, in threads that it starts.
//
// Control comes from every live function of the compartment, whoever calls it, with any argument that anybody passes to it. That is
// coarser than what the image does (a function may only be called in the default compartment's interest),
// and sound: once control is in the compartment, it may be in any function of it.
//
// A *transparent* library (a C library) is no root: what it does is done on behalf of who calls it, and its code
// belongs to the chain of calls as if it were inlined into its callers. What it calls back is a function of
// somebody else, and counts. A compartment of transparent libraries alone has its own code as roots.
//
// The entries of system calls are not gates: a call of one is what rules are about, and the code behind it
// acts for who called it. What an entry calls in turn is in the needs of its callers.
//
// # When it is sound
//
// If package callgraph is.
package needs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/callgraph"
	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/kraft"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// Unit is a node of the call graph.
type Unit = callgraph.Unit

// Options of Find.
type Options struct {
	Transparent []string // names of libraries, as in kraft.yaml or in the image
	Workers     int
	Libraries   bool                // what each library needs as well
	Called      []uint64            // functions that other images call
	Elsewhere   map[uint64][]uint64 // by function: addresses that it hands to other images alone
}

// TransparentByDefault are the C libraries (kraft.yaml's names).
var TransparentByDefault = []string{"musl", "newlib", "nolibc"}

// Library is a micro-library of the image.
type Library struct {
	Name        string
	Compartment int
	By          string // the name in kraft.yaml that it is of, "" if none
	Transparent bool
	Funcs       int
	Code, Data  uint64
	Executes    compartment.Calls
	Needs       compartment.Calls // with Options.Libraries
}

// Chain is a way from a compartment's code to a call.
type Chain []Step

// Step is a unit on it, and how control came to it. The first has none.
type Step struct {
	Unit Unit
	Kind callgraph.Kind
}

// Bypass is a function behind the entries of calls that a compartment can call without them.
type Bypass struct {
	Unit   Unit
	Caller Unit
	Calls  []int // those that it does the work of
}

// Detail is what is known of one compartment besides the Plan.
type Detail struct {
	Funcs     int
	Code      uint64 // bytes of its own code
	Reach     uint64 // bytes of the code that control can come to from it
	Chains    map[int]Chain
	Crossings []Crossing
	Bypasses  []Bypass
	reached   *callgraph.Reached
}

// Result is what was found.
type Result struct {
	Plan      compartment.Plan
	Graph     *callgraph.Graph
	Image     *unikernel.Image
	Details   []Detail // by compartment
	Libraries []Library
	Calls     map[int][]Unit // the calls that the image has, by number, with their live entries and bodies
	Code      uint64         // bytes of live code
	Sequences []Sequence
	Keyed     bool // memory keys tell compartments apart: byKeys found what they execute
	called    []uint64
}

// names are the libraries of the image, sorted.
func (r *Result) names() []string {
	var names []string
	for _, l := range r.Libraries {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return names
}

// UnknownLibrary says that kraft.yaml assigns libraries that the image does not have.
type UnknownLibrary struct {
	Libraries []kraft.Library
	Image     string
	Has       []string
}

func (e *UnknownLibrary) Error() string {
	return e.Libraries[0].Pos.String() + ": " + e.Of(0)
}

// Of says it of one of them; of the last, what there is instead.
func (e *UnknownLibrary) Of(i int) string {
	s := "library " + quote(e.Libraries[i].Name) + " is not in the image " + e.Image
	if i == len(e.Libraries)-1 {
		s += "; the image has " + strings.Join(e.Has, ", ")
	}
	return s
}

// NoFunctions says that no function of a compartment is known, as nothing in the image says which library
// its functions are of: rules for it would hold for nothing.
type NoFunctions struct {
	Compartment, Image string
	Libraries          []string
}

func (e *NoFunctions) Error() string {
	return e.Image + ": no function of compartment " + quote(e.Compartment) + " (" + strings.Join(e.Libraries, ", ") + ") is known: the image has no debug information that says which library " +
		"a function is of, and there are no objects (lib*.o) and no recorded link command (IMAGE.dbg.cmd) beside it; leave it in its build directory, or build it with debug information"
}

func quote(s string) string { return `"` + s + `"` }

// Find analyses an image. f may be nil: everything is then one compartment.
func Find(ctx context.Context, m *unikernel.Image, f *kraft.File, opts Options) (*Result, error) {
	r := &Result{Image: m, Calls: map[int][]Unit{}, called: opts.Called}
	if err := r.assign(f, opts); err != nil {
		return nil, err
	}
	var err error
	if r.Graph, err = callgraph.Build(ctx, m, callgraph.Options{Workers: opts.Workers, Called: opts.Called, Elsewhere: opts.Elsewhere}); err != nil {
		return nil, err
	}
	r.calls()
	r.executes()
	r.sequences()
	if r.Keyed = f != nil && f.Driver == "intel-pku"; r.Keyed {
		r.byKeys()
	}
	r.Details = make([]Detail, len(r.Plan.Compartments))
	for c := range r.Plan.Compartments {
		if err := r.needs(ctx, c); err != nil {
			return nil, err
		}
	}
	r.beneath()
	r.crossings()
	for c := range r.Details {
		r.bypasses(c)
	}
	if opts.Libraries {
		if err := r.libraries(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fold is a library's name without what the names of kraft.yaml and of the build differ in.
func fold(name string) string { return strings.NewReplacer("-", "", "_", "").Replace(name) }

// covers reports whether a name of kraft.yaml stands for a micro-library: "lib" and
// the name, or a name that goes on behind it; "app" and the name.
func covers(name, lib string) bool {
	n, l := fold(name), fold(lib)
	return strings.HasPrefix(l, "lib"+n) || l == "app"+n || l == n
}

// apart reports whether a library is the application, beside a library with the same name. FlexOS's tools make gates from the application, which they
// leave in the default compartment, into the library that kraft.yaml puts into another.
func (r *Result) apart(name, lib string) bool {
	n := fold(name)
	return fold(lib) == "app"+n && slices.ContainsFunc(r.Image.Libs, func(l unikernel.Lib) bool { return fold(l.Name) == "lib"+n })
}

// assign puts each library into a compartment.
func (r *Result) assign(f *kraft.File, opts Options) error {
	m := r.Image
	def := 0
	if f == nil || len(f.Compartments) == 0 {
		r.Plan.Compartments = []compartment.Compartment{{Name: "image", Default: true}}
	} else {
		def = f.Default()
		for _, c := range f.Compartments {
			r.Plan.Compartments = append(r.Plan.Compartments, compartment.Compartment{Name: c.Name, Default: c.Default})
		}
	}
	used := map[int]bool{}
	for _, l := range m.Libs {
		x := Library{Name: l.Name, Compartment: def, Funcs: l.Funcs, Code: l.Code, Data: l.Data}
		if f != nil {
			best := -1 // the longest name that covers it
			for i, k := range f.Libraries {
				if covers(k.Name, l.Name) && !(f.Driver == "intel-pku" && r.apart(k.Name, l.Name)) && (best < 0 || len(fold(k.Name)) > len(fold(f.Libraries[best].Name))) {
					best = i
				}
			}
			if best >= 0 {
				used[best] = true
				x.By = f.Libraries[best].Name
				if f.Libraries[best].Compartment >= 0 {
					x.Compartment = f.Libraries[best].Compartment
				}
			}
		}
		for _, t := range opts.Transparent {
			x.Transparent = x.Transparent || covers(t, l.Name)
		}
		r.Libraries = append(r.Libraries, x)
	}
	// Those of the default need not all be there; a name that was given is meant.
	for _, t := range opts.Transparent {
		if !slices.Contains(TransparentByDefault, t) && !slices.ContainsFunc(r.Libraries, func(l Library) bool { return covers(t, l.Name) }) {
			return fmt.Errorf("library %s, which is to be transparent, is not in the image %s; the image has %s", quote(t), m.Path, strings.Join(r.names(), ", "))
		}
	}
	if f != nil {
		unknown := &UnknownLibrary{Image: m.Path}
		for i, k := range f.Libraries {
			if !used[i] && k.Named {
				unknown.Libraries = append(unknown.Libraries, k)
			}
		}
		if len(unknown.Libraries) > 0 {
			unknown.Has = r.names()
			return unknown
		}
	}
	if err := r.empty(def); err != nil {
		return err
	}
	own := make([]bool, len(r.Plan.Compartments))
	clear := make([]bool, len(r.Plan.Compartments))
	for _, l := range r.Libraries {
		if l.Transparent {
			clear[l.Compartment] = true
		} else if l.Funcs > 0 {
			own[l.Compartment] = true
		}
	}
	for c := range r.Plan.Compartments {
		r.Plan.Compartments[c].Transparent = clear[c] && !own[c] && c != def
	}
	return nil
}

// empty returns a compartment that has libraries and no function, although there are functions whose library is not known.
func (r *Result) empty(def int) error {
	for c := range r.Plan.Compartments {
		e := &NoFunctions{Compartment: r.Plan.Compartments[c].Name, Image: r.Image.Path}
		funcs := 0
		for _, l := range r.Libraries {
			if l.Compartment == c {
				e.Libraries = append(e.Libraries, l.Name)
				funcs += l.Funcs
			}
		}
		if c != def && len(e.Libraries) > 0 && funcs == 0 && r.Image.Unknown > 0 {
			return e
		}
	}
	return nil
}

// libOf returns the library of a unit, -1 if it is not known.
func (r *Result) libOf(u Unit) int { return r.Image.Owner(r.Graph.Reach.Unit(u).Entry) }

// Of returns the compartment of a unit, and whether its library is transparent.
func (r *Result) Of(u Unit) (c int, transparent bool) { return r.ofLib(r.libOf(u)) }

func (r *Result) ofLib(l int) (c int, transparent bool) {
	if l < 0 {
		for i := range r.Plan.Compartments {
			if r.Plan.Compartments[i].Default {
				return i, false
			}
		}
		return 0, false
	}
	return r.Libraries[l].Compartment, r.Libraries[l].Transparent
}

// transparent reports whether a unit is of a transparent library.
func (r *Result) transparent(u Unit) bool {
	_, clear := r.Of(u)
	return clear
}

// calls lists the functions that make calls.
func (r *Result) calls() {
	g := r.Graph
	for u := range g.Units {
		f := g.Func(u)
		if f != nil && f.Addr == g.Reach.Unit(u).Entry {
			r.Code += f.Size
		}
		e, ok := g.Entries[u]
		if !ok && f != nil && f.Addr == g.Reach.Unit(u).Entry && !g.Dispatches(u) {
			// Who comes to it makes its calls, so that who needs one of them not must not come to it.
			for _, n := range g.Inlined[u] {
				if n < 512 {
					r.Calls[n] = append(r.Calls[n], u)
					r.Plan.Entries = append(r.Plan.Entries, compartment.Entry{Func: f.Name, Addr: f.Addr, Size: f.Size, Number: n, Inline: true})
				}
			}
		}
		if !ok || e.Number >= 512 {
			continue
		}
		r.Calls[e.Number] = append(r.Calls[e.Number], u)
		size := uint64(0)
		if f != nil {
			size = f.End() - g.Reach.Unit(u).Entry
		}
		r.Plan.Entries = append(r.Plan.Entries, compartment.Entry{
			Func: g.Name(u), Addr: g.Reach.Unit(u).Entry, Size: size, Number: e.Number, Errno: e.Errno,
			Body: e.Form == callgraph.Body,
		})
	}
	for _, d := range g.Dead {
		if d.Number >= 512 {
			continue
		}
		if _, ok := r.Calls[d.Number]; !ok {
			r.Calls[d.Number] = nil
		}
		r.Plan.Entries = append(r.Plan.Entries, compartment.Entry{
			Func: d.Func.Name, Addr: d.Func.Addr, Size: d.Func.Size, Number: d.Number, Errno: d.Errno, Body: d.Form == callgraph.Body, Inline: d.Form == callgraph.Inline,
		})
	}
	slices.SortFunc(r.Plan.Entries, func(a, b compartment.Entry) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.Number, b.Number))
	})
}

// executes finds what the code of each library and compartment makes itself.
func (r *Result) executes() {
	for u := range r.Graph.Units {
		for _, m := range r.Graph.Makes[u] {
			if m.Number >= 512 {
				continue
			}
			c, _ := r.Of(u)
			r.Plan.Compartments[c].Executes.Add(m.Number)
			if l := r.libOf(u); l >= 0 {
				r.Libraries[l].Executes.Add(m.Number)
			}
		}
	}
}

// roots returns the units that a compartment's control can be in. What another image calls is one of
// them, be it an entry or of a transparent library.
func (r *Result) roots(c int) []Unit {
	var out, clear []Unit
	for u := range r.Graph.Units {
		asked := slices.Contains(r.called, r.Graph.Reach.Unit(u).Entry)
		if k, transparent := r.Of(u); k == c && (asked || !r.entry(u)) {
			if transparent && !asked {
				clear = append(clear, u)
			} else {
				out = append(out, u)
			}
		}
	}
	if len(out) == 0 {
		return clear
	}
	return out
}

// needed returns the calls that are made by what was reached from roots, and those that roots make with numbers that
// others give to them: who knows the number makes the call, but they are on the chain as well. An entry that is reached as a
// root alone is no call: roots are not entries.
func (r *Result) needed(reached *callgraph.Reached, roots []Unit, chains map[int]Chain) compartment.Calls {
	var out compartment.Calls
	g := r.Graph
	parent := map[Unit]Step{}
	chain := func(u Unit) Chain {
		var c Chain
		for n := 0; n < 1<<16; n++ {
			p := parent[u]
			c = append(c, Step{u, p.Kind})
			if p.Unit == 0 {
				break
			}
			u = p.Unit
		}
		slices.Reverse(c)
		return c
	}
	found := func(n int, u Unit) {
		if n >= 512 || out.Has(n) {
			return
		}
		out.Add(n)
		if chains != nil {
			chains[n] = chain(u)
		}
	}
	for u, from := range reached.Parents {
		parent[u] = Step{from.Unit, from.How}
		if e, ok := g.Entries[u]; ok {
			if own, is := g.Entries[from.Unit]; !is || own.Number != e.Number {
				found(e.Number, u)
			}
		}
		for _, n := range g.Inlined[u] {
			found(n, u)
		}
	}
	given := func(u, entry Unit, n int) {
		if n < 512 && !out.Has(n) {
			out.Add(n)
			if chains != nil {
				chains[n] = Chain{{Unit: u}, {entry, callgraph.Dispatch}}
			}
		}
	}
	for _, u := range roots {
		for _, m := range g.Passes[u] {
			given(u, m.By, m.Number)
		}
		if g.PassesAny[u] {
			for _, entry := range slices.Sorted(maps.Keys(g.Entries)) {
				given(u, entry, g.Entries[entry].Number)
			}
		}
	}
	return out
}

func (r *Result) needs(ctx context.Context, c int) (err error) {
	d := &r.Details[c]
	d.Chains = map[int]Chain{}
	roots := r.roots(c)
	if d.reached, err = r.Graph.From(ctx, roots, r.transparent); err != nil {
		return err
	}
	r.Plan.Compartments[c].Needs = r.needed(d.reached, roots, d.Chains)
	for u := range d.reached.Parents {
		if f := r.Graph.Func(u); f != nil && f.Addr == r.Graph.Reach.Unit(u).Entry {
			d.Reach += f.Size
		}
	}
	for u := range r.Graph.Units {
		if k, _ := r.Of(u); k == c {
			if f := r.Graph.Func(u); f != nil && f.Addr == r.Graph.Reach.Unit(u).Entry {
				d.Funcs++
				d.Code += f.Size
			}
		}
	}
	return nil
}

// beneath gives the default compartment what the others need: its boot code is at the bottom of
// every chain of calls, so a rule that refused it a call would refuse that to all. Where its own
// code does not come to the call, the chain is that of another compartment.
func (r *Result) beneath() {
	for c := range r.Plan.Compartments {
		if !r.Plan.Compartments[c].Default {
			continue
		}
		for other := range r.Plan.Compartments {
			if r.Plan.Compartments[other].Transparent {
				continue // it adds nothing to a chain
			}
			for n, chain := range r.Details[other].Chains {
				if _, own := r.Details[c].Chains[n]; !own {
					r.Details[c].Chains[n] = chain
				}
			}
			add(&r.Plan.Compartments[c].Needs, r.Plan.Compartments[other].Needs)
		}
	}
}

// add puts the calls of a set into another.
func add(to *compartment.Calls, from compartment.Calls) {
	for i := range to {
		to[i] |= from[i]
	}
}

// libraries finds what each library needs.
func (r *Result) libraries(ctx context.Context) error {
	by := make([][]Unit, len(r.Libraries))
	for u := range r.Graph.Units {
		if l := r.libOf(u); l >= 0 && !r.entry(u) {
			by[l] = append(by[l], u)
		}
	}
	for l := range r.Libraries {
		if len(by[l]) == 0 {
			continue
		}
		reached, err := r.Graph.From(ctx, by[l], r.transparent)
		if err != nil {
			return err
		}
		r.Libraries[l].Needs = r.needed(reached, by[l], nil)
	}
	return nil
}

// entry reports whether a unit is what the check of a rule is for: an entry, a body of one, a dispatcher.
func (r *Result) entry(u Unit) bool {
	_, is := r.Graph.Entries[u]
	return is || r.Graph.Dispatches(u)
}

// bypasses finds what a compartment can call of the code behind entries. Code is behind
// an entry if it is in a library that has entries, is none itself, and an entry calls it.
func (r *Result) bypasses(c int) {
	g := r.Graph
	d := &r.Details[c]
	behind := map[Unit][]int{}
	for u, e := range g.Entries {
		l := r.libOf(u)
		for _, x := range g.Out[u] {
			if _, entry := g.Entries[x.To]; entry || x.Kind != callgraph.Direct || r.libOf(x.To) != l {
				continue
			}
			if !slices.Contains(behind[x.To], e.Number) {
				behind[x.To] = append(behind[x.To], e.Number)
			}
		}
	}
	for u := range d.reached.Parents {
		k, clear := r.Of(u)
		if k != c && !clear {
			continue
		}
		for _, e := range g.Direct(u) {
			calls := behind[e.To]
			to, _ := r.Of(e.To)
			body, isBody := g.Entries[e.To]
			if isBody && body.Form == callgraph.Body {
				calls = []int{body.Number}
			}
			if len(calls) == 0 || to == c || slices.ContainsFunc(d.Bypasses, func(b Bypass) bool { return b.Unit == e.To }) {
				continue
			}
			slices.Sort(calls)
			d.Bypasses = append(d.Bypasses, Bypass{e.To, u, calls})
		}
	}
	slices.SortFunc(d.Bypasses, func(a, b Bypass) int {
		return cmp.Compare(g.Reach.Unit(a.Unit).Entry, g.Reach.Unit(b.Unit).Entry)
	})
}
