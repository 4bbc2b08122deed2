package groups

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// transparentByDefault are the sonames of C libraries; the loader is transparent as well.
var transparentByDefault = []string{"libc.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libc.musl-x86_64.so.1"}

// Assignment says where the files of a process are.
type Assignment struct {
	Group       []int  // by image
	Transparent []bool // by image
}

// Assign puts the files of a process into groups.
func (f *File) Assign(p *process.Process) (*Assignment, error) {
	a := &Assignment{make([]int, len(p.Images)), make([]bool, len(p.Images))}
	for i, g := range f.Groups {
		if g.Default {
			for m := range a.Group {
				a.Group[m] = i
			}
		}
	}
	named := map[int]Name{}
	for i, g := range f.Groups {
		for _, name := range g.Libraries {
			found := match(p, name.Text)
			if len(found) == 0 {
				return nil, unknown(p, name)
			}
			for _, m := range found {
				if other, twice := named[m]; twice && a.Group[m] != i {
					return nil, &Error{name.Pos, fmt.Sprintf("library %q is already in compartment %q, as %q", name.Text, f.Groups[a.Group[m]].Name, other.Text)}
				}
				named[m] = name
				a.Group[m] = i
			}
		}
	}
	for _, name := range f.Transparent {
		found := match(p, name.Text)
		if len(found) == 0 {
			return nil, unknown(p, name)
		}
		for _, m := range found {
			a.Transparent[m] = true
		}
	}
	if !f.Says {
		for i, m := range p.Images {
			a.Transparent[i] = m.Origin == process.OriginLoader || slices.Contains(transparentByDefault, m.Soname)
		}
	}
	return a, nil
}

// match returns the files that a name stands for: a soname, a file name or a path.
func match(p *process.Process, name string) []int {
	var out []int
	for i, m := range p.Images {
		if m.Soname == name || m.Path == name || m.Path[strings.LastIndexByte(m.Path, '/')+1:] == name {
			out = append(out, i)
		}
	}
	return out
}

func unknown(p *process.Process, name Name) error {
	var has []string
	for _, m := range p.Images {
		n := m.Path[strings.LastIndexByte(m.Path, '/')+1:]
		if m.Soname != "" {
			n = strings.Clone(m.Soname)
		}
		if !slices.Contains(has, n) {
			has = append(has, n)
		}
	}
	slices.Sort(has)
	return &Error{name.Pos, fmt.Sprintf("library %q is not in the process, which has %s", name.Text, strings.Join(has, ", "))}
}

// Call is a call of an ABI.
type Call struct {
	ABI sysno.ABI
	Nr  int
}

// Need is a call that a group needs.
type Need struct {
	Call
	Direct bool // direct calls alone lead to it
	Via    []Step
}

// Step is a unit on a shortest way from the code of a group to where a call is made, and how control comes to it from the one before.
type Step struct {
	Unit reach.UnitID
	How  string // "" for the first, "call", "pointer", or "wrapper": it makes the call with the number of the one before
}

// Crossing is a function of a group that code of others calls directly.
type Crossing struct {
	Unit reach.UnitID
	From []int // groups, ascending; -1 for transparent files
}

// Result is what is known of one group.
type Result struct {
	Executes  []Call
	Needs     []Need
	Functions int  // live units
	Reached   int  // units that control comes to
	Unknown   int  // sites that control comes to, whose number is not known
	Clear     bool // all its code is transparent
	Crossings []Crossing
	Visible   int // of its functions, those that anybody may call who has their address
}

// Find finds what each group executes and needs. keeps says by unit whether a number that is known there
// may be kept in memory.
func Find(g *reach.Graph, ans *number.Answer, a *Assignment, n int, keeps []bool) []Result {
	calls := g.Forward()
	out := make([]Result, n)
	roots, clear := make([][]reach.UnitID, n), make([][]reach.UnitID, n)
	p := callbacks(g)
	for i := 1; i < g.NumUnits(); i++ {
		id := reach.UnitID(i)
		if !g.Live(id) {
			continue
		}
		u := g.Unit(id)
		c := a.Group[u.Image]
		out[c].Functions++
		if a.Transparent[u.Image] {
			clear[c] = append(clear[c], id)
		} else {
			roots[c] = append(roots[c], id)
		}
	}
	for c := range out {
		if out[c].Clear = len(roots[c]) == 0; out[c].Clear {
			roots[c] = clear[c]
		}
		all := closure(g, calls, roots[c], &p)
		direct := closure(g, calls, roots[c], nil)
		for _, from := range all {
			if from.how != none {
				out[c].Reached++
			}
		}
		needs, executes := map[Call]Need{}, map[Call]bool{}
		for _, x := range ans.Calls {
			k := Call{x.ABI, x.Nr}
			if all[x.In].how != none && (all[x.Unit].how != none || keeps[x.Unit]) {
				n := Need{Call: k, Direct: direct[x.In].how != none && direct[x.Unit].how != none}
				ways := all
				if n.Direct {
					ways = direct
				}
				n.Via = ways.chain(x)
				if old, ok := needs[k]; !ok || better(&n, &old) {
					needs[k] = n
				}
			}
			if a.Group[g.Unit(x.In).Image] == c || a.Group[g.Unit(x.Unit).Image] == c {
				executes[k] = true
			}
		}
		for _, x := range ans.Unknown {
			if all[x.In].how != none && (all[x.Unit].how != none || keeps[x.Unit]) {
				out[c].Unknown++
			}
		}
		restart(needs)
		for k := range executes {
			out[c].Executes = append(out[c].Executes, k)
		}
		for _, n := range needs {
			out[c].Needs = append(out[c].Needs, n)
		}
		slices.SortFunc(out[c].Executes, compare)
		slices.SortFunc(out[c].Needs, func(x, y Need) int { return compare(x.Call, y.Call) })
	}
	crossings(g, calls, a, out, p.visible)
	return out
}

