// Package callgraph finds which function of a unikernel's image can call which,
// and which system calls each makes.
//
// # Theory
//
// Its nodes are the units that package reach finds live in the image as a whole. What can run on behalf of a part of
// the image (From) is a graph that is derived from that one (reach.Graph.Derive): it begins in the functions
// of that part alone, follows calls, and through pointers those functions whose addresses its own code and the
// data that it refers to hold, or that others hand to it. That distinguishes who calls printf and who calls
// snprintf, both of which call what a FILE says.
//
// A system call is no instruction in such an image but a call of a function:
//
//   - entries uk_syscall_{r,e}_X, their bodies that stand as functions of their own, and
//     bodies that were inlined into other functions (DW_TAG_inlined_subroutine);
//   - dispatchers (facts.txt), which call the entry of a number that they get. A call of one with
//     a known number (package number, through wrappers) is an edge to that entry; with an
//     unknown one, an edge to the dispatcher, which leads to all entries, and it is named (Unresolved);
//   - syscall instructions, where the image has a handler for them: an edge to the
//     entry of the number, or to the handler.
//
// # Roots
//
// The entry of an image is 16 and 32-bit code, which nothing here decodes: all functions of the library that it is in
// are live (if that is not known, those of the platform libraries and of no library; if there are none, all). So is what tables of the linker script hold, which
// are all sections of data but the usual ones: uk_ctortab, uk_inittab and so on. So are functions that other images call (Options.Called).
//
// # When it is sound
//
// If packages reach and number are (their assumptions hold here too), facts.txt is right about the functions it
// names, and nothing goes back to the code with which the image starts (starting). What a part of an image may call includes every function whose address any code may have put where others find it, or whose
// data may have been (reach.Loose): stored to memory without a name, passed to a function that may keep it, read from a variable, copied. Two things are
// left out: tables that are walked once, by the start of the image, and what a C library keeps for itself or for its callers, which is live with
// that library's calls through pointers (From).
package callgraph

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// Unit is a node: a unit of package reach.
type Unit = reach.UnitID

// Kind says how control takes an edge.
type Kind uint8

// Kinds of edges.
const (
	Direct   Kind = iota // a call or a jump to it
	Pointer              // its address is taken, by the code before it or in data that that refers to
	Dispatch             // a dispatcher, called with its number
	Trap                 // a syscall instruction
)

func (k Kind) String() string {
	return [...]string{"call", "pointer", "dispatcher", "syscall instruction"}[k]
}

// Edge leads to a unit.
type Edge struct {
	To   Unit
	Kind Kind
}

// Unresolved is a place where a number or a target is not known.
type Unresolved struct {
	Unit Unit
	PC   uint64
	Kind string // number, indirect-jump, inlined-bodies
	What string
	Open bool // there may be calls that are not found
}

// Made is a call that a unit makes itself.
type Made struct {
	Number int
	By     Unit // the entry that it calls, 0 if the body is inlined
}

// DeadEntry is an entry, or a body of one, that is not live: it is there for who jumps to it.
type DeadEntry struct {
	Entry
	Func *unikernel.Func
}

// Graph is the call graph of an image.
type Graph struct {
	Image   *unikernel.Image
	Reach   *reach.Graph
	Entries map[Unit]Entry // live units that make a call
	Dead    []DeadEntry    // functions that make one and that nothing in the image comes to
	Out     [][]Edge       // by unit, sorted, without duplicates
	Inlined map[Unit][]int // calls whose bodies are inlined into a unit
	Makes   [][]Made       // by unit: what executes the call is this unit's code
	Handler bool           // syscall instructions work

	Passes    map[Unit][]Made // calls that a unit makes, or has made, with numbers that it got from its callers
	PassesAny map[Unit]bool   // units that do so with numbers that are not known

	Unresolved []Unresolved
	instead    map[uint64]map[uint64][]uint64 // by unit and dispatcher: what it calls; both by address
	extra      map[uint64][]uint64            // what a unit calls that its code does not show
	kinds      map[[2]Unit]Kind               // of edges that are no calls
	handing    reach.Handing
	kept       map[int][]uint64 // by library: code that its functions are passed and keep for others
	loose      []loose
	dispatcher map[Unit]bool
	handlers   map[Unit]bool            // of syscall instructions: they make the call of who executed one
	servers    map[Unit]bool            // what they, and dispatchers, call for that (facts.txt, serves)
	start      map[*unikernel.Func]bool // starting
}

