// Package gate holds back code of the C library and of systemd's libraries that only runs
// after something else was set up: facts about known libraries (gates.txt), each with its
// source and the name of the assumption it rests on.
//
// A function is recognised by its name, by what it calls or by a text that it refers to,
// since stripped libraries have no names for their own functions; what is recognised by mistake
// in another version of the library must be private and make the calls or use the text that the row
// names, and waits for the same condition. Some rows wait for an assumption of the
// environment (package assume) that is not made; rows about Go's library also for code that may have values of
// a type, which the type's descriptor and the garbage collector's maps tell (gotypes.go). The condition is looked at again whenever
// everything else has been followed, so the answer does not depend on the order.
package gate

import (
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Keeper decides what waits.
type Keeper struct {
	p        *process.Process
	assumed  *assume.Set
	images   map[int][]*row          // rows about an image
	index    map[int]*candidates     // of them
	names    map[int]exports         // its functions that have names
	own      map[int]*owned          // of an image of a kind
	waiting  map[reach.UnitID][]*row // rows that are about a live unit and hold something back
	open     map[*row]bool
	said     map[saying][]reach.UnitID // which units say what needs ask for, of those before read
	read     reach.UnitID
	jumps    map[place]bool              // what jumpedTo found
	inside   map[instruction]bool        // what has found
	view     view                        // of the unit that was asked about last
	imported map[imported]bool           // what refers found
	slots    map[int]map[string][]uint64 // by image and name, without leading underscores: of functions that rows are about which import them

	given     map[int]*given
	tableRead reach.UnitID // units before it were looked at for what given has

	sites    []reach.UnitID // units with syscall instructions, of those before siteRead
	siteRead reach.UnitID

	types map[string]*made
}

// view is what rows ask of a unit, each of them again.
type view struct {
	id     reach.UnitID // 0: of none
	own    []export     // its names
	called []string     // names of the functions of its image that it calls
	read   bool         // called is known
}

// look returns the view of a unit. called: with the names of what it calls.
func (k *Keeper) look(g *reach.Graph, id reach.UnitID, called bool) *view {
	v, names := &k.view, k.exported(g.Unit(id).Image)
	if v.id != id {
		*v = view{id: id, own: names.at(g.Unit(id).Entry), called: v.called[:0]}
	}
	if called && !v.read {
		v.read = true
		sum := g.Full(id)
		for i := range sum.Refs {
			if r := &sum.Refs[i]; r.Kind == summary.RefCode {
				for _, e := range names.at(r.A) {
					v.called = append(v.called, e.name)
				}
			}
		}
	}
	return v
}

// exports are the functions of an image that have names: their addresses and their names without leading underscores.
type exports struct {
	byAddr []export
	byName []uint32 // in byAddr, of those that may be asked for
}

type export struct {
	addr uint64
	name string
}

// at returns the functions at an address.
func (e exports) at(addr uint64) []export {
	i, _ := slices.BinarySearchFunc(e.byAddr, addr, func(x export, a uint64) int { return cmp.Compare(x.addr, a) })
	n := i
	for n < len(e.byAddr) && e.byAddr[n].addr == addr {
		n++
	}
	return e.byAddr[i:n]
}

// named returns the functions of a name that rows mention, or of openers.
func (e exports) named(name string) []export {
	i, _ := slices.BinarySearchFunc(e.byName, name, func(x uint32, n string) int { return strings.Compare(e.byAddr[x].name, n) })
	var l []export
	for ; i < len(e.byName) && e.byAddr[e.byName[i]].name == name; i++ {
		l = append(l, e.byAddr[e.byName[i]])
	}
	return l
}

// New returns a keeper for p.
func New(p *process.Process, assumed *assume.Set) *Keeper {
	return &Keeper{p: p, assumed: assumed, images: map[int][]*row{}, index: map[int]*candidates{}, names: map[int]exports{}, own: map[int]*owned{}, waiting: map[reach.UnitID][]*row{}, open: map[*row]bool{}, said: map[saying][]reach.UnitID{}, jumps: map[place]bool{}, inside: map[instruction]bool{}, imported: map[imported]bool{}, slots: map[int]map[string][]uint64{}, given: map[int]*given{}, types: map[string]*made{}}
}

// Hold says what of a unit that was just analysed waits.
func (k *Keeper) Hold(g *reach.Graph, id reach.UnitID) reach.Held {
	var about []*row
	k.view.id = 0
	rows := k.rows(g.Unit(id).Image)
	if len(rows) == 0 {
		return reach.Held{}
	}
	for _, i := range k.candidates(g, g.Unit(id).Image).of(g, id) {
		if r := rows[i]; !k.open[r] && k.about(g, id, r) {
			about = append(about, r)
		}
	}
	if len(about) == 0 {
		return reach.Held{}
	}
	k.waiting[id] = about
	h := k.held(g, id)
	if !h.All && len(h.Refs)+len(h.Sites)+len(h.Numbers)+len(h.Words) == 0 {
		delete(k.waiting, id)
	}
	return h
}

func (k *Keeper) rows(img int) []*row {
	l, known := k.images[img]
	if !known {
		for i := range rows {
			if k.in(&rows[i], img) && k.assumed.On(rows[i].name) {
				l = append(l, &rows[i])
			}
		}
		k.images[img] = l
	}
	return l
}

// about reports whether a row is about a unit.
func (k *Keeper) about(g *reach.Graph, id reach.UnitID, r *row) bool {
	named := r.function[0].how == "name" || r.function[0].how == "own" || r.function[0].how == "local"
	return !slices.ContainsFunc(r.function, func(f function) bool { return !k.is(g, id, &f, named) })
}

// is reports whether a unit is what f says. named: it may be an exported one.
func (k *Keeper) is(g *reach.Graph, id reach.UnitID, f *function, named bool) bool {
	u := g.Unit(id)
	switch f.how {
	case "own":
		return k.owned(u.Image).is(u.Entry, f.names)
	case "local":
		return slices.Contains(f.names, k.owned(u.Image).locals[u.Entry].Name)
	case "file":
		return k.owned(u.Image).locals[u.Entry].File == f.names[0]
	case "name":
		return slices.ContainsFunc(k.look(g, id, false).own, func(e export) bool { return slices.Contains(f.names, e.name) })
	}
	sum := g.Full(id)
	switch f.how {
	case "text":
		return refersTo(g, u.Image, sum, f.names[0])
	case "files":
		return !slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool {
			name := sourceFile(g, u.Image, &r)
			return name != "" && !strings.HasPrefix(name, "src/basic/") && !slices.Contains(f.names, name)
		})
	}
	if !named && len(k.look(g, id, false).own) > 0 {
		return false
	}
	if f.how == "numbers" {
		var own []string
		for i := range sum.More().Sites {
			n, ok := numberAt(&sum.More().Sites[i])
			if !ok {
				return false
			}
			own = append(own, n)
		}
		slices.Sort(own)
		return slices.Equal(slices.Compact(own), f.names)
	}
	if f.how == "passes" {
		return slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool { return r.Kind == summary.RefCode && passes(g, id, r.A, f.names) })
	}
	if f.how == "imports" {
		return !slices.ContainsFunc(f.names, func(n string) bool {
			return !k.imports(g, u.Image, sum, n)
		})
	}
	prefix, exact := strings.CutSuffix(f.how, "*")
	var calls []string
	for _, name := range k.look(g, id, true).called {
		if slices.Contains(f.names, name) || exact && strings.HasPrefix(name, prefix) {
			calls = append(calls, name)
		}
	}
	slices.Sort(calls)
	return slices.Equal(slices.Compact(calls), f.names)
}

