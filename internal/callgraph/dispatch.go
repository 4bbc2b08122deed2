package callgraph

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// dispatch replaces calls of dispatchers by calls of what they call.
func (g *Graph) dispatch() {
	var ds []Unit
	for u := range g.dispatcher {
		ds = append(ds, u)
	}
	slices.Sort(ds)
	byNumber := map[int][]Unit{}
	for u, e := range g.Entries {
		if e.Form != Body {
			byNumber[e.Number] = append(byNumber[e.Number], u)
		}
	}
	for n := range byNumber {
		slices.Sort(byNumber[n])
	}
	for _, d := range ds {
		addr := g.Reach.Unit(d).Entry
		var via []Unit // who calls it
		for _, c := range g.Reach.Callers(d) {
			if !slices.Contains(via, c.Unit) {
				via = append(via, c.Unit)
			}
		}
		f, _ := facts().of("dispatch", g.factName(d))
		ans := number.Parameter(g.Reach, d, g.numberIn(d, f))
		calls := map[Unit][]uint64{}
		for _, w := range via {
			calls[w] = []uint64{}
		}
		toEntries := func(nr int) []Unit { return g.sameForm(byNumber[nr], d) }
		g.through(ans, toEntries, func(u Unit) bool { return slices.Contains(via, u) })
		for _, c := range ans.Calls {
			if c.ABI != sysno.X86_64 {
				continue // no such call: -ENOSYS
			}
			for _, to := range g.sameForm(byNumber[c.Nr], d) {
				entry := g.Reach.Unit(to).Entry
				g.kinds[[2]Unit{c.Unit, to}] = Dispatch
				if list, ok := calls[c.Unit]; ok {
					calls[c.Unit] = append(list, entry)
					g.Makes[c.Unit] = append(g.Makes[c.Unit], Made{c.Nr, to})
					continue
				}
				g.call(c.Unit, to)
			}
		}
		for _, x := range ans.Unknown {
			if x.Unit == d {
				continue // whoever calls it through a pointer comes to all that it calls
			}
			if g.behind(x.Unit, byNumber, d) {
				continue
			}
			if !g.Dispatches(x.Unit) {
				g.Unresolved = append(g.Unresolved, Unresolved{x.Unit, x.PC, "number", "a system call with an unknown number: " + x.Why + "; it may be any", false})
			}
			if list, ok := calls[x.Unit]; ok {
				calls[x.Unit] = append(list, addr)
			} else {
				g.call(x.Unit, d)
			}
		}
		for w, list := range calls {
			from := g.Reach.Unit(w).Entry
			if g.instead[from] == nil {
				g.instead[from] = map[uint64][]uint64{}
			}
			g.instead[from][addr] = list
		}
	}
}

// behind handles a unit that gets its number from memory that another one filled
// from a register (facts.txt, number), and reports whether it is one: who calls that one with a known number
// makes the call.
func (g *Graph) behind(u Unit, byNumber map[int][]Unit, d Unit) bool {
	f, ok := facts().of("number", g.factName(u))
	if !ok {
		return false
	}
	x := g.Image.Named(f.args[0])
	if x == nil {
		return false
	}
	filler, live := g.Reach.Lookup(0, x.Addr)
	if !live {
		return false
	}
	ans := number.Parameter(g.Reach, filler, registers[f.args[1]])
	if len(ans.Unknown) > 0 {
		return false
	}
	for _, c := range ans.Calls {
		for _, to := range g.sameForm(byNumber[c.Nr], d) {
			g.kinds[[2]Unit{c.Unit, to}] = Dispatch
			g.call(c.Unit, to)
			g.Makes[u] = append(g.Makes[u], Made{c.Nr, to})
		}
	}
	return true
}

// call adds a call that the code of a unit does not show.
func (g *Graph) call(from, to Unit) {
	a := g.Reach.Unit(from).Entry
	if t := g.Reach.Unit(to).Entry; !slices.Contains(g.extra[a], t) {
		g.extra[a] = append(g.extra[a], t)
	}
}

// factName is the symbol of a unit that a fact is about.
func (g *Graph) factName(u Unit) string {
	addr := g.Reach.Unit(u).Entry
	best := g.Name(u)
	if _, ok := facts().exact[best]; ok {
		return best
	}
	for s := range g.Image.File.FullSymbols {
		if s.Value == addr {
			if _, ok := facts().exact[s.Name]; ok {
				return s.Name
			}
		}
	}
	return best
}

