package gate

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

const maxExposed = 128 // words that have types which are followed

// exposes reports whether reflection may find the type of pointers to a struct of Go: other code than some functions refers to its
// descriptor, or to that of a type which has it as an element, a field, a parameter or a result. Of closures
// only the functions that make them know the types.
func (k *Keeper) exposes(g *reach.Graph, img int, n *need) bool {
	m := k.p.Images[img]
	name, field, _ := strings.Cut(n.pointed, "~")
	key := "*" + n.pointed
	t := k.types[key]
	if t == nil {
		t = &made{read: 1}
		k.types[key] = t
		found, ok := m.GoType(name, field)
		t.found = &image.GoType{}
		if ok {
			t.found.Types = slices.Clone(found.Pointers)
		}
		t.maybe = !ok
		words := 0
		var referrers image.GoReferrers
		if ok {
			referrers = m.GoReferrers()
		}
		for i := 0; i < len(t.found.Types) && !t.maybe; i++ {
			a := t.found.Types[i]
			holders := g.Holders(img, image.Range{Start: a, End: a + 1})
			if words += len(holders); words > maxExposed {
				t.maybe = true
				break
			}
			for _, w := range holders {
				typ, closure, ok := referrers.TypeOf(w)
				if closure && ok || slices.Contains(t.found.Types, typ) && ok {
					continue
				}
				t.found.Types = append(t.found.Types, typ)
				t.maybe = t.maybe || !ok || m.GoFunctionType(typ) && m.GoMethod(typ)
			}
		}
	}
	for ; !t.maybe && int(t.read) < g.NumUnits(); t.read++ {
		u, sum := g.Unit(t.read), g.Full(t.read)
		if sum == nil {
			break // not analysed yet
		}
		if u.Image == img && !k.owned(img).is(u.Entry, n.referrers) {
			t.maybe = slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool { return t.refers(&r) })
		}
	}
	return t.maybe
}
