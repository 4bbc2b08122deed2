package dataflow

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/x86"
)

// Blocks are evaluated in an order in which what leads to a block comes before it, but for jumps back, and
// the blocks of a loop stand together, those of a loop in it too: a weak topological order (Bourdoncle, "Efficient
// chaotic iteration strategies with widenings", 1993). As what changed is evaluated lowest rank first, inner loops are
// settled before what follows them is looked at.
//
// It is a reverse postorder with the blocks of each loop moved to behind its head. Loops are those
// that a depth-first search meets (Wei, Mao, Zou, Chen, "A new algorithm for identifying loops in decompilation", SAS 2007).

// step is a block on the path of order, and how many of its successors were visited.
type step struct{ b, n int32 }

// loop is where a block stands among the loops. Blocks are given by their numbers plus one, 0: none.
type loop struct {
	at                int32 // on the path, from 1 on; 0: not on it
	head              int32 // of the innermost loop around it, which it is not itself
	child, last, next int32 // of the list of blocks and loops in its own loop, and of the one that it is in
}

// order ranks block root and the blocks that direct transfers lead to from it,
// behind the block that is evaluated. They are decoded for
// that, but what is not reached when they are evaluated does not count.
func (w *worker) order(root int32) {
	for ; w.ordered < len(w.blocks) && len(w.insts) < maxInsts; w.ordered++ {
		if b := &w.blocks[w.ordered]; b.to == unknown {
			in := &w.insts[b.end-1]
			if w.inside(uint64(in.Imm), in.Op == x86.OpJcc) {
				w.jumpsTo(b.end-1, uint64(in.Imm))
			}
		}
	}
	if n := len(w.nest); n < len(w.blocks) {
		w.nest = slices.Grow(w.nest, len(w.blocks)-n)[:len(w.blocks)]
		clear(w.nest[n:])
	}
	loops := false
	path, post := append(w.path[:0], step{b: root}), w.post[:0]
	blocks, nest := w.blocks, w.nest
	blocks[root].rank = 1 // visited
	nest[root].at = 1
	for len(path) > 0 {
		at := &path[len(path)-1]
		b := &blocks[at.b]
		to := int32(-1)
		if at.n == 0 {
			at.n = 1
			if to = b.to; to == unknown { // decoded meanwhile, perhaps
				if i := w.instAt(uint64(w.insts[b.end-1].Imm)); i >= 0 {
					to = w.instBlk[i]
				}
			}
		}
		if to < 0 {
			at.n = 2
			to = b.next
		}
		if to >= 0 {
			t, n := &blocks[to], &nest[to]
			switch {
			case t.rank == 0:
				t.rank = 1
				path = append(path, step{b: to})
				n.at = int32(len(path))
				continue
			case n.at != 0:
				loops = true
				w.around(at.b, to+1)
			default:
				for h := n.head; h != 0; h = nest[h-1].head {
					if nest[h-1].at != 0 {
						w.around(at.b, h)
						break
					}
				}
			}
		}
		// Blocks all of whose successors were visited.
		for at.n == 2 {
			post = append(post, at.b)
			path = path[:len(path)-1]
			n := &nest[at.b]
			n.at = 0
			if len(path) == 0 {
				break
			}
			at = &path[len(path)-1]
			if n.head != 0 {
				w.around(at.b, n.head)
			}
		}
	}
	w.path, w.post = path, post
	// Those that are found later go between the ranks of these.
	const space = 1 << 32
	gap := uint64(space)
	if w.rank != 0 {
		gap = max((space-w.rank%space)/2/uint64(len(post)+1), 1)
	}
	if !loops {
		for i, b := range post {
			blocks[b].rank = w.rank + uint64(len(post)-i)*gap
		}
		return
	}
	// The lists of the loops, each in reverse postorder; the last one is of what is in none.
	var all loop
	for i := len(post) - 1; i >= 0; i-- {
		b := post[i]
		l := &all
		if h := nest[b].head; h != 0 {
			l = &nest[h-1]
		}
		if l.child == 0 {
			l.child = b + 1
		} else {
			nest[l.last-1].next = b + 1
		}
		l.last = b + 1
	}
	rank := w.rank
	for b := all.child; b != 0; {
		rank += gap
		blocks[b-1].rank = rank
		n := &nest[b-1]
		if n.child != 0 {
			b = n.child
			continue
		}
		for n.next == 0 && n.head != 0 {
			n = &nest[n.head-1]
		}
		b = n.next
	}
}

// around notes that block b is in the loop whose head is h, a block on the path plus one.
func (w *worker) around(b, h int32) {
	if b+1 == h {
		return
	}
	for {
		n := &w.nest[b]
		switch outer := n.head; {
		case outer == h:
			return
		case outer == 0:
			n.head = h
			return
		case w.nest[outer-1].at < w.nest[h-1].at:
			n.head = h
			b, h = h-1, outer
		default:
			b = outer - 1
		}
	}
}

// cameIn reports whether the innermost loop around the block that is evaluated is entered with x in register r.
func (w *worker) cameIn(r x86.Reg, x val) bool {
	h := w.at
	if b := &w.blocks[h]; b.to != h && int(h) < len(w.nest) && w.nest[h].child == 0 {
		h = w.nest[h].head - 1
	}
	return h >= 0 && w.blocks[h].in >= 0 && w.states.at(w.blocks[h].in).r[r] == x
}

// queued is a block that is to be evaluated.
type queued struct {
	rank uint64
	b    int32
}

// queue has the blocks to evaluate, lowest rank first. What control goes to mostly is next, or nearly, and
// stays off the heap.
type queue struct {
	soon [16]queued // n of them, the first one last; they are sooner than all on the heap
	n    int
	heap []queued
}

// sooner reports whether x is evaluated before y.
func (w *worker) sooner(x, y *queued) bool {
	return x.rank < y.rank || x.rank == y.rank && w.blocks[x.b].pc < w.blocks[y.b].pc
}

// enqueue queues block b to be evaluated.
func (w *worker) enqueue(b int32) {
	bl := &w.blocks[b]
	bl.fresh = true
	if bl.queued {
		return
	}
	bl.queued = true
	q := queued{bl.rank, b}
	p := &w.queue
	if len(p.heap) > 0 && !w.sooner(&q, &p.heap[0]) {
		w.later(q)
		return
	}
	if p.n == len(p.soon) {
		if w.sooner(&p.soon[0], &q) {
			w.later(q)
			return
		}
		w.later(p.soon[0])
		p.n = copy(p.soon[:], p.soon[1:])
	}
	i := p.n
	for i > 0 && w.sooner(&p.soon[i-1], &q) {
		p.soon[i] = p.soon[i-1]
		i--
	}
	p.soon[i] = q
	p.n++
}

// later puts q on the heap.
func (w *worker) later(q queued) {
	h := append(w.queue.heap, q)
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 2
		if !w.sooner(&q, &h[p]) {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = q
	w.queue.heap = h
}

// next takes the block that is to be evaluated next, -1 if there is none.
func (w *worker) next() int32 {
	if n := w.queue.n; n > 0 {
		w.queue.n--
		return w.queue.soon[n-1].b
	}
	h := w.queue.heap
	if len(h) == 0 {
		return -1
	}
	top := h[0].b
	n := len(h) - 1
	q := h[n]
	h = h[:n]
	w.queue.heap = h
	for i := 0; n > 0; {
		c := 2*i + 1
		if c+1 < n && w.sooner(&h[c+1], &h[c]) {
			c++
		}
		if c >= n || !w.sooner(&h[c], &q) {
			h[i] = q
			break
		}
		h[i] = h[c]
		i = c
	}
	return top
}
