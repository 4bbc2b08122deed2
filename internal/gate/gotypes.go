package gate

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// made is what is known of where a program of Go may have values of a type.
type made struct {
	found *image.GoType
	read  reach.UnitID // units before it were looked at
	known []bool       // by variable in data: functions that may refer to it do
	maybe bool         // other code may have such values
}

// makes reports whether other code than some functions may have values of a struct type of Go: it refers to the
// type's descriptor, as what allocates memory does; has a variable in its frame that may be one; or refers to one in data. A
// variable in data that only these functions refer to is theirs.
func (k *Keeper) makes(g *reach.Graph, n *need) bool {
	img := slices.IndexFunc(k.p.Images, func(m *process.Image) bool { return m.Origin == process.OriginProgram })
	if img < 0 {
		return true
	}
	names := strings.Split(n.but, ",")
	t := k.types[n.goType]
	if t == nil {
		name, field, _ := strings.Cut(n.goType, "~")
		t = &made{read: 1}
		k.types[n.goType] = t
		var ok bool
		t.found, ok = k.p.Images[img].GoType(name, field)
		t.maybe = !ok || k.holdsType(g, img, t.found) ||
			slices.ContainsFunc(t.found.Frames, func(a uint64) bool { return !k.owned(img).is(a, names) })
		if ok {
			t.known = make([]bool, len(t.found.Data))
		}
	}
	for ; !t.maybe && int(t.read) < g.NumUnits(); t.read++ {
		u, sum := g.Unit(t.read), g.Full(t.read)
		if sum == nil {
			break // not analysed yet
		}
		if u.Image != img {
			continue
		}
		ours := k.owned(img).is(u.Entry, names)
		for i := range sum.Refs {
			if ours {
				t.own(&sum.Refs[i])
			} else {
				t.maybe = t.maybe || t.refers(&sum.Refs[i])
			}
		}
		t.maybe = t.maybe || !ours && slices.ContainsFunc(sum.More().Kept, func(s summary.ArgStore) bool {
			return slices.ContainsFunc(t.found.Data, func(r image.Range) bool {
				return s.Slot < r.End && r.Start < s.Slot+uint64(s.Size)
			})
		})
	}
	return t.maybe || slices.Contains(t.known, false)
}

// holdsType reports whether data refers to a type but as pointers to it do, or to a variable that may be of the type.
func (k *Keeper) holdsType(g *reach.Graph, img int, t *image.GoType) bool {
	for _, a := range t.Types {
		for _, w := range g.Holders(img, image.Range{Start: a, End: a + 1}) {
			if !slices.Contains(t.Elements, w) {
				return true
			}
		}
	}
	return slices.ContainsFunc(t.Data, func(r image.Range) bool { return len(g.Holders(img, r)) > 0 })
}

// places calls do for each address that a reference is about.
func places(r *summary.Ref, do func(a uint64)) {
	do(r.A)
	if r.Off != 0 {
		do(r.A + uint64(int64(r.Off)))
	}
	if r.Kind == summary.RefStore {
		do(r.B)
		if r.Off != 0 {
			do(r.B + uint64(int64(r.Off)))
		}
	}
}

// refers reports whether a reference is to the type or to a variable.
func (t *made) refers(r *summary.Ref) (found bool) {
	if r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot {
		return false
	}
	places(r, func(a uint64) {
		found = found || slices.Contains(t.found.Types, a) || slices.Contains(t.found.Pointers, a) || slices.ContainsFunc(t.found.Data, func(r image.Range) bool { return r.Contains(a) })
	})
	return found
}

// own notes the variables that a reference of a function is to that may have values.
func (t *made) own(r *summary.Ref) {
	places(r, func(a uint64) {
		for i, d := range t.found.Data {
			t.known[i] = t.known[i] || d.Start == a
		}
	})
}
