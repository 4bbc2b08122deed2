package gofind

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// gapKinds name the places where the analysis of a function gave up, and what it assumed.
var gapKinds = map[summary.GapKind]struct{ kind, effect string }{
	summary.GapJump:      {"indirect-jump", "a jump inside the function has unknown targets; all code in its range was taken as reachable from it"},
	summary.GapCode:      {"undecodable", "live code runs into bytes that are no instruction; the path was taken to end there"},
	summary.GapBudget:    {"budget", "the function is too large to be tracked; every address in it was taken as used"},
	summary.GapSwept:     {"budget", "the function is too large to be tracked; all of it was taken as reachable, and every address in it as used"},
	summary.GapException: {"exception-table", "the exception table could not be read; all code in the function was taken as reachable"},
}

// unresolved lists what could not be decided: one entry for each kind and place.
func (a *assembly) unresolved() {
	var all []Unresolved
	for _, u := range a.ans.Unknown {
		img := a.g.Unit(u.Unit).Image
		all = append(all, Unresolved{Kind: "number", Image: a.g.Members[img].Path, Address: hex(u.PC), Function: a.function(img, u.PC),
			Effect: fmt.Sprintf("%s, so every call of the %s table is possible here", u.Why, u.ABI), Open: true})
	}
	sites := 0
	for id := 1; id < a.g.NumUnits(); id++ {
		u := a.g.Unit(reach.UnitID(id))
		if u.Sum == nil {
			continue
		}
		sites += len(u.Sum.More().Sites)
		if a.res.Since == "main" && !a.phases.After[id] {
			continue
		}
		for _, gap := range u.Sum.More().Gaps {
			k := gapKinds[gap.Kind]
			all = append(all, Unresolved{Kind: k.kind, Image: a.g.Members[u.Image].Path, Address: hex(gap.PC),
				Function: a.function(u.Image, gap.PC), Effect: k.effect,
				// Code that was not found may make calls.
				Open: gap.Kind == summary.GapJump || gap.Kind == summary.GapBudget})
		}
	}
	if sites == 0 {
		all = append(all, Unresolved{Kind: "no-syscalls", Image: a.p.Images[0].Path,
			Effect: "no syscall instruction is reachable, which no working program can mean", Open: true})
	}
	slices.SortFunc(all, func(x, y Unresolved) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), compareHex(x.Address, y.Address), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Effect, y.Effect))
	})
	a.res.Unresolved = slices.CompactFunc(all, func(x, y Unresolved) bool {
		return x.Kind == y.Kind && x.Image == y.Image && x.Address == y.Address
	})
}