// Options of Build.
type Options struct {
	Workers int
	Called  []uint64 // functions that other images call
	// Elsewhere, by function: addresses that it hands to other images alone
	Elsewhere map[uint64][]uint64
}

// Build analyses an image.
func Build(ctx context.Context, m *unikernel.Image, opts Options) (*Graph, error) {
	p := process.Alone(m.File)
	ro := reach.Options{Workers: opts.Workers}
	if len(opts.Elsewhere) > 0 {
		ro.Elsewhere = func(entry, addr uint64) bool {
			f := m.At(entry)
			return f != nil && slices.Contains(opts.Elsewhere[f.Addr], addr)
		}
	}
	rg := reach.New(p, ro)
	g := &Graph{Image: m, Reach: rg, Entries: map[Unit]Entry{}, Inlined: map[Unit][]int{}, dispatcher: map[Unit]bool{}, handlers: map[Unit]bool{}, servers: map[Unit]bool{},
		Passes: map[Unit][]Made{}, PassesAny: map[Unit]bool{},
		instead: map[uint64]map[uint64][]uint64{}, extra: map[uint64][]uint64{}, kinds: map[[2]Unit]Kind{}}
	g.roots()
	for _, a := range opts.Called {
		rg.Root(0, a, "a call from another image")
	}
	if err := rg.Run(ctx); err != nil {
		return nil, err
	}
	g.Out = make([][]Edge, rg.NumUnits())
	g.Makes = make([][]Made, rg.NumUnits())
	g.name()
	g.wrappers()
	g.inlined()
	g.dispatch()
	g.traps()
	g.hand()
	g.tidy()
	g.starting()
	return g, nil
}

// plainSections are those that hold no table of the linker script.
var plainSections = []string{".text", ".rodata", ".data", ".bss", ".tdata", ".tbss", ".eh_frame", ".eh_frame_hdr", ".uk_libinfo", ".note", ".comment", ".data_comp", ".bss_comp", ".intrstack", ".heap"}

