package reach

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Phases says when live units can run. It is a second pass over a solved graph:
// the units that direct calls lead to from what runs in a phase, and every unit
// that is called through a pointer, whenever the pointer was made.
//
// Three kinds of units that are Taken are not callable after startup: the entries
// of the program and of its interpreter, which need the stack that the kernel
// makes; initialisers that nothing else refers to; and functions of glibc's loader
// whose address only startup code of the loader passes, to a function that is
// known (assumption loader-pointers: such a callee does not keep it).
type Phases struct {
	After   []bool   // by UnitID: can run after main is called
	Start   []bool   // by UnitID: runs neither after main is called nor in an initialiser
	Roots   []UnitID // of After: main, what calls it, finalisers
	Calls   *Forward // the direct calls of all live units
	Unknown string   // why main was not found; After is then everything, and Start nothing
}

// Phases finds what is live after startup. Call it after Run.
func (g *Graph) Phases() *Phases {
	w := &phaser{g: g, f: g.Forward()}
	p := &Phases{Calls: w.f}
	p.Roots, p.Unknown = w.mainRoots()
	if p.Unknown != "" {
		p.After = slices.Repeat([]bool{true}, g.NumUnits())
		p.Start = make([]bool, g.NumUnits())
		return p
	}
	var inits []UnitID
	for _, m := range g.Members {
		l := slices.Concat(g.arrayUnits(m, m.PreinitArray), g.arrayUnits(m, m.InitArray), g.unitsAt(m.id, m.Init))
		p.Roots = slices.Concat(p.Roots, g.arrayUnits(m, m.FiniArray), g.unitsAt(m.id, m.Fini))
		if m.Origin == process.OriginModule || m.Origin == process.OriginDlopen {
			p.Roots = append(p.Roots, l...)
			continue
		}
		inits = append(inits, l...)
	}
	w.referred(inits)
	p.After = make([]bool, g.NumUnits())
	for _, id := range p.Roots {
		w.add(p.After, id)
	}
	for id := 1; id < g.NumUnits(); id++ {
		if u := g.Unit(UnitID(id)); (u.Taken || u.How == Resolver) && !w.startup[UnitID(id)] && !w.passed[UnitID(id)] {
			w.add(p.After, UnitID(id))
		}
	}
	w.run(p.After)
	all := slices.Clone(p.After)
	for _, id := range inits {
		w.add(all, id)
	}
	w.run(all)
	p.Start = make([]bool, len(all))
	for id := 1; id < len(all); id++ {
		p.Start[id] = !all[id]
	}
	return p
}

// phaser is the state of Phases.
type phaser struct {
	g       *Graph
	f       *Forward
	startup map[UnitID]bool // initialisers that nothing else refers to, and entries
	passed  map[UnitID]bool // units of the loader whose address is only passed
	loader  int             // glibc's loader, -1 if there is none
	queue   []UnitID
}

func (w *phaser) add(live []bool, id UnitID) {
	if !live[id] {
		live[id] = true
		w.queue = append(w.queue, id)
	}
}

// run follows direct calls from the units in the queue.
func (w *phaser) run(live []bool) {
	for len(w.queue) > 0 {
		id := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		for _, c := range w.f.Callees(id) {
			w.add(live, c)
		}
		u := w.g.Unit(id)
		if len(w.passed) == 0 || u.Sum == nil || u.Image != w.loader {
			continue
		}
		for i := range u.Sum.Refs {
			if r := &u.Sum.Refs[i]; r.Kind == summary.RefPass || r.Kind == summary.RefPassSlot {
				if c, ok := w.g.ids[u.Image].find(r.A); ok && w.passed[c] {
					w.add(live, c)
				}
			}
		}
	}
}

