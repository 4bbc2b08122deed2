package reach

import (
	"cmp"
	"slices"
	"sort"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
)

// way is an edge between two parts of a live unit.
type way struct {
	unit UnitID
	edge int32 // index in its Edges
}

// process takes up a newly analysed unit.
func (g *Graph) process(id UnitID) {
	if g.Hold != nil {
		h := g.Hold(g, id)
		u := g.Unit(id)
		u.holdBack(h)
	}
	if !g.Unit(id).held {
		g.begin(id)
	}
	// While its references are at hand; but what later images bind to may grow, and a derived graph follows some elsewhere.
	if int(id) == max(g.indexed, 1) && g.Unit(id).Image < g.started && g.derived == nil {
		g.indexUnit(id)
		g.indexed = int(id) + 1
	}
}

// holdBack makes what h says of a unit wait, and nothing else.
func (u *Unit) holdBack(h Held) {
	u.held = h.All
	switch {
	case u.some != nil:
		u.some.gate = h
	case !h.none():
		u.some = &some{gate: h}
	}
}

// mayRun reports whether a part of a unit that has several can run; not before the unit begins to.
func (u *Unit) mayRun(part uint16) bool {
	return u.some != nil && u.some.runs != nil && u.some.runs[part]
}

// begin follows a unit from its entry.
func (g *Graph) begin(id UnitID) {
	u := g.Unit(id)
	sum := g.Full(id)
	if u.some == nil && len(sum.Div().Parts) > 0 {
		u.some = &some{}
	}
	if s := u.some; s != nil && (len(sum.Div().Parts) > 0 || len(s.gate.Refs)+len(s.gate.Sites) > 0) {
		s.full, s.runs = sum, make([]bool, max(len(sum.Div().Parts), 1))
	}
	g.consume(id, uint32(sum.ArgUse)|uint32(sum.ArgBack)<<back)
	g.run(id, 0)
	if g.derived != nil {
		g.derived.begin(g, id)
	}
}

// run makes parts of a unit run, and those that they lead to.
func (g *Graph) run(id UnitID, parts ...uint16) {
	u := g.Unit(id)
	s := u.some
	if s == nil || s.full == nil {
		sum := u.Sum
		g.keep(u.Image, sum.More().Kept)
		g.follow(id, 0, uint32(len(sum.Refs)), 0, uint32(len(sum.Passes)))
		return
	}
	var fresh []uint16
	add := func(p uint16) {
		if !s.runs[p] {
			s.runs[p] = true
			fresh = append(fresh, p)
		}
	}
	for _, p := range parts {
		add(p)
	}
	for i := 0; i < len(fresh); i++ {
		l := s.full.Div().Edges
		for k := sort.Search(len(l), func(k int) bool { return l[k].From >= fresh[i] }); k < len(l) && l[k].From == fresh[i]; k++ {
			if e := l[k]; !s.runs[e.To] && (e.Cond == 0 || g.holds(way{id, int32(k)})) {
				add(e.To)
			}
		}
	}
	g.show(id, fresh)
	sum := u.Sum
	for _, p := range fresh {
		from, to := sum.Span(int(p))
		g.keep(u.Image, sum.More().Kept[from.Kept:to.Kept])
		g.follow(id, from.Refs, to.Refs, from.Passes, to.Passes)
		if int(id) < g.indexed {
			for i := from.Refs; i < to.Refs; i++ {
				g.indexRef(id, int(i))
			}
		}
	}
}

// refNone stands for a reference of what does not run. No stored unit has one.
const refNone summary.Kind = 0xff