// tables returns the sections that are read from one symbol of the linker script to another.
func tables(f *image.File) []image.Section {
	var out []image.Section
	for _, s := range f.Sections {
		if s.X || s.NoBits || slices.ContainsFunc(plainSections, func(p string) bool {
			return s.Name == p || strings.HasPrefix(s.Name, p+".") || strings.HasSuffix(p, "comp") && strings.HasPrefix(s.Name, p)
		}) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// bootLibraries returns the library that the entry is in; if that is not known, as of
// assembly code without debug information, those of platforms; none if there are none.
func bootLibraries(m *unikernel.Image) []int {
	if lib := m.Owner(m.File.Entry); lib >= 0 {
		return []int{lib}
	}
	var out []int
	for i, l := range m.Libs {
		if strings.HasPrefix(l.Name, "lib") && strings.HasSuffix(l.Name, "plat") {
			out = append(out, i)
		}
	}
	return out
}

func (g *Graph) roots() {
	m := g.Image
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if _, ok := facts().of("data", f.Name); ok && !f.Code {
			g.Reach.DataInCode(0, image.Range{Start: f.Addr, End: f.End()})
		}
	}
	g.Reach.SymbolsBound()
	g.Reach.Startup()
	boot := bootLibraries(m)
	for i := range m.Funcs {
		if f := &m.Funcs[i]; f.Code && (len(boot) == 0 || f.Lib < 0 || slices.Contains(boot, f.Lib)) {
			g.Reach.Root(0, f.Addr, "the library of the image's entry")
		}
	}
	for _, s := range tables(m.File) {
		g.Reach.RootTable(0, image.Range{Start: s.Start, End: s.End})
	}
}

// Func returns the function that a unit is in, nil if no symbol names it.
func (g *Graph) Func(u Unit) *unikernel.Func { return g.Image.At(g.Reach.Unit(u).Entry) }

// Name names a unit: the symbol at its start, or one and an offset.
func (g *Graph) Name(u Unit) string { return g.NameAt(g.Reach.Unit(u).Entry) }

// NameAt is Name for an address.
func (g *Graph) NameAt(addr uint64) string {
	f := g.Image.At(addr)
	switch {
	case f == nil:
		return "image+" + hex(addr)
	case f.Addr == addr:
		return f.Name
	}
	return f.Name + "+" + hex(addr-f.Addr)
}

func hex(n uint64) string {
	const digits = "0123456789abcdef"
	b := []byte{}
	for ; n > 0 || len(b) == 0; n /= 16 {
		b = append(b, digits[n%16])
	}
	slices.Reverse(b)
	return "0x" + string(b)
}

// Units calls yield with the live units.
func (g *Graph) Units(yield func(Unit) bool) {
	for id := 1; id < g.Reach.NumUnits(); id++ {
		if g.Reach.Live(Unit(id)) && !yield(Unit(id)) {
			return
		}
	}
}

// name finds entries, by all symbols: several may be at one address.
func (g *Graph) name() {
	for s := range g.Image.File.FullSymbols {
		if s.Type != image.STTFunc && s.Type != image.STTNoType || s.Shndx == 0 || s.Shndx >= 0xff00 {
			continue
		}
		u, live := g.Reach.Lookup(0, s.Value)
		if !live || !g.Reach.Live(u) {
			if e, ok := entryOf(s.Name); ok {
				if f := g.Image.At(s.Value); f != nil && f.Addr == s.Value && !slices.ContainsFunc(g.Dead, func(d DeadEntry) bool { return d.Func == f }) {
					g.Dead = append(g.Dead, DeadEntry{e, f})
				}
			}
			continue
		}
		if e, ok := entryOf(s.Name); ok {
			if old, known := g.Entries[u]; !known || old.Form == Body {
				g.Entries[u] = e
			}
		}
		if _, ok := facts().of("dispatch", s.Name); ok {
			g.dispatcher[u] = true
		}
		if _, ok := facts().of("handler", s.Name); ok {
			g.Handler = true
			g.handlers[u] = true
		}
		if _, ok := facts().of("serves", s.Name); ok {
			g.servers[u] = true
		}
	}
}

// tidy fills in Out and says what each unit makes.
func (g *Graph) tidy() {
	for u := range g.Units {
		g.Out[u] = g.direct(u)
		for _, e := range g.Out[u] {
			if x, ok := g.Entries[e.To]; ok && e.Kind == Direct {
				if own, ok := g.Entries[u]; ok && own.Number == x.Number {
					continue // an entry that calls its body
				}
				g.Makes[u] = append(g.Makes[u], Made{x.Number, e.To})
			}
		}
		for _, n := range g.Inlined[u] {
			g.Makes[u] = append(g.Makes[u], Made{n, 0})
		}
		passes := g.Passes[u]
		for _, list := range []*[]Made{&g.Makes[u], &passes} {
			slices.SortFunc(*list, func(a, b Made) int {
				return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.By, b.By))
			})
			*list = slices.Compact(*list)
		}
		if len(passes) > 0 {
			g.Passes[u] = passes
		}
		for _, gap := range g.Reach.Unit(u).Sum.More().Gaps {
			if gap.Kind == summary.GapJump {
				g.Unresolved = append(g.Unresolved, Unresolved{u, gap.PC, "indirect-jump", "the targets of a jump inside the function are not known; all of the function is taken to be reached", false})
			}
		}
	}
	slices.SortStableFunc(g.Unresolved, func(a, b Unresolved) int { return cmp.Compare(a.PC, b.PC) })
}