// sourceFile returns the text that a reference is of if that is the name of a file of C, or "".
func sourceFile(g *reach.Graph, img int, r *summary.Ref) string {
	switch r.Kind {
	case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
		if s, ok := g.TextAt(img, r.A); ok && strings.HasSuffix(s, ".c") && strings.Contains(s, "/") {
			return s
		}
	}
	return ""
}

// passes reports whether all that a unit passes to a callee first are numbers of some calls.
func passes(g *reach.Graph, id reach.UnitID, callee uint64, calls []string) bool {
	found := g.Query(id, callee, dataflow.Param{Kind: summary.Arg, Reg: uint8(x86.RDI)})
	return len(found) > 0 && !slices.ContainsFunc(found, func(p dataflow.Passed) bool {
		return len(p.Values) == 0 || slices.ContainsFunc(p.Values, func(v summary.Value) bool {
			name, _ := sysno.Name(sysno.X86_64, int(v.N))
			return v.Kind != summary.Const || !slices.Contains(calls, name)
		})
	})
}

// refersTo reports whether a unit refers to a text.
func refersTo(g *reach.Graph, img int, sum *summary.Unit, text string) bool {
	return slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool {
		switch r.Kind {
		case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
			return isText(g.Members[img].Bytes(r.A), text)
		}
		return false
	})
}

