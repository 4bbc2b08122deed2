package needs

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/pku"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// byKeys finds what compartments execute where memory keys separate them (FlexOS's intel-pku), and so PKRU tells which one it is:
// a compartment executes a call if control can come to its entry with the compartment's value. That is what its code does, and what that calls directly without a gate, also in
// other libraries; what it calls through a gate, the other executes. What the other
// compartments cannot read or write ends it, as the image then faults. A call through a pointer passes no gate: a compartment whose code makes one may come
// to the functions whose addresses are in memory that has a name and that it can read, are stored there, or are referred to by code that runs in it or calls into
// it; the first compartment, to all whose address is visible. What goes another way is not followed (assumption callbacks-with-keys).
func (r *Result) byKeys() {
	g := r.Graph
	n := len(r.Plan.Compartments)
	if n > pku.Tag {
		return // keys cannot tell so many apart
	}
	l := pku.Layout{N: n, Private: r.private}
	for c := range r.Plan.Compartments {
		if r.Plan.Compartments[c].Default {
			l.First = c
		}
	}
	for y := range r.Image.File.FullSymbols {
		switch y.Name {
		case "_intrstack_start":
			l.Stack.Start = y.Value
		case "_end":
			l.Stack.End = y.Value
		}
	}
	nowhere := slices.ContainsFunc(r.Sequences, func(q Sequence) bool { return r.Image.At(q.Addr) == nil }) // in no function that is known
	every := uint32(1)<<n - 1
	read := map[*unikernel.Func]map[uint64]uint32{}
	// ways says in which compartments a function that runs in those of mask calls a target; 0 is any that it has a pointer to.
	ways := func(u Unit, f *unikernel.Func, mask uint32, target uint64) uint32 {
		switch {
		case f == nil && nowhere:
			return every
		case f == nil:
			return mask
		}
		b, ok := read[f]
		if !ok {
			code := r.Image.File.Bytes(f.Addr)
			b = pku.Branches(code[:min(uint64(len(code)), f.Size)], f.Addr, &l)
			for to := range b {
				if x := r.Image.At(to); x != nil && strings.Contains(x.Name, ".cold") {
					b = nil // a part of it, which may call the same
					break
				}
			}
			read[f] = b
		}
		way, ok := b[target]
		switch {
		case b == nil:
			return every
		case g.Reach.Unit(u).Entry != f.Addr: // it may start behind what was followed
			for _, way := range b {
				mask |= way & every
			}
			return mask
		case !ok && target == 0:
			return 0
		case !ok:
			return mask
		}
		to, first := way&every, uint32(1)<<l.First
		if way>>pku.OwnFirst&1 != 0 {
			to |= mask & first
		}
		if way>>pku.OwnOther&1 != 0 {
			to |= mask &^ first
		}
		return to
	}
	in := map[Unit]uint32{} // the compartments that a unit can run in
	var queue []Unit
	add := func(u Unit, mask uint32) {
		if in[u]|mask != in[u] {
			in[u] |= mask
			queue = append(queue, u)
		}
	}
	for u := range g.Units {
		if c, _ := r.Of(u); !r.entry(u) {
			add(u, 1<<c)
		}
	}
	calls := uint32(0)        // compartments that call through pointers
	seen := map[Unit]uint32{} // the compartments that may have its address
	show := func(v Unit, mask uint32) {
		if g.Starts(v) {
			return // where the text begins, and no function that is called
		}
		seen[v] |= mask
		add(v, seen[v]&calls)
	}
	for u := range g.Units {
		if g.Taken(u) {
			show(u, 1<<l.First)
		}
	}
	r.readable(func(u Unit) { show(u, every) })
	for len(queue) > 0 {
		u := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		mask, f := in[u], g.Func(u)
		for _, e := range g.Out[u] {
			add(e.To, ways(u, f, mask, g.Reach.Unit(e.To).Entry))
		}
		// What a function refers to, it may call, and so may who it calls through a gate.
		pointers, shows := ways(u, f, mask, 0), mask
		if f != nil && read[f] == nil {
			shows = every
		} else if f != nil {
			for _, way := range read[f] {
				shows |= way & every
			}
		}
		for _, v := range r.shown(u) {
			show(v, shows)
		}
		for m := pointers &^ calls; m != 0; m &= m - 1 {
			c := bits.TrailingZeros32(m)
			calls |= 1 << c
			for v, to := range seen {
				add(v, to&(1<<c))
			}
		}
	}
	for c := range r.Plan.Compartments {
		r.Plan.Compartments[c].Executes = compartment.Calls{}
	}
	makes := func(u Unit, number int) {
		if number >= 512 {
			return
		}
		for m := in[u]; m != 0; m &= m - 1 {
			r.Plan.Compartments[bits.TrailingZeros32(m)].Executes.Add(number)
		}
	}
	for u, e := range g.Entries {
		makes(u, e.Number)
	}
	for u := range g.Units {
		for _, number := range g.Inlined[u] {
			makes(u, number)
		}
	}
}

// private reports whether memory of the image has the key of the first compartment, as FlexOS lays it out (plat/kvm/x86/link64.lds.S; lib/ukboot/boot.c): all
// of it but sections that are named for others, and what all share.
func (r *Result) private(addr uint64) bool {
	s := r.Image.File.Section(addr)
	if s == nil {
		return false
	}
	for _, name := range []string{".data_comp", ".bss_comp", ".data_shared", ".intrstack", ".tdata", ".tbss"} {
		if strings.HasPrefix(s.Name, name) {
			return false
		}
	}
	return true
}

// shown are the functions whose addresses the code of a unit has.
func (r *Result) shown(u Unit) (out []Unit) {
	g := r.Graph
	add := func(addr uint64) {
		if v, ok := g.Reach.Lookup(0, addr); ok && g.Reach.Live(v) {
			out = append(out, v)
		}
	}
	for _, ref := range g.Reach.Unit(u).Sum.Refs {
		switch ref.Kind {
		case summary.RefPass, summary.RefPassSlot, summary.RefAddr:
			add(ref.A)
		case summary.RefStore:
			add(ref.B)
		}
	}
	return out
}

// readable visits the functions whose addresses are in memory that not only the first compartment reads, or that are stored there.
func (r *Result) readable(visit func(Unit)) {
	g := r.Graph
	at := func(addr uint64) {
		if v, ok := g.Reach.Lookup(0, addr); ok && g.Reach.Live(v) {
			visit(v)
		}
	}
	for _, s := range g.Image.File.Sections {
		if s.X || s.NoBits || s.Start >= s.End || r.private(s.Start) {
			continue
		}
		data := g.Image.File.Bytes(s.Start)
		data = data[:min(uint64(len(data)), s.End-s.Start)]
		for i := -s.Start & 7; i+8 <= uint64(len(data)); i += 8 {
			at(binary.LittleEndian.Uint64(data[i:]))
		}
	}
	for u := range g.Units {
		for _, ref := range g.Reach.Unit(u).Sum.Refs {
			if ref.Kind == summary.RefStore && !r.private(ref.A) {
				at(ref.B)
			}
		}
	}
}
