package gate

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// candidates tells quickly which rows about an image may be about a unit of it: the C library has a hundred rows, of which
// few functions have anything. Rows are given by their places in Keeper.rows.
type candidates struct {
	at      codeRows         // about functions of a name: by entry
	calls   codeRows         // by what the function must call, or pass an address to
	slots   map[uint64][]int // by the slot of what it must import
	texts   [256][]int       // by the first byte of a text that it must refer to
	text    bool             // there are some of these
	numbers []int            // about functions that make calls themselves
	rest    []int
	found   []int // memory of of
}

// codeRows are rows by an address of code. Most addresses have none, which a bit tells.
type codeRows struct {
	rows map[uint64][]int
	some [64]uint64
}

func (p *codeRows) add(a uint64, row int) {
	p.rows[a] = append(p.rows[a], row)
	p.some[a>>10&63] |= 1 << (a >> 4 & 63)
}

func (p *codeRows) get(a uint64) []int {
	if p.some[a>>10&63]>>(a>>4&63)&1 == 0 {
		return nil
	}
	return p.rows[a]
}

// candidates returns those of an image.
func (k *Keeper) candidates(g *reach.Graph, img int) *candidates {
	if c := k.index[img]; c != nil {
		return c
	}
	c := &candidates{slots: map[uint64][]int{}}
	c.at.rows, c.calls.rows = map[uint64][]int{}, map[uint64][]int{}
	k.index[img] = c
	for i, r := range k.rows(img) {
		f := r.function[0]
		if len(f.names) == 0 {
			c.rest = append(c.rest, i)
			continue
		}
		switch first := f.names[0]; f.how {
		case "name":
			for _, n := range f.names {
				for _, e := range k.exported(img).named(n) {
					c.at.add(e.addr, i)
				}
			}
		case "own":
			for a := range k.owned(img).names {
				if k.owned(img).is(a, f.names) {
					c.at.add(a, i)
				}
			}
		case "local":
			for a, l := range k.owned(img).locals {
				if slices.Contains(f.names, l.Name) {
					c.at.add(a, i)
				}
			}
		case "text":
			if first == "" {
				c.rest = append(c.rest, i)
				break
			}
			c.texts[first[0]] = append(c.texts[first[0]], i)
			c.text = true
		case "numbers":
			c.numbers = append(c.numbers, i)
		case "imports":
			for _, s := range k.slotsOf(g, img, first) {
				c.slots[s] = append(c.slots[s], i)
			}
		case "file", "files", "passes":
			c.rest = append(c.rest, i)
		default: // calls, or a prefix
			for _, e := range k.exported(img).named(first) {
				c.calls.add(e.addr, i)
			}
		}
	}
	if len(c.slots) > 0 {
		c.stubs(g.Members[img].File)
	}
	return c
}

// stubs finds the code that jumps through the slots of rows (entries of the PLT): to call it is to call what they hold.
func (c *candidates) stubs(f *image.File) {
	eachIndirect(f, func(at, word uint64) {
		if c.slots[word] == nil {
			return
		}
		for a := at - 24; a <= at; a++ { // with prefixes, behind endbr64 or another nop
			if s, ok := dataflow.Stub(f, a); ok && s == word {
				for _, row := range c.slots[word] {
					c.calls.add(a, row)
				}
			}
		}
	})
}

// of returns the rows that may be about a unit, in order, valid until the next call.
func (c *candidates) of(g *reach.Graph, id reach.UnitID) []int {
	u, sum := g.Unit(id), g.Full(id)
	m := g.Members[u.Image]
	l := append(c.found[:0], c.rest...)
	l = append(l, c.at.get(u.Entry)...)
	if len(sum.More().Sites) > 0 {
		l = append(l, c.numbers...)
	}
	for i := range sum.Refs {
		r := &sum.Refs[i]
		switch r.Kind {
		case summary.RefCode:
			l = append(l, c.calls.get(r.A)...)
		case summary.RefPass:
			l = append(l, c.calls.get(r.B)...)
		case summary.RefCallSlot:
			l = append(l, c.slots[r.A]...)
		case summary.RefPassSlot:
			l = append(l, c.slots[r.B]...)
		}
		if !c.text {
			continue
		}
		switch r.Kind {
		case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
			if b := m.Bytes(r.A); len(b) > 0 {
				l = append(l, c.texts[b[0]]...)
			}
		}
	}
	slices.Sort(l)
	c.found = l
	return slices.Compact(l)
}