// show takes parts of a unit into its Sum. Each element keeps its index: waiters
// have those of references.
func (g *Graph) show(id UnitID, parts []uint16) {
	u := g.Unit(id)
	full := u.some.full
	all := !slices.Contains(u.some.runs, false) && len(u.some.gate.Refs)+len(u.some.gate.Sites) == 0
	if u.Sum == full {
		view, rest := *full, *full.More()
		if !all {
			view.Refs = make([]summary.Ref, len(full.Refs))
			for i := range view.Refs {
				view.Refs[i].Kind = refNone
			}
			view.Passes = make([]summary.ArgPass, len(full.Passes))
			rest.Kept = make([]summary.ArgStore, len(rest.Kept))
		}
		rest.Sites = nil
		if full.Rest != nil {
			view.Rest = &rest
		}
		u.Sum = &view
	}
	view := u.Sum
	of, in := full.Rest, view.Rest
	if all {
		view.Refs, view.Passes = full.Refs, full.Passes
		if of == nil {
			return
		}
		in.Kept = of.Kept
		for _, p := range parts {
			from, to := full.Span(int(p))
			in.Sites = append(in.Sites, of.Sites[from.Sites:to.Sites]...)
		}
		return
	}
	for _, p := range parts {
		from, to := full.Span(int(p))
		for i := from.Refs; i < to.Refs; i++ {
			if !slices.Contains(u.some.gate.Refs, int32(i)) {
				view.Refs[i] = full.Refs[i]
			}
		}
		for i := from.Passes; i < to.Passes; i++ {
			if !g.waits(u, &full.Passes[i]) {
				view.Passes[i] = full.Passes[i]
			}
		}
		if of == nil {
			continue
		}
		copy(in.Kept[from.Kept:to.Kept], of.Kept[from.Kept:to.Kept])
		for i := from.Sites; i < to.Sites; i++ {
			if !slices.Contains(u.some.gate.Sites, int32(i)) {
				in.Sites = append(in.Sites, of.Sites[i])
			}
		}
	}
}

// waits reports whether the call that an argument goes to waits for Release.
func (g *Graph) waits(u *Unit, p *summary.ArgPass) bool {
	kind := summary.RefCode
	if p.Moves.Slot() {
		kind = summary.RefCallSlot
	}
	return slices.ContainsFunc(u.some.gate.Refs, func(i int32) bool {
		r := &u.some.full.Refs[i]
		return r.Kind == kind && r.A == p.Callee
	})
}

// Held is what of a unit waits.
type Held struct {
	All   bool
	Refs  []int32 // indices of its references
	Sites []int32 // and of its sites

	Numbers []int64 // of calls that it passes to functions that make them
	Words   []int64 // numbers of calls that words of memory which it loads them from keep
}

// none reports whether nothing of a unit waits, or all of it.
func (h *Held) none() bool {
	return len(h.Refs)+len(h.Sites)+len(h.Numbers)+len(h.Words) == 0
}

// Passes reports whether a number of a call that a unit passes to another function counts.
func (g *Graph) Passes(id UnitID, n int64) bool {
	s := g.Unit(id).some
	return s == nil || !slices.Contains(s.gate.Numbers, n)
}

// Keeps reports whether a word of memory that a unit loads the number n of a call from keeps it: of what
// Held says so, unless live code stores to it by name, or gives its address away.
func (g *Graph) Keeps(id UnitID, slot uint64, n int64) bool {
	s, img := g.Unit(id).some, g.Unit(id).Image
	if s == nil || !slices.Contains(s.gate.Words, n) {
		return false
	}
	m := g.Members[img]
	return !m.marks.has(slot, markTaken) && len(m.stored[slot&^7]) == 0 && m.writes[slot&^7]&bytesOf(slot&^7, slot, 8) == 0
}

// Full returns what is known of a unit, with what does not run of it.
func (g *Graph) Full(id UnitID) *summary.Unit {
	u := g.Unit(id)
	if u.some != nil && u.some.full != nil {
		return u.some.full
	}
	return u.Sum
}