// mainRoots finds main, and the code that runs when it returns.
func (w *phaser) mainRoots() (roots []UnitID, unknown string) {
	g := w.g
	m := g.Members[0]
	entry, ok := g.ids[0].find(m.Entry)
	if !ok {
		return nil, "the entry of the program is not known"
	}
	if m.IsGo() {
		if m.Interp == "" {
			return nil, "the program is written in Go, whose runtime starts with the same code that it runs on"
		}
		for id := 1; id < g.NumUnits(); id++ {
			if u := g.Unit(UnitID(id)); u.Image == 0 && u.Parent == 0 && u.How == Root && !u.Taken {
				roots = append(roots, UnitID(id))
			}
		}
	}
	main, callers := w.findMain(entry)
	if main == 0 {
		if len(roots) > 0 {
			return roots, "" // only Go functions run
		}
		return nil, "main was not found"
	}
	// What calls main goes on when main returns, and what called that, if it returns.
	for i := 0; i < len(callers); i++ {
		if g.ends(callers[i]) {
			continue
		}
		for _, e := range g.Callers(callers[i]) {
			if !slices.Contains(callers, e.Unit) {
				callers = append(callers, e.Unit)
			}
		}
	}
	if !w.exits(callers) {
		return nil, "the code that ends the process after main was not found"
	}
	return append(append(roots, main), callers...), ""
}

// findMain finds main and what calls it: the code address that the entry, or a
// function that it calls, passes as the first argument to what uses it; or else
// what is called main.
func (w *phaser) findMain(entry UnitID) (main UnitID, callers []UnitID) {
	g := w.g
	m := g.Members[0]
	level := []UnitID{entry}
	for range 3 {
		var next []UnitID
		for _, id := range level {
			for i := range g.Unit(id).Sum.Refs {
				r := &g.Unit(id).Sum.Refs[i]
				if r.Kind != summary.RefPass && r.Kind != summary.RefPassSlot || r.Reg&^summary.Back != uint8(x86.RDI) || !m.Exec(r.A) {
					continue
				}
				main, ok := g.ids[0].find(r.A)
				if !ok {
					continue
				}
				if callers := w.finalReceivers(g.known(0, r.B, r.Kind == summary.RefPassSlot)); w.exits(callers) {
					return main, w.direct(main, callers)
				}
			}
			for _, c := range w.f.Callees(id) {
				if g.Unit(c).Image == 0 && g.Unit(c).Sum != nil {
					next = append(next, c)
				}
			}
		}
		level = next
	}
	for id := 1; id < g.NumUnits(); id++ {
		if u := g.Unit(UnitID(id)); u.Image == 0 {
			if n, off, ok := m.FuncName(u.Entry); ok && off == 0 && n == "main" {
				return UnitID(id), w.direct(UnitID(id), nil)
			}
		}
	}
	return 0, nil
}

// direct adds the units that call id directly.
func (w *phaser) direct(id UnitID, callers []UnitID) []UnitID {
	for _, e := range w.g.Callers(id) {
		if !slices.Contains(callers, e.Unit) {
			callers = append(callers, e.Unit)
		}
	}
	return callers
}

// exits reports whether units lead to a call that ends the process.
func (w *phaser) exits(units []UnitID) bool {
	live := make([]bool, w.g.NumUnits())
	for _, id := range units {
		w.add(live, id)
	}
	w.run(live)
	for id, ok := range live {
		if !ok || w.g.Unit(UnitID(id)).Sum == nil {
			continue
		}
		for _, s := range w.g.Unit(UnitID(id)).Sum.More().Sites {
			for _, v := range s.Values {
				if v.Kind == summary.Const && (v.N == exitThread || v.N == exitGroup) {
					return true
				}
			}
		}
	}
	return false
}

// The numbers of exit, which small libraries end with, and exit_group.
const (
	exitThread = 60
	exitGroup  = 231
)

// finalReceivers follows main, which units get as their first argument, to those
// that use it and then end the process. Of them, one that hands it on to one that does not return does not
// run any more when main does (glibc's __libc_start_main).
func (w *phaser) finalReceivers(units []UnitID) []UnitID {
	type at struct {
		id  UnitID
		reg uint8
	}
	var queue []at
	var final, last []UnitID // those that use it, and of them those that do not hand it on
	for _, id := range units {
		queue = append(queue, at{id, uint8(x86.RDI)})
	}
	for i := 0; i < len(queue); i++ {
		u := w.g.Unit(queue[i].id)
		if u.Sum == nil {
			continue
		}
		handed := false
		for _, p := range u.Sum.Passes {
			for to := p.Moves.To(1 << queue[i].reg); to != 0; to &= to - 1 {
				handed = true
				for _, c := range w.g.known(u.Image, p.Callee, p.Moves.Slot()) {
					if n := (at{c, uint8(bits.TrailingZeros16(to))}); !slices.Contains(queue, n) {
						queue = append(queue, n)
					}
				}
			}
		}
		if u.Sum.ArgUse>>queue[i].reg&1 != 0 && w.exits([]UnitID{queue[i].id}) {
			final = append(final, queue[i].id)
			if !handed {
				last = append(last, queue[i].id)
			}
		}
	}
	if len(last) > 0 && !slices.ContainsFunc(last, func(id UnitID) bool { return !w.g.ends(id) }) {
		return last
	}
	if len(final) == 0 {
		return units
	}
	return final
}

