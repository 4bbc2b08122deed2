package gofind

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/dlopen"
	"github.com/gofind-dev/gofind/internal/gate"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
)

// assembly turns what the analysis found into a Result.
type assembly struct {
	p       *process.Process
	g       *reach.Graph
	ans     *number.Answer // with SinceMain only what can happen after startup
	model   *dlopen.Model
	gates   *gate.Keeper
	assumed *assume.Set
	opts    Options
	phases  *reach.Phases
	chains  *chains
	names   map[place]string
	res     *Result

	vdsoNames vdsoNames
}

func (a *assembly) result() *Result {
	prog := a.p.Images[0]
	inputs := a.p.InputList(a.opts.Workers) // hashes all images, side by side
	a.names = map[place]string{}
	a.res = &Result{
		Schema:  "gofind.scan/v1",
		Program: prog.Path,
		Named:   a.p.Named,
		SHA256:  prog.SHA256(),
		BuildID: prog.BuildID,
		Since:   "exec",
	}
	a.phases = a.g.Phases()
	if a.opts.SinceMain {
		a.res.Since = "main"
		a.sinceMain()
	}
	a.vdso()
	a.chains = newChains(a.g, a.phases.Calls, a.sources())
	a.images()
	a.calls()
	a.unresolved()
	a.stats()
	a.res.Dlopen = a.dlopens()
	a.res.Exec = a.execs()
	a.res.Notes = a.notes()
	a.res.Complete = !slices.ContainsFunc(a.res.Unresolved, func(u Unresolved) bool { return u.Open })
	if a.opts.Arguments && a.res.Complete {
		a.arguments()
	}
	a.res.Assumptions = a.assumptions()
	for _, in := range inputs {
		a.res.Inputs = append(a.res.Inputs, Input{in.Path, in.Kind, in.SHA256})
	}
	slices.SortFunc(a.res.Inputs, func(x, y Input) int { return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Kind, y.Kind)) })
	a.res.Inputs = slices.Compact(a.res.Inputs)
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

func (a *assembly) images() {
	for _, m := range a.p.Images {
		a.res.Images = append(a.res.Images, Image{
			Path: m.Path, Soname: strings.Clone(m.Soname), SHA256: m.SHA256(), BuildID: m.BuildID,
			Origin: m.Origin.String(), Why: m.Why,
		})
	}
}

func (a *assembly) stats() {
	st := &a.res.Stats
	st.Images = len(a.p.Images)
	for id := 1; id < a.g.NumUnits(); id++ {
		if s := a.g.Unit(reach.UnitID(id)).Sum; s != nil {
			st.Functions++
			st.Instructions += int(s.Insts)
		}
	}
	acc := a.g.Account()
	st.Sites = SiteTotals{Live: acc.Live, Dead: acc.Dead, Inside: acc.Inside, Data: acc.Data}
}