// Release follows a unit that Hold held back, but for what still waits.
func (g *Graph) Release(id UnitID, still Held) {
	u := g.Unit(id)
	all := u.held
	u.holdBack(still)
	switch {
	case still.All:
	case all:
		g.begin(id)
		if int(id) < g.indexed { // it was passed over
			for i := range g.Unit(id).Sum.Refs {
				g.indexRef(id, i)
			}
		}
	case u.some.full == nil: // only numbers waited
	default:
		before := u.Sum
		u.Sum = u.some.full
		var parts []uint16
		for p, runs := range u.some.runs {
			if runs {
				parts = append(parts, uint16(p))
			}
		}
		g.show(id, parts)
		sum := u.Sum
		for i := range sum.Refs {
			if before.Refs[i].Kind == refNone && sum.Refs[i].Kind != refNone {
				g.follow(id, uint32(i), uint32(i)+1, 0, 0)
				if int(id) < g.indexed {
					g.indexRef(id, i)
				}
			}
		}
		g.follow(id, 0, 0, 0, uint32(len(sum.Passes)))
	}
}

// holds reports whether the condition of an edge may hold. If it may not yet,
// the edge is taken once it may.
func (g *Graph) holds(w way) bool {
	u := g.Unit(w.unit)
	c := u.some.full.Div().Cond(w.edge)
	if g.Denied != nil && g.Denied(u.Image, c) {
		return false
	}
	switch c.Kind {
	case summary.CondWord:
		if g.mayChange(u.Image, c.A, uint64(c.Size)) {
			return true
		}
		m := g.Members[u.Image]
		for a := c.A &^ 7; a < c.A+uint64(c.Size); a += 8 {
			m.guards[a] = append(m.guards[a], w)
		}
		return false
	case summary.CondReturn, summary.CondBack:
		if g.comesBack(u.Image, c) {
			return true
		}
		g.pending = append(g.pending, w)
		return false
	case summary.CondArg:
		if g.MayPass == nil {
			return true
		}
		g.pending = append(g.pending, w) // its callers are not all live yet
		return false
	}
	return true
}

// maxCallers bounds how many callers of a unit are asked what they pass.
const maxCallers = 16

// passed reports whether a caller of a unit may pass what the condition of an edge asks for, as far as is known now.
// To ask costs as much as to analyse the callers again, so an edge to what makes no more code live just counts.
func (g *Graph) passed(w way, c *summary.Cond) bool {
	id := w.unit
	return g.Entered(id) || !g.adds(id, g.Unit(id).some.full.Div().Edges[w.edge].To) || g.manyCallers(id, maxCallers) || g.MayPass(g, id, c)
}

// adds reports whether a part of a unit has syscall instructions, or refers to code that is not live, or to other
// data than such that holds no addresses.
func (g *Graph) adds(id UnitID, part uint16) bool {
	u := g.Unit(id)
	sum := u.some.full
	from, to := sum.Span(int(part))
	if from.Sites < to.Sites {
		return true
	}
	m := g.Members[u.Image]
	for i := from.Refs; i < to.Refs; i++ {
		switch r := &sum.Refs[i]; r.Kind {
		case summary.RefCode, summary.RefCallSlot:
			var buf [4]UnitID
			if l := g.Callees(id, r, buf[:0]); len(l) == 0 || slices.ContainsFunc(l, func(c UnitID) bool { return !g.Live(c) }) {
				return true
			}
		case summary.RefRead, summary.RefStore, summary.RefTable:
		default:
			if o := m.object(r.A); m.Exec(r.A) || o >= 0 && !m.live[o] && m.Writable(r.A) {
				return true
			}
		}
	}
	return false
}

// comesBack reports whether the call that a condition asks about may come back
// as it says, as far as is known now.
func (g *Graph) comesBack(img int, c *summary.Cond) bool {
	var seen []UnitID
	if c.Kind == summary.CondBack {
		return g.calleeEnds(img, c.A, true, func(int64) bool { return true }, &seen)
	}
	return g.calleeEnds(img, c.A, false, func(n int64) bool {
		is, known := dataflow.Holds(c.Cmp, uint64(n), c.N, c.Size)
		return is || !known
	}, &seen)
}