// refersToSocket reports whether a unit refers to the address of a socket of some path (struct sockaddr_un).
func refersToSocket(g *reach.Graph, img int, sum *summary.Unit, path string) bool {
	return strings.HasPrefix(path, "/") && slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool {
		switch r.Kind {
		case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
			b := g.Members[img].Bytes(r.A)
			return len(b) > 2 && b[0] == 1 && b[1] == 0 && isText(b[2:], path) // AF_UNIX
		}
		return false
	})
}

// isText reports whether a zero-terminated text begins b that is s, but for newlines at its end.
func isText(b []byte, s string) bool {
	if len(b) <= len(s) || string(b[:len(s)]) != s {
		return false
	}
	for b = b[len(s):]; len(b) > 0 && b[0] == '\n'; b = b[1:] {
	}
	return len(b) > 0 && b[0] == 0
}

// numberAt names the one call that a site makes.
func numberAt(s *summary.Site) (string, bool) {
	if len(s.Values) != 1 || s.Values[0].Kind != summary.Const || s.Gate != summary.GateSyscall {
		return "", false
	}
	return sysno.Name(sysno.X86_64, int(s.Values[0].N))
}

// held says what the rows that a unit waits for hold back of it.
func (k *Keeper) held(g *reach.Graph, id reach.UnitID) reach.Held {
	var h reach.Held
	sum, names := g.Full(id), k.exported(g.Unit(id).Image)
	for _, r := range k.waiting[id] {
		if len(r.held) == 0 {
			return reach.Held{All: true}
		}
		h.Numbers = append(h.Numbers, r.numbers...)
		h.Words = append(h.Words, r.words...)
		for i := range sum.Refs {
			ref := &sum.Refs[i]
			if ref.Kind == summary.RefAddr && slices.Contains(r.held, "addresses") && g.Members[g.Unit(id).Image].Exec(ref.A) {
				h.Refs = append(h.Refs, int32(i))
			}
			if k.calls(g, g.Unit(id).Image, ref, names, r.held) {
				h.Refs = append(h.Refs, int32(i))
			}
		}
		for i := range sum.More().Sites {
			if n, ok := numberAt(&sum.More().Sites[i]); ok && (slices.Contains(r.held, n) || slices.Contains(r.held, "syscall:"+n)) {
				h.Sites = append(h.Sites, int32(i))
			}
		}
	}
	return h
}

// calls reports whether a reference transfers control to an exported or imported function
// of one of some names, or passes an address on the way.
func (k *Keeper) calls(g *reach.Graph, img int, r *summary.Ref, names exports, held []string) bool {
	to, slot, ok := transfer(r)
	if !ok {
		return false
	}
	if !slot && slices.ContainsFunc(names.at(to), func(e export) bool { return slices.Contains(held, e.name) }) {
		return true
	}
	n, ok := g.Imported(img, to, slot)
	return ok && slices.Contains(held, strings.TrimLeft(n, "_"))
}

