package callgraph

import (
	"encoding/binary"

	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

// starting finds the functions with which the image starts: the one that boot loaders enter, and those that it goes on in by jumps, to which no other code refers. Nothing
// comes back to them (assumption start). The address of the first may be about nonetheless, as it is where the text begins: FlexOS keeps it in
// descriptions of memory. What starts an image sets up a stack of its own and calls main in the end, so that who came to it
// would need all that main does.
//
// Other code that calls or jumps to the first one, or has an address in the middle of it, says that the assumption is wrong; there are no such functions then. (In data, the
// text's address has other bits in page tables, and what starts an image has places of its own there.) To those that it goes on in, nothing else may refer, neither code nor data, or
// they are none of them: so it does no harm that 16 and 32-bit code is decoded as if it were 64-bit code.
func (g *Graph) starting() {
	g.start = map[*unikernel.Func]bool{}
	first := g.Image.At(g.Image.Start())
	if first == nil || first.Addr != g.Image.Start() {
		return
	}
	in := map[*unikernel.Func]bool{first: true}
	if !g.alone(first, in, true) {
		return
	}
	for queue := []*unikernel.Func{first}; len(queue) > 0; queue = queue[1:] {
		f := queue[0]
		var inst x86.Inst
		for pc := f.Addr; pc < f.End() && x86.Decode(g.Image.File.Bytes(pc), pc, &inst); pc += uint64(inst.Len) {
			if inst.Op != x86.OpJmp && inst.Op != x86.OpJcc {
				continue
			}
			to := g.Image.At(uint64(inst.Imm))
			if to == nil || in[to] || to.Addr != uint64(inst.Imm) {
				continue
			}
			in[to] = true
			if !g.alone(to, in, false) {
				delete(in, to)
				continue
			}
			queue = append(queue, to)
		}
	}
	g.start = in
}

// alone reports whether only functions of a set refer to a function of it, and nothing in data does, but for the first.
func (g *Graph) alone(f *unikernel.Func, in map[*unikernel.Func]bool, first bool) bool {
	other := func(addr uint64, direct bool) bool {
		return addr >= f.Addr && addr < f.End() && !(first && !direct && addr == f.Addr)
	}
	for u := range g.Units {
		if in[g.Func(u)] {
			continue
		}
		for _, e := range g.Out[u] {
			if other(g.Reach.Unit(e.To).Entry, true) {
				return false
			}
		}
		for i := range g.Reach.Unit(u).Sum.Refs {
			switch r := &g.Reach.Unit(u).Sum.Refs[i]; r.Kind {
			case summary.RefCode:
				if other(r.A, true) {
					return false
				}
			case summary.RefStore:
				if other(r.B, false) {
					return false
				}
			default:
				if other(r.A, false) {
					return false
				}
			}
		}
	}
	for _, s := range g.Image.File.Sections {
		if first || s.X || s.NoBits || s.Start >= s.End {
			continue
		}
		data := g.Image.File.Bytes(s.Start)
		data = data[:min(uint64(len(data)), s.End-s.Start)]
		for i := 0; i+8 <= len(data); i++ {
			if other(binary.LittleEndian.Uint64(data[i:]), false) {
				return false
			}
		}
	}
	return true
}

// Starts reports whether a unit is of the functions with which the image starts.
func (g *Graph) Starts(u Unit) bool { return g.start[g.Func(u)] }