// calleeEnds reports whether what runs of a function may return something that test accepts.
func (g *Graph) calleeEnds(img int, a uint64, slot bool, test func(int64) bool, seen *[]UnitID) bool {
	if !slot {
		id, live := g.ids[img].find(a)
		if !live {
			return !g.Members[img].Exec(a) // else it is not called yet
		}
		return g.unitEnds(id, test, seen)
	}
	var buf [4]process.Target
	ts, known := g.bound(img, a, buf[:0])
	if !known || len(ts) == 0 {
		return true
	}
	for _, t := range ts {
		s := g.Members[t.Image].Symbol(t.Sym)
		if s.Type != sttFunc {
			return true
		}
		if id, live := g.ids[t.Image].find(s.Value); live && g.unitEnds(id, test, seen) {
			return true
		}
	}
	return false
}

func (g *Graph) unitEnds(id UnitID, test func(int64) bool, seen *[]UnitID) bool {
	u := g.Unit(id)
	if u.Sum == nil || u.held || slices.Contains(*seen, id) {
		return false // not yet
	}
	*seen = append(*seen, id)
	sum := g.Full(id)
	if sum.Returns == nil {
		return true
	}
	return slices.ContainsFunc(sum.Returns, func(r summary.Return) bool {
		if len(sum.Div().Parts) > 0 && !u.mayRun(r.Part) {
			return false
		}
		switch r.Kind {
		case summary.ReturnNever:
			return false
		case summary.ReturnConst:
			return test(r.N)
		case summary.ReturnCode, summary.ReturnSlot:
			return g.calleeEnds(u.Image, uint64(r.N), r.Kind == summary.ReturnSlot, test, seen)
		}
		return true
	})
}

// maxRechecks bounds how often all calls are looked at: after that, all come back.
const maxRechecks = 2000

// recheck looks again at the edges that wait for calls to come back. It reports
// whether there was one whose call may.
func (g *Graph) recheck() bool {
	if g.rechecks++; g.rechecks > maxRechecks {
		g.woken = append(g.woken, g.pending...)
		g.pending = nil
		return len(g.woken) > 0
	}
	g.pending = slices.DeleteFunc(g.pending, func(w way) bool {
		u := g.Unit(w.unit)
		c := u.some.full.Div().Cond(w.edge)
		if c.Kind == summary.CondArg && g.passed(w, c) || c.Kind != summary.CondArg && g.comesBack(u.Image, c) {
			g.woken = append(g.woken, w)
			return true
		}
		return false
	})
	return len(g.woken) > 0
}

// mayChange reports whether live code, or code that is not known, may write
// to memory after the loader filled it.
func (g *Graph) mayChange(img int, a, size uint64) bool {
	m := g.Members[img]
	for w := a &^ 7; w < a+size; w += 8 {
		if m.writes[w]&bytesOf(w, a, size) != 0 {
			return true
		}
	}
	o := m.object(a)
	if o < 0 || m.Type == 2 && g.fixed() > 1 {
		return true
	}
	for ; o < len(m.starts) && m.starts[o] < a+size; o++ {
		if m.open[o] {
			return true
		}
	}
	// What other files can name they can write, as long as it is writable.
	if m.inGOT(a) {
		return true
	}
	i := sort.Search(len(m.exports), func(i int) bool { return m.exports[i].End > a })
	return i < len(m.exports) && m.exports[i].Start < a+size && !m.sealed(a, a+size)
}

// fixed counts the images at fixed addresses: they can name each other's memory.
func (g *Graph) fixed() int {
	n := 0
	for _, m := range g.Members {
		if m.Type == 2 {
			n++
		}
	}
	return n
}

// bytesOf returns which bytes of the word at w are in [a, a+size), one bit each.
func bytesOf(w, a, size uint64) uint8 {
	mask := uint8(0)
	for i := range uint64(8) {
		if w+i >= a && w+i < a+size {
			mask |= 1 << i
		}
	}
	return mask
}

