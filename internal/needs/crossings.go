package needs

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Crossing is a function of a compartment that others come to.
type Crossing struct {
	Unit Unit
	Ways []Way
	From []int // compartments that call it directly, -1 for a transparent library
}

// Way says how control comes to a crossing.
type Way uint8

// Ways. Those from Callback on are of functions whose address is visible: who has it may call it.
const (
	Call     Way = iota // a direct call
	TailCall            // a jump: it returns to the caller of who jumps
	Callback            // code passes its address to a function
	Table               // a word of data holds its address
	Taken               // code has its address, and does something else with it
)

func (w Way) String() string {
	return [...]string{"call", "tail call", "callback", "table", "pointer"}[w]
}

// addresses are the addresses of code that are visible, by how.
type addresses map[uint64][]Way

func (a addresses) add(addr uint64, w Way) {
	if !slices.Contains(a[addr], w) {
		a[addr] = append(a[addr], w)
	}
}

// visible finds the addresses of code that live code and data hold. What only looks like an address counts, as it
// does in package reach.
func (r *Result) visible() addresses {
	g, out := r.Graph, addresses{}
	exec := g.Image.File.Exec
	for u := range g.Units {
		for _, ref := range g.Reach.Unit(u).Sum.Refs {
			switch {
			case ref.Kind == summary.RefPass && exec(ref.A), ref.Kind == summary.RefPassSlot && exec(ref.A):
				out.add(ref.A, Callback)
			case ref.Kind == summary.RefAddr && exec(ref.A):
				out.add(ref.A, Taken)
			case ref.Kind == summary.RefStore && exec(ref.B):
				out.add(ref.B, Taken)
			}
		}
	}
	for _, s := range g.Image.File.Sections {
		if s.X || s.NoBits || s.Start >= s.End {
			continue
		}
		data := g.Image.File.Bytes(s.Start)
		data = data[:min(uint64(len(data)), s.End-s.Start)]
		for at := -s.Start & 7; at+8 <= uint64(len(data)); at += 8 {
			if v := binary.LittleEndian.Uint64(data[at:]); exec(v) {
				out.add(v, Table)
			}
		}
	}
	return out
}

// branches are the targets of the direct calls and jumps of a function.
func (r *Result) branches(f *unikernel.Func) addresses {
	out := addresses{}
	var in x86.Inst
	code := r.Image.File.Bytes(f.Addr)
	code = code[:min(uint64(len(code)), f.Size)]
	for at := 0; at < len(code); at += int(in.Len) {
		if !x86.Decode(code[at:], f.Addr+uint64(at), &in) {
			in.Len = 1
			continue
		}
		switch in.Op {
		case x86.OpCall:
			out.add(uint64(in.Imm), Call)
		case x86.OpJmp, x86.OpJcc:
			out.add(uint64(in.Imm), TailCall)
		}
	}
	return out
}

// direct says how the code of a function comes to an address. A call through a register, or from a part of the function that
// lies elsewhere, is not among its branches; it is taken for a call.
func (r *Result) direct(known map[*unikernel.Func]addresses, from Unit, to uint64) []Way {
	f := r.Graph.Func(from)
	if f == nil {
		return []Way{Call}
	}
	if known[f] == nil {
		known[f] = r.branches(f)
	}
	if ways := known[f][to]; len(ways) > 0 {
		return ways
	}
	return []Way{Call}
}

// crossings finds the functions where control comes into a compartment.
func (r *Result) crossings() {
	g := r.Graph
	type key struct {
		from int // -2: who has its address
		way  Way
	}
	into, known := map[Unit][]key{}, map[*unikernel.Func]addresses{}
	add := func(to Unit, from int, ways []Way) {
		for _, w := range ways {
			if k := (key{from, w}); !slices.Contains(into[to], k) {
				into[to] = append(into[to], k)
			}
		}
	}
	for u := range g.Units {
		c, clear := r.Of(u)
		if clear {
			c = -1
		}
		for _, e := range g.Out[u] {
			to, toClear := r.Of(e.To)
			if toClear || to == c {
				continue
			}
			add(e.To, c, r.direct(known, u, g.Reach.Unit(e.To).Entry))
		}
	}
	visible := r.visible()
	for u := range g.Units {
		c, clear := r.Of(u)
		if clear && !r.Plan.Compartments[c].Transparent || g.Dispatches(u) {
			continue
		}
		if _, entry := g.Entries[u]; entry {
			continue
		}
		if g.Taken(u) {
			ways := visible[g.Reach.Unit(u).Entry]
			if len(ways) == 0 {
				ways = []Way{Taken}
			}
			add(u, -2, ways)
		}
		keys := into[u]
		if len(keys) == 0 {
			continue
		}
		x := Crossing{Unit: u}
		for _, k := range keys {
			if !slices.Contains(x.Ways, k.way) {
				x.Ways = append(x.Ways, k.way)
			}
			if k.from > -2 && !slices.Contains(x.From, k.from) {
				x.From = append(x.From, k.from)
			}
		}
		slices.Sort(x.Ways)
		slices.Sort(x.From)
		r.Details[c].Crossings = append(r.Details[c].Crossings, x)
		f := g.Func(u)
		if f == nil || f.Addr != g.Reach.Unit(u).Entry || r.Plan.Compartments[c].Transparent {
			continue
		}
		r.Plan.Gates = append(r.Plan.Gates, compartment.Gate{Func: f.Name, Addr: f.Addr, Size: f.Size, To: compartment.ID(c)})
	}
	r.enterInside(known)
	for c := range r.Details {
		slices.SortFunc(r.Details[c].Crossings, func(a, b Crossing) int {
			return cmp.Compare(g.Reach.Unit(a.Unit).Entry, g.Reach.Unit(b.Unit).Entry)
		})
	}
	slices.SortFunc(r.Plan.Gates, func(a, b compartment.Gate) int { return cmp.Compare(a.Addr, b.Addr) })
}
