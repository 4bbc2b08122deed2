package reach

import (
	"cmp"
	"slices"

	"github.com/gofind-dev/gofind/internal/summary"
)

// args is what is known of the arguments of a unit, and what else each call asks of its callee. So it is apart from Unit, and small.
type args struct {
	used        uint32 // registers that the unit consumes, callees included; in the upper half those it moves backwards from
	wanted      uint16 // registers of which somebody wants to know whether it does: the others are not followed
	followed    bool   // its own passes were
	later       bool   // it is a resolver whose result waits: resolvesLater
	first, last waiterID
}

// waiter is an address or an argument that depends on what a callee consumes.
type waiter struct {
	mask uint32 // of args.used of the callee
	unit UnitID // whose argument or reference it is
	from uint32 // index in its Refs, or with ofPass in its Passes
	next waiterID
}

// ofPass marks waiter.from.
const ofPass = 1 << 31

// before tells the order in which waiters are woken: that in which units became live, and in them references first.
func (w *waiter) before(v *waiter) int {
	return cmp.Or(cmp.Compare(w.unit, v.unit), cmp.Compare(w.from, v.from))
}

// waiterID is the place of a waiter in Graph.waiters. 0 is none.
type waiterID uint32

// waiters are in blocks that stay where they are; those that are free are a list.
type waiters struct {
	blocks []*[waiterBlock]waiter
	n      waiterID // used once
	free   waiterID
}

const waiterBlock = 4096

func (l *waiters) at(id waiterID) *waiter {
	return &l.blocks[id/waiterBlock][id%waiterBlock]
}

func (l *waiters) add(w waiter) waiterID {
	id := l.free
	if id != 0 {
		l.free = l.at(id).next
	} else {
		l.n++
		if id = l.n; int(id/waiterBlock) == len(l.blocks) {
			l.blocks = append(l.blocks, new([waiterBlock]waiter))
		}
	}
	*l.at(id) = w
	return id
}

// ready is a waiter whose callee consumes the registers hit.
type ready struct {
	w   waiter
	hit uint32
}

// wanted is what is to be found out of a unit: whether callees consume what it passes on, in its Passes from index p0 to p1, of
// registers that it got.
type wanted struct {
	unit   UnitID
	regs   uint16
	p0, p1 uint32
}

// both is the mask of a register: used, and moved backwards from.
func both(reg uint8) uint32 { return 1<<reg | 1<<(reg+back) }

// back is where the upper half of args.used begins.
const back = 16

// want says that somebody wants to know what of a mask of registers a unit consumes. It is known after settle.
func (g *Graph) want(id UnitID, mask uint32) {
	a := g.args.at(id)
	regs := uint16(mask|mask>>back) &^ a.wanted
	if regs == 0 {
		return
	}
	a.wanted |= regs
	if a.followed { // else what it passes on is looked at then
		g.wants = append(g.wants, wanted{id, regs, 0, uint32(len(g.Unit(id).Sum.Passes))})
	}
}

// settle finds out what is wanted. It makes nothing live that nothing waited for before.
func (g *Graph) settle() {
	for len(g.wants) > 0 {
		n := len(g.wants) - 1
		w := g.wants[n]
		g.wants = g.wants[:n]
		g.passOn(w)
	}
}

// consumes returns what of a mask of registers a unit consumes.
func (g *Graph) consumes(id UnitID, mask uint32) uint32 {
	g.want(id, mask)
	g.settle()
	return g.args.at(id).used & mask
}

// passOn has a unit consume what it passes on to callees that consume it, as far as that is wanted.
func (g *Graph) passOn(x wanted) {
	u := g.Unit(x.unit)
	img, passes := u.Image, u.Sum.Passes
	r := &g.passing
	r.asked = false
	for i := x.p0; i < x.p1 && x.regs != 0; i++ {
		p := &passes[i]
		used := g.args.at(x.unit).used // it changes nothing to ask again about these
		w := waiter{unit: x.unit, from: ofPass | i}
		w.mask = uint32(p.Moves.To(x.regs&^uint16(used))) | uint32(p.Moves.To(x.regs&^uint16(used>>back)))<<back
		if w.mask == 0 {
			continue
		}
		if slot := p.Moves.Slot(); !slot && g.derived.instead(g, x.unit, p.Callee) || !g.reach(r, img, p.Callee, slot) {
			g.wake(w, w.mask) // code that is not known consumes everything
			continue
		}
		g.tell(r, w)
	}
}

// wait makes w happen once unit callee consumes a register of its mask.
func (g *Graph) wait(callee UnitID, w waiter) {
	g.want(callee, w.mask)
	a := g.args.at(callee)
	hit := a.used & w.mask
	if w.mask &^= hit; w.mask != 0 {
		id := g.waiters.add(w)
		if a.last == 0 {
			a.first = id
		} else {
			g.waiters.at(a.last).next = id
		}
		a.last = id
	}
	if hit != 0 {
		g.wake(w, hit)
	}
}

// wake tells w that its callee consumes the registers hit.
func (g *Graph) wake(w waiter, hit uint32) {
	u := g.Unit(w.unit)
	if w.from&ofPass != 0 {
		h := u.Sum.Passes[w.from&^ofPass].Moves
		g.consume(w.unit, uint32(h.Of(uint16(hit)))|uint32(h.Of(uint16(hit>>back)))<<back)
		return
	}
	img, r := u.Image, &u.Sum.Refs[w.from]
	c := cause{unit: w.unit, how: Address}
	if hit&0xffff != 0 {
		g.addrOff(img, r.A, r.Off, c)
	}
	if hit>>back != 0 || r.Reg&summary.Back != 0 && hit&0xffff != 0 {
		g.wide(img, r.A, c)
	}
}

// consume records that unit id consumes registers.
func (g *Graph) consume(id UnitID, regs uint32) {
	a := g.args.at(id)
	regs &^= a.used
	if regs == 0 {
		return
	}
	a.used |= regs
	before := len(g.ready) // what is woken may consume in turn
	last := waiterID(0)
	for i := a.first; i != 0; {
		w := g.waiters.at(i)
		next := w.next
		if hit := regs & w.mask; hit != 0 {
			g.ready = append(g.ready, ready{*w, hit})
			w.mask &^= hit
		}
		if w.mask != 0 {
			last = i
		} else {
			if last == 0 {
				a.first = next
			} else {
				g.waiters.at(last).next = next
			}
			w.next, g.waiters.free = g.waiters.free, i
		}
		i = next
	}
	a.last = last
	if l := g.ready[before:]; len(l) > 1 {
		order := func(a, b ready) int { return a.w.before(&b.w) }
		if !slices.IsSortedFunc(l, order) { // some waited only when it was wanted
			slices.SortFunc(l, order)
		}
	}
	for i := before; i < len(g.ready); i++ {
		r := g.ready[i]
		for i+1 < len(g.ready) && r.w.before(&g.ready[i+1].w) == 0 {
			i++
			r.hit |= g.ready[i].hit
		}
		g.wake(r.w, r.hit)
	}
	g.ready = g.ready[:before]
}
