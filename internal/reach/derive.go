package reach

import (
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// Derive returns a graph of what can run on behalf of some code of an image alone,
// from a solved graph of all that can run in it. It has no roots yet.
//
// Units are those of the whole, all parts that run there. Memory is shared with the code that is not in the
// graph, so what that code leaves where this code finds it counts:
//
//   - an address that any live unit of the whole stores to a word by name is in that word;
//   - an address that a unit of the whole passes to a function is live once that function is, if it consumes the
//     argument (see args.used), unless Handing.Keeps says that the function keeps nothing; code is then live with whatever
//     Handing.Shared says may share memory with that function (atexit and exit);
//   - an address that any code may put into memory that has no name (Handing.Loose) is live as soon as code of Handing.Into is:
//     it may find it there, through whatever pointer.
//
// Handing.Start is code that control comes to from outside alone: it is in no graph but one that it is a root of.
func (g *Graph) Derive(h Handing) *Graph {
	d := New(g.P, Options{Workers: 1})
	for _, m := range g.Members {
		n := &member{Image: m.Image, id: m.id, relocs: m.relocs, hard: m.hard, starts: m.starts, exports: m.exports, got: m.got, entries: m.entries, strict: m.strict,
			stored: map[uint64][]uint64{}, held: map[uint64][]held{}, heldIn: map[int][]uint64{}, tables: map[table]bool{}, whole: make([]bool, len(m.hard)),
			live: make([]bool, len(m.live)), open: make([]bool, len(m.open)), writes: map[uint64]uint8{}, guards: map[uint64][]way{}}
		d.Members = append(d.Members, n)
		d.ids = append(d.ids, &addrs[UnitID]{})
	}
	d.data = g.data
	d.derived = &derived{whole: g, h: h, tables: map[int]bool{}}
	d.strict = g.strict
	for id := 1; id < g.NumUnits(); id++ {
		u := g.Unit(UnitID(id))
		if !g.Live(UnitID(id)) {
			continue
		}
		for i := range u.Sum.Refs {
			if r := &u.Sum.Refs[i]; r.Kind == summary.RefStore && !g.Members[u.Image].Exec(r.A) { // not what boot code writes into itself
				d.left(u.Image, r)
			}
		}
	}
	return d
}

// left records an address that code which may not be in the graph stores: what reads one of the
// words that it is stored to, or lets their object's address escape, finds it.
func (g *Graph) left(img int, r *summary.Ref) {
	m := g.Members[img]
	if r.Reg&summary.Back != 0 {
		g.storeRef(img, r, cause{how: Data})
		return
	}
	last := r.A + 7
	for w := r.A &^ 7; w <= last; w += 8 {
		o := m.object(w)
		if o < 0 {
			continue
		}
		m.stored[w] = append(m.stored[w], r.B)
		if m.held[w] == nil {
			m.heldIn[o] = append(m.heldIn[o], w)
		}
		m.held[w] = append(m.held[w], held{r.B, r.Off, cause{how: Data}})
	}
}

// Handing says what goes from the rest of an image to the code that a graph is derived for.
// Addresses are those of image 0.
type Handing struct {
	Passed  map[uint64][]summary.Ref       // RefPasses of all live units by callee
	Keeps   func(callee uint64) bool       // whether a function may keep an address that it gets, or call it for somebody else
	Data    func(callee uint64) bool       // whether what data that it gets holds may be called for somebody else
	Shared  func(unit uint64) []uint64     // code that a unit that calls through pointers may find where its neighbours keep what they are passed
	Into    func(callee uint64) bool       // whether a function is of the code that the graph is for
	Start   func(unit uint64) bool         // whether a unit is of the code with which the image starts; unless the graph is for it, nothing comes to it
	Loose   []Loose                        // addresses that any code may put where others find them
	Instead map[uint64]map[uint64][]uint64 // by caller and callee: what is called in place of the callee
	Extra   map[uint64][]uint64            // by unit: what it calls besides
	Tables  []image.Range                  // data that is live as a whole once an address in it is
}

// Loose is an address of code, or of data that leads to code: that of an object, reached as Addr+Off, and if
// Back is set also backwards from it.
type Loose struct {
	Addr uint64
	Off  int32
	Back bool
}

// derived is what a graph that was derived knows of the whole.
type derived struct {
	whole  *Graph
	h      Handing
	tables map[int]bool
	loose  bool // Handing.Loose is live
}

// summary returns the summary of a unit, as one part: what runs of it in the whole.
func (d *derived) summary(entry uint64) *summary.Unit {
	id, ok := d.whole.ids[0].find(entry)
	if !ok || !d.whole.Live(id) {
		return nil
	}
	if d.h.Start(entry) && !d.h.Into(entry) {
		return &summary.Unit{Entry: entry} // control ends there
	}
	sum := d.whole.Unit(id).Sum
	if sum.More().Division == nil {
		return sum
	}
	one, rest := *sum, *sum.Rest
	rest.Division = nil
	one.Rest = &rest
	return &one
}

// table makes all of a table live that an address is in.
func (d *derived) table(g *Graph, img int, a uint64, c cause) {
	for i, t := range d.h.Tables {
		if t.Contains(a) && !d.tables[i] {
			d.tables[i] = true
			c.how = Data
			for _, r := range g.Members[img].relocsIn(t.Start, t.End) {
				g.reloc(img, r, c)
			}
		}
	}
}

// label reports whether a place in a function is taken in the whole: else it is one of the
// function's own jumps.
func (d *derived) label(addr uint64) bool {
	_, ok := d.whole.ids[0].find(addr)
	return ok
}

// Consumed reports whether a live unit, or what it passes its arguments on to, may use the
// value of a register on entry for anything.
func (g *Graph) Consumed(id UnitID, reg uint8) bool { return g.consumes(id, 1<<(reg&15)) != 0 }

// instead reports whether a unit calls something else in place of a callee.
func (d *derived) instead(g *Graph, id UnitID, callee uint64) bool {
	if d == nil {
		return false
	}
	_, ok := d.h.Instead[g.Unit(id).Entry][callee]
	return ok
}

// redirect calls what stands for a callee, and reports whether something does.
func (d *derived) redirect(g *Graph, id UnitID, callee uint64) bool {
	if d == nil {
		return false
	}
	list, ok := d.h.Instead[g.Unit(id).Entry][callee]
	for _, t := range list {
		g.code(0, t, cause{unit: id, how: Call})
	}
	return ok
}

// begin makes live what others hand to a unit that became live.
func (d *derived) begin(g *Graph, id UnitID) {
	entry := g.Unit(id).Entry
	for _, t := range d.h.Extra[entry] {
		g.code(0, t, cause{unit: id, how: Call})
	}
	c := cause{unit: id, how: Address}
	if w, ok := d.whole.ids[0].find(entry); ok && len(d.h.Passed[entry]) > 0 && d.h.Keeps(entry) {
		used := d.whole.consumes(w, ^uint32(0))
		for i := range d.h.Passed[entry] {
			r := &d.h.Passed[entry][i]
			if !g.Members[0].Exec(r.A) && !d.h.Data(entry) {
				continue
			}
			if reg := r.Reg &^ summary.Back; used>>reg&1 != 0 {
				g.addrOff(0, r.A, r.Off, c)
				if r.Reg&summary.Back != 0 || used>>(reg+back)&1 != 0 {
					g.wide(0, r.A, c)
				}
			}
		}
	}
	if g.Unit(id).Sum.Indirect {
		for _, a := range d.h.Shared(entry) {
			g.addr(0, a, c)
		}
	}
	if d.h.Into(entry) && !d.loose {
		d.loose = true
		for _, l := range d.h.Loose {
			g.addrOff(0, l.Addr, l.Off, c)
			if l.Back {
				g.wide(0, l.Addr, c)
			}
		}
	}
}
