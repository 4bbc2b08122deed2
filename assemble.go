package gofind

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/dlopen"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// assembly turns what the analysis found into a Result.
type assembly struct {
	p     *process.Process
	g     *reach.Graph
	ans   *number.Answer
	model *dlopen.Model
	opts  Options
	res   *Result
	names map[reach.UnitID]string
}

func (a *assembly) result() *Result {
	a.names = map[reach.UnitID]string{}
	prog := a.p.Images[0]
	a.res = &Result{
		Schema:  "gofind.scan/v1",
		Program: prog.Path,
		SHA256:  prog.SHA256(),
		BuildID: prog.BuildID,
		Since:   "exec",
	}
	a.images()
	a.calls()
	a.unresolved()
	a.stats()
	a.res.Dlopen = a.dlopens()
	a.res.Exec = a.execs()
	a.res.Notes = a.notes()
	a.res.Assumptions = assumptions(a.opts)
	for _, in := range a.p.InputList(a.opts.Workers) {
		a.res.Inputs = append(a.res.Inputs, Input{in.Path, in.Kind, in.SHA256})
	}
	slices.SortFunc(a.res.Inputs, func(x, y Input) int { return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Kind, y.Kind)) })
	a.res.Inputs = slices.Compact(a.res.Inputs)
	a.res.Complete = true
	for _, u := range a.res.Unresolved {
		if u.Open {
			a.res.Complete = false
		}
	}
	fill(&a.res.Images)
	fill(&a.res.Syscalls)
	fill(&a.res.Unresolved)
	fill(&a.res.Dlopen)
	fill(&a.res.Exec)
	fill(&a.res.Notes)
	fill(&a.res.Assumptions)
	fill(&a.res.Inputs)
	return a.res
}

// fill makes a nil slice an empty one, so that JSON says [] and not null.
func fill[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}

var originNames = map[process.Origin]string{
	process.OriginProgram: "program", process.OriginLoader: "loader", process.OriginNeeded: "needed",
	process.OriginPreload: "preload", process.OriginAudit: "audit", process.OriginModule: "module", process.OriginDlopen: "dlopen",
}

func (a *assembly) images() {
	for _, m := range a.p.Images {
		a.res.Images = append(a.res.Images, Image{
			Path: m.Path, Soname: strings.Clone(m.Soname), SHA256: m.SHA256(), BuildID: m.BuildID,
			Origin: originNames[m.Origin], Why: m.Why,
		})
	}
}

func (a *assembly) calls() {
	type key struct {
		abi sysno.ABI
		nr  int
	}
	by := map[key][]number.Call{}
	var keys []key
	for _, c := range a.ans.Calls {
		k := key{c.ABI, c.Nr}
		if by[k] == nil {
			keys = append(keys, k)
		}
		by[k] = append(by[k], c)
	}
	slices.SortFunc(keys, func(x, y key) int { return cmp.Or(cmp.Compare(x.abi, y.abi), cmp.Compare(x.nr, y.nr)) })
	restarts := ""
	for _, k := range keys {
		name, _ := sysno.Name(k.abi, k.nr)
		s := Syscall{Name: name, Number: k.nr, ABI: k.abi.String()}
		best, depth := number.Call{}, 1<<30
		for _, c := range by[k] {
			s.Sites = append(s.Sites, a.site(c))
			if d := a.depth(c.Unit); d < depth {
				best, depth = c, d
			}
		}
		slices.SortFunc(s.Sites, compareSites)
		s.Sites = slices.Compact(s.Sites)
		s.Via = a.via(best)
		a.res.Syscalls = append(a.res.Syscalls, s)
		if k.abi == sysno.X86_64 && restarts == "" && sysno.Restarts(k.nr) {
			restarts = name
		}
	}
	if nr, ok := sysno.Number(sysno.X86_64, "restart_syscall"); ok && restarts != "" {
		s := Syscall{Name: "restart_syscall", Number: nr, ABI: "x86_64", Via: []string{},
			Sites: []Site{{Image: "kernel", Function: "after " + restarts + " is interrupted", Origin: "kernel"}}}
		i, _ := slices.BinarySearchFunc(a.res.Syscalls, s, func(x, y Syscall) int {
			return cmp.Or(cmp.Compare(abiRank(x.ABI), abiRank(y.ABI)), cmp.Compare(x.Number, y.Number))
		})
		a.res.Syscalls = slices.Insert(a.res.Syscalls, i, s)
	}
}

func abiRank(s string) int { return slices.Index([]string{"x86_64", "i386", "x32"}, s) }

func compareSites(x, y Site) int {
	return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(len(x.Address), len(y.Address)), cmp.Compare(x.Address, y.Address), cmp.Compare(x.Function, y.Function))
}

func (a *assembly) site(c number.Call) Site {
	m := a.g.Members[a.g.Units[c.In].Image]
	s := Site{Image: m.Path, Address: hex(c.Site), Function: a.name(c.In), Origin: "program"}
	switch {
	case c.ABI == sysno.X86_64 && sysno.VDSO(c.Nr):
		s.Origin = "vdso"
	case m.Origin == process.OriginLoader:
		s.Origin = "loader"
	case m.Origin == process.OriginModule, m.Origin == process.OriginDlopen:
		s.Origin = "dlopen"
	}
	return s
}

func hex(a uint64) string { return fmt.Sprintf("%#x", a) }

func (a *assembly) depth(id reach.UnitID) int {
	n := 0
	for id != 0 {
		id = a.g.Units[id].Parent
		n++
	}
	return n
}