// ends reports whether the function that a unit is the start of has no way out
// but calls: no return, and no jump that leaves it.
func (g *Graph) ends(id UnitID) bool {
	u := g.Unit(id)
	m := g.Members[u.Image]
	f := m.FDEAt(u.Entry)
	if f == nil || f.Start != u.Entry {
		return false
	}
	var in x86.Inst
	for a := f.Start; a < f.End; a += uint64(in.Len) {
		code := m.Bytes(a)
		if uint64(len(code)) > f.End-a {
			code = code[:f.End-a]
		}
		if !x86.Decode(code, a, &in) || in.Op == x86.OpRet || in.Op == x86.OpJmpInd {
			return false
		}
		if t := uint64(in.Imm); (in.Op == x86.OpJmp || in.Op == x86.OpJcc) && (t < f.Start || t >= f.End) {
			return false
		}
	}
	return true
}

// known returns the live units that a call of a, or of what the slot at a
// holds, leads to, as far as they are known.
func (g *Graph) known(img int, a uint64, slot bool) []UnitID {
	if slot {
		return g.slotUnits(img, a, nil)
	}
	if id, ok := g.ids[img].find(a); ok {
		return []UnitID{id}
	}
	return nil
}

// slotUnits appends the live units that a slot is bound to, or points to.
func (g *Graph) slotUnits(img int, slot uint64, dst []UnitID) []UnitID {
	x := g.Members[img].relocOf(slot)
	if sym := boundBy(x); sym != 0 {
		var buf [4]process.Target
		for _, t := range g.P.Resolve(img, sym, buf[:0]) {
			if id, ok := g.ids[t.Image].find(g.Members[t.Image].Symbol(t.Sym).Value); ok {
				dst = append(dst, id)
			}
		}
	}
	if to, ok := g.Members[img].pointsTo(slot, x); ok {
		if id, ok := g.ids[img].find(to); ok {
			dst = append(dst, id)
		}
	}
	return dst
}

func (g *Graph) unitsAt(img int, a uint64) []UnitID {
	if a == 0 {
		return nil
	}
	return g.known(img, a, false)
}

// arrayUnits returns the live units that an array of code pointers holds.
func (g *Graph) arrayUnits(m *member, r image.Range) (out []UnitID) {
	if r.End <= r.Start {
		return nil
	}
	done := map[uint64]bool{}
	for _, x := range m.relocsIn(r.Start, r.End) {
		done[x.Addr] = true
		if x.Sym == 0 {
			out = append(out, g.unitsAt(m.id, x.Addend)...)
			continue
		}
		for _, t := range g.Resolve(m.id, int(x.Sym)) {
			out = append(out, g.unitsAt(t.Image, g.Members[t.Image].Symbol(t.Sym).Value)...)
		}
	}
	b := m.Bytes(r.Start)
	for a := r.Start; a+8 <= r.End && a-r.Start+8 <= uint64(len(b)); a += 8 {
		if !done[a] {
			out = append(out, g.unitsAt(m.id, binary.LittleEndian.Uint64(b[a-r.Start:]))...)
		}
	}
	return out
}