// imports reports whether a unit transfers control to an imported function of a name.
func (k *Keeper) imports(g *reach.Graph, img int, sum *summary.Unit, name string) bool {
	slots := k.slotsOf(g, img, name)
	return len(slots) > 0 && slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool {
		to, slot, transfers := transfer(&r)
		if transfers && !slot {
			to, slot = dataflow.Stub(g.Members[img].File, to)
		}
		return transfers && slot && slices.Contains(slots, to)
	})
}

// slotsOf returns the slots of an image for an imported function of a name that a row asks for.
func (k *Keeper) slotsOf(g *reach.Graph, img int, name string) []uint64 {
	slots, known := k.slots[img]
	if !known { // few slots have such a name, and all units of the image are asked for it
		slots = map[string][]uint64{}
		k.slots[img] = slots
		g.Slots(img, func(symbol string, slot uint64) {
			if n := strings.TrimLeft(symbol, "_"); mentioned[n] {
				slots[n] = append(slots[n], slot)
			}
		})
	}
	return slots[name]
}

// transfer returns where a reference transfers control, or passes an address on the way: to code, or to what a slot holds.
func transfer(r *summary.Ref) (to uint64, slot, ok bool) {
	switch r.Kind {
	case summary.RefCode, summary.RefCallSlot:
		return r.A, r.Kind == summary.RefCallSlot, true
	case summary.RefPass, summary.RefPassSlot:
		return r.B, r.Kind == summary.RefPassSlot, true
	}
	return 0, false, false
}

// exported returns the functions of an image that have names: those that it exports, and of an image of a kind those
// of its table of symbols that rows mention.
func (k *Keeper) exported(img int) exports {
	if n, ok := k.names[img]; ok {
		return n
	}
	add := func(n *exports, a uint64, name string) {
		if name = strings.TrimLeft(name, "_"); name != "" {
			n.byAddr = append(n.byAddr, export{a, name})
		}
	}
	m := k.p.Images[img]
	var n exports
	for s := 1; s < m.NumSymbols(); s++ {
		if sym := m.Symbol(s); sym.Shndx != 0 {
			add(&n, sym.Value, m.SymbolName(s))
		}
	}
	for a, names := range k.owned(img).names {
		for _, name := range names {
			add(&n, a, name)
		}
	}
	slices.SortFunc(n.byAddr, func(a, b export) int {
		if a.addr != b.addr {
			return cmp.Compare(a.addr, b.addr)
		}
		return strings.Compare(a.name, b.name)
	})
	n.byAddr = slices.Clip(slices.Compact(n.byAddr))
	for i := range n.byAddr {
		if name := n.byAddr[i].name; mentioned[name] || slices.Contains(openers, name) {
			n.byName = append(n.byName, uint32(i))
		}
	}
	slices.SortFunc(n.byName, func(a, b uint32) int {
		return cmp.Or(strings.Compare(n.byAddr[a].name, n.byAddr[b].name), cmp.Compare(a, b))
	})
	k.names[img] = n
	return n
}

// Release lets go what waits for conditions that hold now. It reports whether there was any.
func (k *Keeper) Release(g *reach.Graph) bool {
	released := false
	shut := map[*row]bool{} // looked at since the graph has grown
	for _, id := range slices.Sorted(maps.Keys(k.waiting)) {
		l := k.waiting[id]
		still := slices.DeleteFunc(slices.Clone(l), func(r *row) bool {
			if !k.open[r] && !shut[r] {
				k.open[r] = k.opens(g, r)
				shut[r] = !k.open[r]
			}
			return k.open[r]
		})
		if len(still) < len(l) {
			k.waiting[id] = still
			if len(still) == 0 {
				delete(k.waiting, id)
			}
			g.Release(id, k.held(g, id))
			released = true
			clear(shut)
		}
	}
	return released
}

// Assumptions names what the code that still waits rests on.
func (k *Keeper) Assumptions() []string {
	var out []string
	for _, l := range k.waiting {
		for _, r := range l {
			if assume.Find(r.name) == nil {
				out = append(out, r.name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