// keep takes up stores of live code.
func (g *Graph) keep(img int, l []summary.ArgStore) {
	m := g.Members[img]
	for _, k := range l {
		if k.Size == 0 || k.Kind == summary.StoreConst && m.holdsAlready(k) {
			continue
		}
		g.written(img, k.Slot, uint64(k.Size))
	}
}

// holdsAlready reports whether a constant is what the file has in its place.
func (m *member) holdsAlready(k summary.ArgStore) bool {
	if k.Size > 8 || len(m.relocsIn(k.Slot, k.Slot+uint64(k.Size))) > 0 {
		return false
	}
	b := m.Bytes(k.Slot)
	for i := range int(k.Size) {
		have := byte(0)
		if i < len(b) {
			have = b[i]
		}
		if byte(k.N>>(8*i)) != have {
			return false
		}
	}
	return true
}

// written wakes the edges that wait for a write to [a, a+size).
func (g *Graph) written(img int, a, size uint64) {
	m := g.Members[img]
	for w := a &^ 7; w < a+size; w += 8 {
		mask := bytesOf(w, a, size)
		if m.writes[w]&mask == mask {
			continue
		}
		m.writes[w] |= mask
		g.wakeGuards(m, w, a, size)
	}
}

func (g *Graph) wakeGuards(m *member, w, a, size uint64) {
	list := m.guards[w]
	if len(list) == 0 {
		return
	}
	still := list[:0]
	for _, x := range list {
		f := g.Unit(x.unit).some.full
		if c := f.Div().Cond(x.edge); c.A < a+size && a < c.A+uint64(c.Size) {
			g.woken = append(g.woken, x)
		} else {
			still = append(still, x)
		}
	}
	m.guards[w] = still
	if len(still) == 0 {
		delete(m.guards, w)
	}
}

// expose notes that code which is not followed may write to an object. What is
// only guessed to be another one, between the same proven boundaries, counts as it.
func (g *Graph) expose(img, o int, c cause) {
	m := g.Members[img]
	if m.open[o] {
		return
	}
	proven := func(o int) bool {
		_, hard := slices.BinarySearch(m.hard, m.starts[o])
		return hard
	}
	first, last := o, o+1
	for first > 0 && !proven(first) {
		first--
	}
	for last < len(m.starts) && !proven(last) {
		last++
	}
	start, end := m.starts[first], m.High
	if last < len(m.starts) {
		end = m.starts[last]
	}
	if c.foreign && m.sealed(start, end) {
		return
	}
	for o := first; o < last; o++ {
		m.open[o] = true
	}
	g.openWords(img, start, end)
}

// openWords wakes the edges that wait for a write to an object whose address is out.
func (g *Graph) openWords(img int, start, end uint64) {
	m := g.Members[img]
	if uint64(len(m.guards)) > (end-start)/8 {
		for w := start &^ 7; w < end; w += 8 {
			g.wakeGuards(m, w, start, end-start)
		}
		return
	}
	var words []uint64
	for w := range m.guards {
		if w+8 > start && w < end {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	for _, w := range words {
		g.wakeGuards(m, w, start, end-start)
	}
}

// wakeParts makes run what edges lead to whose conditions came to hold.
func (g *Graph) wakeParts() {
	list := g.woken
	g.woken = nil
	slices.SortFunc(list, func(a, b way) int { return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.edge, b.edge)) })
	for i := 0; i < len(list); {
		id := list[i].unit
		var parts []uint16
		for ; i < len(list) && list[i].unit == id; i++ {
			parts = append(parts, g.Unit(id).some.full.Div().Edges[list[i].edge].To)
		}
		g.run(id, parts...)
	}
}

// sealed reports whether the loader makes memory read-only before code of other
// images runs: whole pages of RELRO (glibc elf/dl-reloc.c, _dl_protect_relro).
func (m *member) sealed(start, end uint64) bool {
	const page = 4096
	return start >= m.Relro.Start && end <= m.Relro.End&^(page-1)
}
