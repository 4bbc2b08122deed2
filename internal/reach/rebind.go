package reach

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
)

// growing is a relocation that is live, with a symbol that modules which come later may define.
type growing struct {
	img int
	r   image.Reloc
	c   cause
}

// rebind follows again what refers to symbols that images which have come since define: a module may use what another
// one brings that is opened after it. It reports whether there are any.
func (g *Graph) rebind() bool {
	besides := g.P.Besides()
	for _, t := range besides {
		g.symbol(t, 0, cause{how: Symbol}, "for a module that is opened apart from the program")
	}
	refs := g.P.Changed()
	if len(refs) == 0 {
		return len(besides) > 0
	}
	g.sync()
	changed, in := map[process.Ref]bool{}, make([]bool, len(g.Members))
	for _, r := range refs {
		changed[r], in[r.Image] = true, true
	}
	live := g.growing
	g.growing = nil
	for _, x := range live {
		if changed[process.Ref{Image: x.img, Sym: int(x.r.Sym)}] {
			g.reloc(x.img, x.r, x.c)
		} else {
			g.growing = append(g.growing, x)
		}
	}
	for id := UnitID(1); int(id) < g.NumUnits(); id++ {
		img := g.Unit(id).Image
		if !in[img] || !g.args.at(id).followed || !g.Live(id) {
			continue
		}
		grew := func(slot uint64) bool {
			sym := g.Members[img].boundTo(slot)
			return sym != 0 && changed[process.Ref{Image: img, Sym: sym}]
		}
		g.reached.asked = false
		sum := g.Unit(id).Sum
		for i := range sum.Refs {
			r := &sum.Refs[i]
			switch {
			case r.Kind == summary.RefCallSlot && grew(r.A):
				g.ref(id, r, int32(i))
				if int(id) < g.indexed {
					g.indexGrown(id, i)
				}
			case r.Kind == summary.RefPassSlot && grew(r.B):
				g.ref(id, r, int32(i))
			}
		}
		if slices.ContainsFunc(sum.Passes, func(p summary.ArgPass) bool { return p.Moves.Slot() && grew(p.Callee) }) {
			g.passOn(wanted{id, g.args.at(id).wanted, 0, uint32(len(sum.Passes))})
			g.settle()
		}
	}
	return true
}