// referred finds which entries and initialisers nothing but the start of the
// process refers to, and which units of the loader are only passed.
func (w *phaser) referred(inits []UnitID) {
	g := w.g
	w.startup, w.passed = map[UnitID]bool{}, map[UnitID]bool{}
	for _, id := range inits {
		w.startup[id] = true
	}
	w.loader = -1
	var entries []UnitID
	for _, m := range g.Members {
		if m.Origin != process.OriginProgram && m.Origin != process.OriginLoader && !g.isInterp(m) {
			continue
		}
		entries = append(entries, g.unitsAt(m.id, m.Entry)...)
		if m.id != 0 && g.P.Libc == "glibc" {
			w.loader = m.id
		}
	}
	for id := 1; id < g.NumUnits(); id++ {
		u := g.Unit(UnitID(id))
		if u.Image == w.loader && u.Taken && u.How == Address && u.Parent != 0 && g.passes(u.Parent, u.Entry) {
			w.passed[UnitID(id)] = true
		}
	}
	n := nearby{make([]addrs[UnitID], len(g.Members)), make([]image.Range, len(g.Members))}
	for _, set := range []map[UnitID]bool{w.startup, w.passed} {
		for id := range set {
			n.add(g.Unit(id).Image, g.Unit(id).Entry, id)
			if g.Unit(id).How == Symbol {
				delete(set, id)
			}
		}
	}
	drop := func(img int, a uint64, pass bool) {
		if id := n.at(img, a); id != 0 {
			delete(w.startup, id)
			if !pass {
				delete(w.passed, id)
			}
		}
	}
	for _, m := range g.Members {
		for i := range m.relocs {
			r := &m.relocs[i]
			switch {
			case m.InitArray.Contains(r.Addr) || m.PreinitArray.Contains(r.Addr):
			case r.Sym == 0:
				drop(m.id, r.Addend, false)
			case r.Type == r64 || r.Type == rGlobDat:
				if t := m.Symbol(int(r.Sym)).Type; t != sttFunc && t != sttNoType {
					continue
				}
				for _, t := range g.Resolve(m.id, int(r.Sym)) {
					drop(t.Image, g.Members[t.Image].Symbol(t.Sym).Value, false)
				}
			}
		}
	}
	for id := 1; id < g.NumUnits(); id++ {
		if id%fetched == 1 {
			g.fetchFrom(UnitID(id))
		}
		u := g.Unit(UnitID(id))
		if u.Sum == nil {
			continue
		}
		for i := range u.Sum.Refs {
			switch r := &u.Sum.Refs[i]; r.Kind {
			case summary.RefAddr:
				drop(u.Image, r.A, false)
				drop(u.Image, r.A+uint64(int64(r.Off)), false)
			case summary.RefStore:
				drop(u.Image, r.B, false)
				drop(u.Image, r.B+uint64(int64(r.Off)), false)
			case summary.RefPass, summary.RefPassSlot:
				drop(u.Image, r.A, true)
				drop(u.Image, r.A+uint64(int64(r.Off)), r.Off == 0)
			}
		}
	}
	for _, id := range entries {
		w.startup[id] = true
	}
}

// nearby finds a few addresses of each image among many others.
type nearby struct {
	units  []addrs[UnitID]
	bounds []image.Range
}

func (n *nearby) add(img int, a uint64, id UnitID) {
	b := &n.bounds[img]
	if b.End == 0 {
		b.Start = a
	}
	n.units[img].put(a, id)
	b.Start, b.End = min(b.Start, a), max(b.End, a+1)
}

func (n *nearby) at(img int, a uint64) UnitID {
	if !n.bounds[img].Contains(a) {
		return 0
	}
	return n.units[img].get(a)
}

// passes reports whether unit id passes the address a to a function that is known.
func (g *Graph) passes(id UnitID, a uint64) bool {
	u := g.Unit(id)
	if u.Sum == nil {
		return false
	}
	for i := range u.Sum.Refs {
		r := &u.Sum.Refs[i]
		if (r.Kind == summary.RefPass || r.Kind == summary.RefPassSlot) && r.A == a && len(g.known(u.Image, r.B, r.Kind == summary.RefPassSlot)) > 0 {
			return true
		}
	}
	return false
}

// Forward is the direct calls and jumps between live units.
type Forward struct {
	off []uint32
	to  []UnitID
}

// Callees lists the units that unit id calls or jumps to.
func (f *Forward) Callees(id UnitID) []UnitID { return f.to[f.off[id]:f.off[id+1]] }

// Forward returns the direct calls. Call it after Run.
func (g *Graph) Forward() *Forward {
	g.index() // may meet units that are not followed
	f := &Forward{off: make([]uint32, g.NumUnits()+1)}
	for i := range g.callers.n {
		f.off[g.callers.at(i+1).unit+1]++
	}
	for i := 1; i < len(f.off); i++ {
		f.off[i] += f.off[i-1]
	}
	f.to = make([]UnitID, g.callers.n)
	at := slices.Clone(f.off)
	for id := range UnitID(g.NumUnits()) {
		for c := range g.callers.of(id) {
			f.to[at[c.unit]] = id
			at[c.unit]++
		}
	}
	return f
}
