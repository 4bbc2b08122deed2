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
}

// Result is what is known of one group.
type Result struct {
	Executes  []Call
	Needs     []Need
	Functions int  // live units
	Reached   int  // units that control comes to
	Unknown   int  // sites that control comes to, whose number is not known
	Clear     bool // all its code is transparent
}

// Find finds what each group executes and needs. keeps says by unit whether a number that is known there
// may be kept in memory.
func Find(g *reach.Graph, ans *number.Answer, a *Assignment, n int, keeps []bool) []Result {
	calls := g.Forward()
	out := make([]Result, n)
	roots, clear := make([][]reach.UnitID, n), make([][]reach.UnitID, n)
	var visible []reach.UnitID
	for i := 1; i < len(g.Units); i++ {
		id := reach.UnitID(i)
		if !g.Live(id) {
			continue
		}
		u := &g.Units[id]
		if g.Entered(id) || u.How == reach.Resolver {
			if !entry(g, u) {
				visible = append(visible, id)
			}
		}
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
		all := closure(g, calls, roots[c], visible)
		direct := closure(g, calls, roots[c], nil)
		for _, is := range all {
			if is {
				out[c].Reached++
			}
		}
		needs, executes := map[Call]bool{}, map[Call]bool{}
		for _, x := range ans.Calls {
			k := Call{x.ABI, x.Nr}
			if all[x.In] && (all[x.Unit] || keeps[x.Unit]) {
				needs[k] = needs[k] || direct[x.In] && direct[x.Unit]
			}
			if a.Group[g.Units[x.In].Image] == c || a.Group[g.Units[x.Unit].Image] == c {
				executes[k] = true
			}
		}
		for _, x := range ans.Unknown {
			if all[x.In] && (all[x.Unit] || keeps[x.Unit]) {
				out[c].Unknown++
			}
		}
		restart(needs)
		for k := range executes {
			out[c].Executes = append(out[c].Executes, k)
		}
		for k, d := range needs {
			out[c].Needs = append(out[c].Needs, Need{k, d})
		}
		slices.SortFunc(out[c].Executes, compare)
		slices.SortFunc(out[c].Needs, func(x, y Need) int { return compare(x.Call, y.Call) })
	}
	return out
}

func compare(x, y Call) int { return cmp.Or(cmp.Compare(x.ABI, y.ABI), cmp.Compare(x.Nr, y.Nr)) }

// entry reports whether only the kernel enters a unit: with a stack that nobody else makes.
func entry(g *reach.Graph, u *reach.Unit) bool {
	m := g.Members[u.Image]
	return u.How == reach.Root && !u.Handed && u.Entry == m.Entry && (u.Image == 0 || m.Origin == process.OriginLoader)
}

// restart adds the call that the kernel makes when an interrupted one goes on.
func restart(needs map[Call]bool) {
	nr, ok := sysno.Number(sysno.X86_64, "restart_syscall")
	if !ok {
		return
	}
	for k, direct := range needs {
		if r := (Call{sysno.X86_64, nr}); k.ABI == sysno.X86_64 && k != r && sysno.Restarts(k.Nr) {
			needs[r] = needs[r] || direct
		}
	}
}

// closure returns by unit whether control comes to it from roots; if one of them goes through pointers, to
// those that are visible.
func closure(g *reach.Graph, calls *reach.Forward, roots, visible []reach.UnitID) []bool {
	seen := make([]bool, len(g.Units))
	var queue []reach.UnitID
	add := func(id reach.UnitID) {
		if !seen[id] {
			seen[id] = true
			queue = append(queue, id)
		}
	}
	for _, id := range roots {
		add(id)
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, to := range calls.Callees(id) {
			add(to)
		}
		if visible != nil && pointers(g.Units[id].Sum) {
			for _, to := range visible {
				add(to)
			}
			visible = nil
		}
	}
	return seen
}

// pointers reports whether code of a unit goes through a pointer, or through a slot that the loader may bind late: its
// resolver, too, is code whose address is visible.
func pointers(s *summary.Unit) bool {
	return s != nil && (s.Indirect || slices.ContainsFunc(s.Refs, func(r summary.Ref) bool { return r.Kind == summary.RefCallSlot }))
}
