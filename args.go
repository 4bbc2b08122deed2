package gofind

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// arguments adds what is known of the arguments of calls. What the vDSO may do itself is
// left out: what it is called with is not followed.
func (a *assembly) arguments() {
	found := number.ArgValues(a.g, a.ans.Calls, a.parameter())
	for i := range a.res.Syscalls {
		s := &a.res.Syscalls[i]
		if s.ABI != sysno.X86_64.String() || sysno.VDSOFallback(s.Number) {
			continue
		}
		args, _ := sysno.Args(s.Number)
		for _, arg := range args {
			if values := found[number.ArgKey{Nr: s.Number, Index: arg.Index}]; len(values) > 0 {
				s.Args = append(s.Args, ArgValues{arg.Index, arg.Name, arg.Bits, values})
			}
		}
	}
}

// parameter returns which units get their arguments only from callers that are known. Where the
// program loads files or looks functions up under names that are not known, what other files
// can name may be called with anything, unless that is assumed away (module-arguments).
func (a *assembly) parameter() func(reach.UnitID) bool {
	unnamed := slices.ContainsFunc(a.res.Notes, func(n Note) bool { return n.Kind == "dlsym" }) ||
		slices.ContainsFunc(a.res.Dlopen, func(d Dlopen) bool { return d.Kind == "unknown" })
	if !unnamed || a.assumed.Holds("module-arguments") {
		return func(reach.UnitID) bool { return true }
	}
	exported := map[reach.UnitID]bool{}
	return func(id reach.UnitID) bool {
		e, known := exported[id]
		if !known {
			u := a.g.Unit(id)
			e = a.g.Members[u.Image].Exported(u.Entry)
			exported[id] = e
		}
		return !e
	}
}