// sameForm picks the entries that a dispatcher calls: those that return as it does, if there are any.
func (g *Graph) sameForm(entries []Unit, d Unit) []Unit {
	want := EntryE
	if strings.HasSuffix(g.factName(d), "_r") {
		want = EntryR
	}
	var out []Unit
	for _, u := range entries {
		if g.Entries[u].Form == want {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return entries
	}
	return out
}

// numberIn returns the register that a dispatcher takes the number from. That of some
// versions is not their first argument, but what is in rax on entry: they
// save rax as the number before all else.
func (g *Graph) numberIn(d Unit, f fact) x86.Reg {
	if r, ok := registers[f.args[0]]; ok {
		return r
	}
	pc := g.Reach.Unit(d).Entry
	var in x86.Inst
	for range 32 {
		if !x86.Decode(g.Image.File.Bytes(pc), pc, &in) {
			break
		}
		switch in.Op {
		case x86.OpCmp:
			if in.Dst == x86.RAX && in.Flags&x86.FlagImm != 0 {
				return x86.RAX
			}
			return x86.RDI
		case x86.OpPush:
			if in.Src == x86.RAX {
				return x86.RAX
			}
		case x86.OpCall, x86.OpCallInd, x86.OpJmp, x86.OpJmpInd, x86.OpJcc, x86.OpRet:
			return x86.RDI
		}
		if in.Def>>x86.RAX&1 != 0 {
			return x86.RDI
		}
		pc += uint64(in.Len)
	}
	return x86.RDI
}

// through notes which units make calls with numbers that they get from their callers: wrappers, of which site says
// yes since the call is in their code, and those between a wrapper and where the number is known.
func (g *Graph) through(ans *number.Answer, entries func(nr int) []Unit, site func(Unit) bool) {
	for u, t := range ans.Through {
		if g.Dispatches(u) {
			continue
		}
		g.PassesAny[u] = g.PassesAny[u] || t.Unknown
		for _, c := range t.Calls {
			if c.ABI != sysno.X86_64 {
				continue
			}
			for _, to := range entries(c.Nr) {
				g.Passes[u] = append(g.Passes[u], Made{c.Nr, to})
				if site(u) {
					g.Makes[u] = append(g.Makes[u], Made{c.Nr, to})
				}
			}
		}
	}
}

// traps adds the calls of syscall instructions. Their handler serves whoever made them, as a dispatcher does, so that it makes no call
// of its own. An image that has one, and no such instruction, has it for code that is loaded when it runs.
func (g *Graph) traps() {
	if !g.Handler {
		return
	}
	all := g.served()
	ans := number.SolveThrough(g.Reach)
	if ans.Sites == 0 {
		u := all[0]
		g.Unresolved = append(g.Unresolved, Unresolved{u, g.Reach.Unit(u).Entry, "loaded-code",
			"the image handles syscall instructions and has none itself: what programs that it loads call is not found", true})
	}
	entries := func(nr int) (out []Unit) {
		for u, e := range g.Entries {
			if e.Number == nr && e.Form == EntryR {
				out = append(out, u)
			}
		}
		return out
	}
	at := map[Unit]bool{} // where the instructions are
	for _, c := range ans.Calls {
		at[c.In] = true
		if c.ABI != sysno.X86_64 {
			continue
		}
		for _, u := range entries(c.Nr) {
			g.call(c.Unit, u)
			g.kinds[[2]Unit{c.Unit, u}] = Trap
			g.Makes[c.In] = append(g.Makes[c.In], Made{c.Nr, u})
		}
	}
	g.through(ans, entries, func(u Unit) bool { return at[u] })
	for _, x := range ans.Unknown {
		g.Unresolved = append(g.Unresolved, Unresolved{x.Unit, x.PC, "number", "a syscall instruction with an unknown number: " + x.Why + "; it may be any", false})
		for _, h := range all {
			g.call(x.Unit, h)
			g.kinds[[2]Unit{x.Unit, h}] = Trap
		}
	}
}

// served returns what makes the calls of syscall instructions, whatever their number: what handlers call that dispatches, or
// the handlers themselves. Handlers are not followed to what they call: who makes a call by an instruction is.
func (g *Graph) served() []Unit {
	var handlers, out []Unit
	for u := range g.handlers {
		handlers = append(handlers, u)
	}
	slices.Sort(handlers)
	for _, h := range handlers {
		from := g.Reach.Unit(h).Entry
		for i := range g.Reach.Unit(h).Sum.Refs {
			r := &g.Reach.Unit(h).Sum.Refs[i]
			if r.Kind != summary.RefCode {
				continue
			}
			for _, to := range g.Reach.Callees(h, r, nil) {
				if !g.dispatcher[to] && !g.servers[to] {
					continue
				}
				if g.instead[from] == nil {
					g.instead[from] = map[uint64][]uint64{}
				}
				g.instead[from][r.A] = []uint64{}
				if !slices.Contains(out, to) {
					out = append(out, to)
				}
			}
		}
	}
	if len(out) == 0 {
		return handlers
	}
	return out
}