func compare(x, y Call) int { return cmp.Or(cmp.Compare(x.ABI, y.ABI), cmp.Compare(x.Nr, y.Nr)) }

// entry reports whether only the kernel enters a unit: with a stack that nobody else makes.
func entry(g *reach.Graph, u *reach.Unit) bool {
	m := g.Members[u.Image]
	return u.How == reach.Root && !u.Handed && u.Entry == m.Entry && (u.Image == 0 || m.Origin == process.OriginLoader)
}

// restart adds the call that the kernel makes when an interrupted one goes on.
func restart(needs map[Call]Need) {
	nr, ok := sysno.Number(sysno.X86_64, "restart_syscall")
	if !ok {
		return
	}
	r := Call{sysno.X86_64, nr}
	for k, n := range needs {
		if k.ABI != sysno.X86_64 || k == r || !sysno.Restarts(k.Nr) {
			continue
		}
		n.Call = r
		if old, ok := needs[r]; !ok || better(&n, &old) {
			needs[r] = n
		}
	}
}

// better reports whether one reason for a call is to be shown rather than another: a direct one, a shorter one, the first.
func better(x, y *Need) bool {
	if x.Direct != y.Direct {
		return x.Direct
	}
	return slices.CompareFunc(x.Via, y.Via, func(a, b Step) int { return cmp.Compare(a.Unit, b.Unit) }) < 0 && len(x.Via) == len(y.Via) || len(x.Via) < len(y.Via)
}

// How control comes to a unit first.
const (
	none uint8 = iota
	root
	call
	pointer
)

// arrival says how control comes to a unit, and from which.
type arrival struct {
	from reach.UnitID
	how  uint8
}

// arrivals are those of a closure, by unit.
type arrivals []arrival

// chain is the way to where a call is made.
func (w arrivals) chain(x number.Call) []Step {
	var out []Step
	add := func(id reach.UnitID, how string) {
		for {
			a := w[id]
			if how == "" {
				how = [...]string{"", "", "call", "pointer"}[a.how]
			}
			out = append(out, Step{id, how})
			if a.from == 0 {
				break
			}
			id, how = a.from, ""
		}
	}
	if x.In != x.Unit && w[x.Unit].how != none {
		out = append(out, Step{x.In, "wrapper"})
		add(x.Unit, "")
	} else {
		add(x.In, "")
	}
	slices.Reverse(out)
	return out
}

// closure returns by unit how control comes to it from roots, the shortest way; if one of them goes through pointers, to
// those that are visible.
func closure(g *reach.Graph, calls *reach.Forward, roots []reach.UnitID, p *pointed) arrivals {
	var visible []reach.UnitID
	var borrowed map[reach.UnitID][]reach.UnitID
	if p != nil {
		visible, borrowed = p.visible, p.borrowed
	}
	seen := make(arrivals, g.NumUnits())
	var queue []reach.UnitID
	add := func(id, from reach.UnitID, how uint8) {
		if seen[id].how == none {
			seen[id] = arrival{from, how}
			queue = append(queue, id)
		}
	}
	for _, stubs := range []bool{false, true} { // a chain begins in a stub only if nothing comes to that
		for _, id := range roots {
			if stub(g, id) == stubs {
				add(id, 0, root)
			}
		}
		for ; len(queue) > 0; queue = queue[1:] {
			id := queue[0]
			for _, to := range calls.Callees(id) {
				add(to, id, call)
			}
			for _, to := range borrowed[id] {
				add(to, id, pointer)
			}
			if visible != nil && pointers(g.Unit(id).Sum) {
				for _, to := range visible {
					add(to, id, pointer)
				}
				visible = nil
			}
		}
	}
	return seen
}

// crossings finds the functions of groups that code of other groups calls. A stub through which a file calls others is part of who calls it.
func crossings(g *reach.Graph, calls *reach.Forward, a *Assignment, out []Result, visible []reach.UnitID) {
	for _, id := range visible {
		out[a.Group[g.Unit(id).Image]].Visible++
	}
	into := map[reach.UnitID][]int{}
	for i := 1; i < g.NumUnits(); i++ {
		if !g.Live(reach.UnitID(i)) {
			continue
		}
		img := g.Unit(reach.UnitID(i)).Image
		from := a.Group[img]
		if a.Transparent[img] {
			from = -1
		}
		for _, to := range calls.Callees(reach.UnitID(i)) {
			m := g.Unit(to).Image
			if m != img && !a.Transparent[m] && a.Group[m] != from && !slices.Contains(into[to], from) {
				into[to] = append(into[to], from)
			}
		}
	}
	for id, from := range into {
		slices.Sort(from)
		c := &out[a.Group[g.Unit(id).Image]]
		c.Crossings = append(c.Crossings, Crossing{id, from})
	}
	for c := range out {
		slices.SortFunc(out[c].Crossings, func(x, y Crossing) int {
			return cmp.Or(cmp.Compare(g.Unit(x.Unit).Image, g.Unit(y.Unit).Image), cmp.Compare(g.Unit(x.Unit).Entry, g.Unit(y.Unit).Entry))
		})
	}
}

// pointers reports whether code of a unit goes through a pointer, or through a slot that the loader may bind late: its
// resolver, too, is code whose address is visible.
func pointers(s *summary.Unit) bool {
	return s != nil && (s.Indirect || slices.ContainsFunc(s.Refs, func(r summary.Ref) bool { return r.Kind == summary.RefCallSlot }))
}
