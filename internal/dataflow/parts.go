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
		w.links = append(w.links, link{w.blk, w.instBlk[i], cond})
	}
}

// linkPads links the block that is emitted to the landing pads of the call in.
func (w *worker) linkPads(in *x86.Inst) {
	for _, p := range w.landingPads(in.PC) {
		if in.PC >= p.Start && in.PC < p.End {
			w.linkTo(p.Pad, 0)
		}
	}
}

// trapped links the block that is emitted, whose instructions are from first to
// last, to its landing pads: what is no call may throw too (-fnon-call-exceptions).
func (w *worker) trapped(first, last uint64) {
	for _, p := range w.landingPads(first) {
		if p.Start <= last && first < p.End {
			w.linkTo(p.Pad, 0)
		}
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

// division is the memory of divide.
type division struct {
	first, part, queue []int32
	met, root          []bool
}

// divide assigns the blocks to parts. A part is what unconditional transfers
// lead to from its first block alone. n is 1 if there is but one.
func (w *worker) divide() (part []int32, n int) {
	if len(w.conds) == 0 || w.chaos || w.opaque {
		return nil, 1
	}
	const unset = -1
	blocks := len(w.blocks) + int(w.tails)
	m := &w.division
	m.first = zeros(m.first, blocks+1) // links are in the order of the blocks that they come from
	first := m.first
	for _, l := range w.links {
		first[l.from+1]++
	}
	for b := range blocks {
		first[b+1] += first[b]
	}
	m.part = zeros(m.part, blocks)
	part = m.part
	queue := m.queue[:0]
	defer func() { m.queue = queue }()
	flow := func(follow func(l *link) bool) {
		for len(queue) > 0 {
			b := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			for k := first[b]; k < first[b+1]; k++ {
				if l := &w.links[k]; follow(l) {
					queue = append(queue, l.to)
				}
			}
		}
	}
	// What no link leads to has been reached in another way: it belongs to part 0.
	m.met, m.root = zeros(m.met, blocks), zeros(m.root, blocks)
	met, root := m.met, m.root
	met[0] = true
	queue = append(queue, 0)
	flow(func(l *link) bool {
		again := met[l.to]
		met[l.to] = true
		return !again
	})
	const maxPasses = 64
	for pass := 0; ; pass++ {
		if pass == maxPasses {
			return nil, 1
		}
		for b := range part {
			part[b] = unset
		}
		for b := range blocks {
			if b == 0 || !met[b] && (b >= len(w.blocks) || w.blocks[b].in >= 0) {
				part[b] = 0
				queue = append(queue, int32(b))
			}
		}
		flow(func(l *link) bool {
			if l.cond != 0 || part[l.to] == 0 {
				return false
			}
			part[l.to] = 0
			return true
		})
		for _, l := range w.links {
			if l.cond != 0 && part[l.to] != 0 {
				root[l.to] = true
			}
		}
		n = 1
		for b := range blocks {
			if root[b] && part[b] != 0 {
				part[b] = int32(n)
				n++
				queue = append(queue, int32(b))
			}
		}
		if n == 1 || n > 1<<16-1 {
			return nil, 1
		}
		mixed := false
		flow(func(l *link) bool {
			to := part[l.to]
			switch {
			case l.cond != 0 || to == 0 || root[l.to]:
			case to == unset:
				part[l.to] = part[l.from]
				return true
			case to != part[l.from]:
				root[l.to], mixed = true, true
			}
			return false
		})
		if !mixed {
			return part, n
		}
	}
}

// finish turns what was emitted into the unit.
func (w *worker) finish() {
	u, more := &w.unit, &w.rest
	slices.SortFunc(w.sites, func(a, b siteIn) int { return cmp.Compare(a.site.PC, b.site.PC) })
	part, n := w.divide()
	if n == 1 {
		u.Refs, u.Passes, more.Kept = w.refs.all(), w.passes.all(), w.kept.all()
		for _, x := range w.sites {
			more.Sites = append(more.Sites, x.site)
		}
		w.returned(nil)
		return
	}
	d := &summary.Division{Parts: make([]summary.Part, n)}
	more.Division = d
	u.Refs = w.refs.byPart(part, n, func(p int, at uint32) { d.Parts[p].Refs = at })
	u.Passes = w.passes.byPart(part, n, func(p int, at uint32) { d.Parts[p].Passes = at })
	more.Kept = w.kept.byPart(part, n, func(p int, at uint32) { d.Parts[p].Kept = at })
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
	cond := make([]uint16, len(w.conds)+1)
	w.edges.reset()
	for _, l := range w.links {
		if part[l.from] == part[l.to] || part[l.to] <= 0 {
			continue
		}
		if l.cond != 0 && cond[l.cond] == 0 {
			d.Conds = append(d.Conds, w.conds[l.cond-1])
			cond[l.cond] = uint16(len(d.Conds))
		}
		e := summary.Edge{From: uint16(part[l.from]), To: uint16(part[l.to]), Cond: cond[l.cond]}
		if w.edges.first(uint64(e.From)<<32 | uint64(e.To)<<16 | uint64(e.Cond)) {
			d.Edges = append(d.Edges, e)
		}
	}
	slices.SortStableFunc(d.Edges, func(a, b summary.Edge) int { return cmp.Compare(a.From, b.From) })
	w.returned(part)
}

// returned fills in what the unit returns, if that is not just anything.
func (w *worker) returned(part []int32) {
	u := &w.unit
	if w.chaos || w.opaque || len(w.rets) > maxConds {
		return
	}
	for _, r := range w.rets {
		p := uint16(0)
		if part != nil {
			p = uint16(max(part[r.blk], 0))
		}
		x := summary.Return{N: r.n, Part: p, Kind: r.kind}
		if p == 0 && r.kind == summary.ReturnAny {
			u.Returns = nil
			return
		}
		if !slices.Contains(u.Returns, x) {
			u.Returns = append(u.Returns, x)
		}
	}
	if len(w.rets) == 0 && len(w.rest.Gaps) == 0 {
		u.Returns = []summary.Return{{Kind: summary.ReturnNever}}
	}
}
