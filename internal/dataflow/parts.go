package dataflow

import (
	"cmp"
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// link is a way of control from one block to another. cond is an index into
// conds plus one, 0 if nothing is asked.
type link struct{ from, to, cond int32 }

// siteIn is a syscall instruction of a block.
type siteIn struct {
	site summary.Site
	blk  int32
}

// ret is how a block ends the unit.
type ret struct {
	n    int64
	blk  int32
	kind summary.ReturnKind
}

// linkTo notes that control may go from the block that is emitted to the one at a.
func (w *worker) linkTo(a uint64, cond int32) {
	if i := w.instAt(a); w.final && i >= 0 {
		w.link(w.blk, w.instBlk[i], cond)
	}
}

func (w *worker) link(from, to, cond int32) {
	w.links = append(w.links, link{from, to, cond})
	w.guarded = w.guarded || cond != 0
}

// linkPads links the block that is emitted to the landing pads of the call in.
func (w *worker) linkPads(in *x86.Inst) {
	for _, p := range w.padsOver(in.PC, in.PC) {
		w.linkTo(p.Pad, 0)
	}
}

// linkOn links block b, which is emitted, to its landing pads, for what is no call may throw too (-fnon-call-exceptions),
// and to the block that control falls through to, unless it stops.
func (w *worker) linkOn(b, cond int32, stops bool) {
	bl := &w.blocks[b]
	if bl.end > bl.first {
		for _, p := range w.padsOver(bl.pc, w.insts[bl.end-1].PC) {
			w.linkTo(p.Pad, 0)
		}
	}
	if bl.next >= 0 && !stops {
		w.link(b, bl.next, cond)
	}
}

// undivided reports whether the unit has one part for sure, and links say nothing.
func (w *worker) undivided() bool {
	return !w.guarded || w.chaos || w.opaque || w.query != nil
}

// connect links the blocks that were emitted from their notes too, and says where the links of each block begin.
func (w *worker) connect() {
	if w.undivided() {
		return
	}
	evals := w.links // of the other ones
	w.links, w.evals = w.evals[:0], evals
	m := &w.division
	m.first = zeros(m.first, len(w.blocks)+int(w.tails)+1)
	for b := range w.blocks {
		m.first[b] = int32(len(w.links))
		bl := &w.blocks[b]
		if bl.in < 0 {
			continue
		}
		if bl.note < 0 || w.book.notes[bl.note].again {
			for len(evals) > 0 && evals[0].from == int32(b) {
				w.links, evals = append(w.links, evals[0]), evals[1:]
			}
			continue
		}
		w.blk = int32(b)
		n := &w.book.notes[bl.note]
		if bl.end > bl.first {
			last := &w.insts[bl.end-1]
			switch {
			case n.jumps && bl.to >= 0:
				w.links = append(w.links, link{int32(b), bl.to, n.taken})
			case n.jumps:
				w.linkTo(uint64(last.Imm), n.taken)
			case last.Op == x86.OpCall && !w.readsPC(last) || last.Op == x86.OpCallInd:
				w.linkPads(last)
			}
		}
		w.linkOn(int32(b), n.fall, n.stops)
	}
	for b := len(w.blocks); b < len(m.first); b++ {
		m.first[b] = int32(len(w.links))
	}
}

// returns notes what the block that is emitted returns in rax.
func (w *worker) returns(x val) {
	if x <= vMany {
		w.ends(summary.ReturnAny, 0)
		return
	}
	for _, y := range w.list(x) {
		if e := &w.v.elems[y]; e.k == kConst {
			w.ends(summary.ReturnConst, e.a)
		} else {
			w.ends(summary.ReturnAny, 0)
		}
	}
}

func (w *worker) ends(kind summary.ReturnKind, n uint64) {
	switch r := (ret{int64(n), w.blk, kind}); {
	case w.final:
		w.rets = append(w.rets, r)
	case w.book.open:
		w.book.rets = append(w.book.rets, r)
	}
}

// division is the memory of divide, and of finish.
type division struct {
	first       []int32 // where the links of a block begin
	part, queue []int32
	met, root   []bool
	cond        []uint16
	conds       []summary.Cond
	edges       []summary.Edge
	returns     []summary.Return
}

const unset = -1 // part of a block that is in none yet

// divide assigns the blocks to parts. A part is what unconditional transfers
// lead to from its first block alone. n is 1 if there is but one.
func (w *worker) divide() (part []int32, n int) {
	if w.undivided() {
		return nil, 1
	}
	blocks := len(w.blocks) + int(w.tails)
	m := &w.division
	m.part, m.met, m.root = room(m.part, blocks), zeros(m.met, blocks), zeros(m.root, blocks)
	part, met, root := m.part, m.met, m.root
	for b := range part {
		part[b] = unset
	}
	part[0] = 0
	m.queue = append(m.queue[:0], 0)
	m.spread(w.links)
	if !slices.ContainsFunc(w.links, func(l link) bool { return l.cond != 0 && part[l.to] != 0 }) {
		return nil, 1
	}
	// What no link leads to has been reached in another way: it belongs to part 0.
	for b := range part {
		if part[b] == 0 {
			met[b] = true
			m.queue = append(m.queue, int32(b))
		}
	}
	for n := len(m.queue); n > 0; n = len(m.queue) {
		b := m.queue[n-1]
		m.queue = m.queue[:n-1]
		for _, l := range w.links[m.first[b]:m.first[b+1]] {
			if !met[l.to] {
				met[l.to] = true
				m.queue = append(m.queue, l.to)
			}
		}
	}
	for b := range part {
		if !met[b] && (b >= len(w.blocks) || w.blocks[b].in >= 0) {
			part[b] = 0
			m.queue = append(m.queue, int32(b))
		}
	}
	m.spread(w.links)
	for _, l := range w.links {
		if l.cond != 0 && part[l.to] != 0 {
			root[l.to] = true
		}
	}
	const maxPasses = 64
	for range maxPasses {
		n = 1
		for b, p := range part {
			switch {
			case p == 0:
			case root[b]:
				part[b] = int32(n)
				n++
				m.queue = append(m.queue, int32(b))
			default:
				part[b] = unset
			}
		}
		if n == 1 || n > 1<<16-1 {
			break
		}
		if !m.spread(w.links) {
			return part, n
		}
	}
	return nil, 1
}

// spread puts what the blocks in the queue lead to without a condition into their parts. It reports whether
// there was a block that belongs to two, and has to become the first one of another.
func (m *division) spread(links []link) (mixed bool) {
	for n := len(m.queue); n > 0; n = len(m.queue) {
		b := m.queue[n-1]
		m.queue = m.queue[:n-1]
		p := m.part[b]
		for _, l := range links[m.first[b]:m.first[b+1]] {
			switch to := m.part[l.to]; {
			case l.cond != 0 || to == 0 || m.root[l.to]:
			case to == unset:
				m.part[l.to] = p
				m.queue = append(m.queue, l.to)
			case to != p:
				m.root[l.to], mixed = true, true
			}
		}
	}
	return mixed
}

// finish turns what was emitted into the unit.
func (w *worker) finish() {
	u, more := &w.unit, &w.rest
	slices.SortFunc(w.sites, func(a, b siteIn) int { return cmp.Compare(a.site.PC, b.site.PC) })
	part, n := w.divide()
	if n == 1 {
		w.book.unit(u, more, nil, nil)
		for _, x := range w.sites {
			more.Sites = append(more.Sites, x.site)
		}
		w.returned(nil)
		return
	}
	d := w.rows.divisions.one(summary.Division{Parts: w.rows.parts.next(n)})
	more.Division = d
	w.book.unit(u, more, part, d)
	slices.SortStableFunc(w.sites, func(a, b siteIn) int { return cmp.Compare(part[a.blk], part[b.blk]) })
	for p, i := 0, 0; p < n; p++ {
		for ; i < len(w.sites) && part[w.sites[i].blk] == int32(p); i++ {
			more.Sites = append(more.Sites, w.sites[i].site)
		}
		d.Parts[p].Sites = uint32(i)
	}
	for _, t := range more.Targets {
		p := uint16(0)
		if i := w.instAt(t); i >= 0 {
			p = uint16(max(part[w.instBlk[i]], 0))
		}
		d.InPart = append(d.InPart, p)
	}
	m := &w.division
	m.cond, m.conds, m.edges = zeros(m.cond, len(w.conds)+1), m.conds[:0], m.edges[:0]
	w.edges.reset()
	for _, l := range w.links {
		if part[l.from] == part[l.to] || part[l.to] <= 0 {
			continue
		}
		if l.cond != 0 && m.cond[l.cond] == 0 {
			m.conds = append(m.conds, w.conds[l.cond-1])
			m.cond[l.cond] = uint16(len(m.conds))
		}
		e := summary.Edge{From: uint16(part[l.from]), To: uint16(part[l.to]), Cond: m.cond[l.cond]}
		if w.edges.first(uint64(e.From)<<32 | uint64(e.To)<<16 | uint64(e.Cond)) {
			m.edges = append(m.edges, e)
		}
	}
	slices.SortStableFunc(m.edges, func(a, b summary.Edge) int { return cmp.Compare(a.From, b.From) })
	d.Conds, d.Edges = w.rows.conds.copy(m.conds), w.rows.edges.copy(m.edges)
	w.returned(part)
}

// returned fills in what the unit returns, if that is not just anything.
func (w *worker) returned(part []int32) {
	if w.chaos || w.opaque || len(w.rets) > maxConds {
		return
	}
	returns := w.division.returns[:0]
	for _, r := range w.rets {
		p := uint16(0)
		if part != nil {
			p = uint16(max(part[r.blk], 0))
		}
		x := summary.Return{N: r.n, Part: p, Kind: r.kind}
		if p == 0 && r.kind == summary.ReturnAny {
			return
		}
		if !slices.Contains(returns, x) {
			returns = append(returns, x)
		}
	}
	if len(w.rets) == 0 && len(w.rest.Gaps) == 0 {
		returns = append(returns, summary.Return{Kind: summary.ReturnNever})
	}
	w.unit.Returns, w.division.returns = w.rows.returns.copy(returns), returns
}