// via returns the chain of functions from a root to the call.
func (a *assembly) via(c number.Call) []string {
	var out []string
	for id := c.Unit; id != 0; id = a.g.Units[id].Parent {
		u := &a.g.Units[id]
		how := u.How.String()
		if u.Parent == 0 && u.Why != "" {
			how = u.Why
		}
		out = append(out, fmt.Sprintf("%s:%s (%s)", base(a.g.Members[u.Image].Path), a.name(id), how))
	}
	slices.Reverse(out)
	if c.In != c.Unit {
		out = append(out, fmt.Sprintf("%s:%s (wrapper)", base(a.g.Members[a.g.Units[c.In].Image].Path), a.name(c.In)))
	}
	return out
}

// name returns the name of the function that a unit is, or lies in.
func (a *assembly) name(id reach.UnitID) string {
	if s, ok := a.names[id]; ok {
		return s
	}
	u := &a.g.Units[id]
	s := a.nameAt(u.Image, u.Entry)
	a.names[id] = s
	return s
}

func (a *assembly) nameAt(img int, addr uint64) string {
	m := a.g.Members[img]
	if n, off, ok := m.FuncName(addr); ok {
		if off == 0 {
			return strings.Clone(n) // names are borrowed from the mapped file
		}
		return fmt.Sprintf("%s+%#x", n, off)
	}
	return fmt.Sprintf("%s+%#x", base(m.Path), addr)
}

func (a *assembly) unresolved() {
	add := func(u Unresolved) { a.res.Unresolved = append(a.res.Unresolved, u) }
	for _, u := range a.ans.Unknown {
		x := &a.g.Units[u.Unit]
		add(Unresolved{Kind: "number", Image: a.g.Members[x.Image].Path, Address: hex(u.PC), Function: a.name(u.Unit),
			Effect: fmt.Sprintf("%s, so every call of the %s table is possible here", u.Why, u.ABI), Open: true})
	}
	sites := 0
	for id := 1; id < len(a.g.Units); id++ {
		u := &a.g.Units[id]
		if u.Sum == nil {
			continue
		}
		sites += len(u.Sum.Sites)
		for _, gap := range u.Sum.Gaps {
			r := Unresolved{Image: a.g.Members[u.Image].Path, Address: hex(gap.PC), Function: a.name(reach.UnitID(id))}
			switch gap.Kind {
			case summary.GapJump:
				r.Kind, r.Effect = "indirect-jump", "a jump inside the function has unknown targets; all code in its range was taken as reachable from it"
			case summary.GapCode:
				r.Kind, r.Effect = "undecodable", "live code runs into bytes that are no instruction; the path was taken to end there"
			case summary.GapBudget:
				r.Kind, r.Effect = "budget", "the function is too large to be tracked; every address in it was taken as used"
			case summary.GapException:
				r.Kind, r.Effect = "exception-table", "the exception table could not be read; all code in the function was taken as reachable"
			}
			add(r)
		}
	}
	if sites == 0 {
		add(Unresolved{Kind: "no-syscalls", Image: a.p.Images[0].Path, Effect: "no syscall instruction is reachable, which no working program can mean", Open: true})
	}
	slices.SortFunc(a.res.Unresolved, func(x, y Unresolved) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(len(x.Address), len(y.Address)), cmp.Compare(x.Address, y.Address), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Effect, y.Effect))
	})
	a.res.Unresolved = slices.Compact(a.res.Unresolved)
}

func (a *assembly) stats() {
	st := &a.res.Stats
	st.Images = len(a.p.Images)
	for id := 1; id < len(a.g.Units); id++ {
		if s := a.g.Units[id].Sum; s != nil {
			st.Functions++
			st.Instructions += int(s.Insts)
		}
	}
	acc := a.g.Account()
	st.Sites = SiteTotals{Live: acc.Live, Dead: acc.Dead, Inside: acc.Inside, Data: acc.Data}
}

func (a *assembly) dlopens() []Dlopen {
	var out []Dlopen
	for _, e := range a.model.Sorted() {
		d := Dlopen{What: e.What, Kind: e.Kind, Found: e.Found, Why: e.Why, Images: []string{}}
		for _, id := range e.Images {
			d.Images = append(d.Images, a.p.Images[id].Path)
		}
		out = append(out, d)
	}
	return out
}

// execs lists what the program may execute.
func (a *assembly) execs() []Exec {
	var out []Exec
	for arg, name := range []string{"execve", "execveat"} {
		nr, _ := sysno.Number(sysno.X86_64, name)
		calls := a.callsOf(nr)
		if len(calls) == 0 {
			continue
		}
		found, known := number.Arguments(a.g, calls, arg)
		e := Exec{Call: name, Paths: []string{}, Unknown: !known}
		for _, f := range found {
			s, ok := a.g.TextAt(f.Image, uint64(f.Value.N))
			if f.Value.Kind != summary.Addr || !ok {
				e.Unknown = true
				continue
			}
			e.Paths = append(e.Paths, strings.Clone(s))
			if s == "/proc/self/exe" || s == a.p.Images[0].Path {
				e.Self = true
			}
		}
		slices.Sort(e.Paths)
		e.Paths = slices.Compact(e.Paths)
		out = append(out, e)
	}
	return out
}

func (a *assembly) callsOf(nr int) []number.Call {
	var calls []number.Call
	for _, c := range a.ans.Calls {
		if c.ABI == sysno.X86_64 && c.Nr == nr {
			calls = append(calls, c)
		}
	}
	return calls
}