// direct returns the edges out of a unit that are not through pointers.
func (g *Graph) direct(u Unit) []Edge {
	x := g.Reach.Unit(u)
	var out []Edge
	add := func(to Unit, kind Kind) {
		if !g.Reach.Live(to) {
			return
		}
		if k, ok := g.kinds[[2]Unit{u, to}]; ok {
			kind = k
		}
		if e := (Edge{to, kind}); !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	at := func(addr uint64, kind Kind) {
		if to, ok := g.Reach.Lookup(0, addr); ok {
			add(to, kind)
		}
	}
	for i := range x.Sum.Refs {
		r := &x.Sum.Refs[i]
		if r.Kind != summary.RefCode {
			continue
		}
		if list, ok := g.instead[x.Entry][r.A]; ok {
			for _, t := range list {
				at(t, Direct)
			}
			continue
		}
		for _, to := range g.Reach.Callees(u, r, nil) {
			add(to, Direct)
		}
	}
	for _, t := range g.extra[x.Entry] {
		at(t, Direct)
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// Reached is what control can come to from some units.
type Reached struct {
	g *Graph
	d *reach.Graph
}

// From finds what can run on behalf of some units, which may be called with any arguments that
// anybody passes to them. Libraries for which clear says yes keep code for others only in the functions that facts.txt names; that, and what
// they put into memory themselves, is called by them alone.
func (g *Graph) From(ctx context.Context, roots []Unit, clear func(Unit) bool) (*Reached, error) {
	own := map[uint64]bool{}
	for _, u := range roots {
		own[g.Reach.Unit(u).Entry] = true
	}
	h := g.handing
	h.Into = func(callee uint64) bool { return own[callee] }
	h.Start = func(unit uint64) bool { return g.start[g.Image.At(unit)] }
	h.Data = func(callee uint64) bool {
		u, ok := g.Reach.Lookup(0, callee)
		return !ok || !clear(u)
	}
	within := map[int][]uint64{} // by clear library: code that it keeps for itself or others
	h.Shared = func(unit uint64) []uint64 {
		if u, ok := g.Reach.Lookup(0, unit); ok && clear(u) {
			return within[g.Image.Owner(unit)]
		}
		return nil
	}
	type known struct {
		addr uint64
		off  int32
		back bool
	}
	seen := map[known]bool{}
	for _, l := range g.loose {
		if clear(l.unit) {
			if lib := g.Image.Owner(g.Reach.Unit(l.unit).Entry); g.Image.File.Exec(l.ref.A) && !slices.Contains(within[lib], l.ref.A) {
				within[lib] = append(within[lib], l.ref.A)
			}
			continue
		}
		k := known{l.ref.A, l.ref.Off, l.ref.Reg&summary.Back != 0 && l.ref.Kind != summary.RefRead}
		if seen[k] {
			continue
		}
		if u, ok := g.Reach.Lookup(0, l.ref.B); ok && l.ref.Kind == summary.RefPass && clear(u) && g.Image.File.Exec(l.ref.A) {
			continue // it keeps what facts.txt says
		}
		seen[k] = true
		h.Loose = append(h.Loose, reach.Loose{Addr: k.addr, Off: k.off, Back: k.back})
	}
	for lib, list := range g.kept {
		within[lib] = append(within[lib], list...)
	}
	d := g.Reach.Derive(h)
	for _, u := range roots {
		d.Root(0, g.Reach.Unit(u).Entry, "code of its own")
	}
	if err := d.Run(ctx); err != nil {
		return nil, err
	}
	return &Reached{g, d}, nil
}

// unit returns the unit of the whole that one of the derived graph is, 0 if it is none.
func (r *Reached) unit(id reach.UnitID) Unit {
	u, ok := r.g.Reach.Lookup(0, r.d.Unit(id).Entry)
	if !ok || !r.g.Reach.Live(u) {
		return 0
	}
	return u
}

// Parent is the unit that led to another one first, 0 for a root, and how.
type Parent struct {
	Unit Unit
	How  Kind
}

// Parents calls yield with the units that control comes to, in the order in which they were
// found, and what led there.
func (r *Reached) Parents(yield func(Unit, Parent) bool) {
	for id := 1; id < r.d.NumUnits(); id++ {
		x := r.d.Unit(reach.UnitID(id))
		u := r.unit(reach.UnitID(id))
		if u == 0 || !r.d.Live(reach.UnitID(id)) {
			continue
		}
		from, how := Unit(0), Direct
		if x.Parent != 0 {
			from = r.unit(x.Parent)
		}
		if x.How != reach.Call {
			how = Pointer
		}
		if k, ok := r.g.kinds[[2]Unit{from, u}]; ok {
			how = k
		}
		if !yield(u, Parent{from, how}) {
			return
		}
	}
}

// Has reports whether control comes to a unit.
func (r *Reached) Has(u Unit) bool {
	id, ok := r.d.Lookup(0, r.g.Reach.Unit(u).Entry)
	return ok && r.d.Live(id)
}

// Direct returns the direct edges out of a unit.
func (g *Graph) Direct(u Unit) []Edge { return g.Out[u] }

// Taken reports whether the address of a unit is visible to code that may call it. That
// of code which only the machine enters (roots) is not.
func (g *Graph) Taken(u Unit) bool {
	x := g.Reach.Unit(u)
	return x.Taken && (x.How != reach.Root || x.Handed)
}

// Dispatches reports whether a unit makes calls of a number that it is given: a dispatcher, or a handler of syscall instructions.
func (g *Graph) Dispatches(u Unit) bool { return g.dispatcher[u] || g.handlers[u] || g.servers[u] }
