package gate

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// shares reports whether the process may have memory that other programs write, too: a call of shmat, or of mmap with
// MAP_SHARED by other code than that of the C library. Its own mappings of that kind are files that it only reads, and
// semaphores; but in a static program its code is the program's: there those of some functions do not count.
func (k *Keeper) shares(g *reach.Graph, r *row, but string) bool {
	for img, m := range k.p.Images {
		if !k.in(r, img) && !slices.Contains(cLibrary, m.Soname) {
			continue
		}
		if k.calledByName(g, img, "shmat") {
			return true
		}
		for _, name := range []string{"mmap", "mmap64"} {
			for _, e := range k.exported(img).named(name) {
				if id, live := g.Lookup(img, e.addr); live && g.Unit(id).Sum != nil && k.mapsShared(g, id, but) {
					return true
				}
			}
		}
	}
	return false
}

// mapsShared reports whether a unit, mmap, may get flags with MAP_SHARED, or MAP_SHARED_VALIDATE.
func (k *Keeper) mapsShared(g *reach.Graph, id reach.UnitID, but string) bool {
	const shared = 1
	return g.Unit(id).Taken || number.MayGetFromOthers(g, id, x86.RCX, func(f number.Found) bool {
		return (f.Value.Kind != summary.Const || f.Value.N&shared != 0) && !k.libraryMaps(g, f.Unit, g.Unit(id).Image, but)
	})
}

// libraryMaps reports whether a unit is the C library's, which is (in) an image.
func (k *Keeper) libraryMaps(g *reach.Graph, id reach.UnitID, libc int, but string) bool {
	u := g.Unit(id)
	if !strings.HasPrefix(k.kind(libc), "static:") {
		return u.Image == libc || slices.Contains(cLibrary, g.Members[u.Image].Soname)
	}
	o, names := k.owned(u.Image), strings.Split(but, ",")
	return o.is(u.Entry, names) || o.locals[u.Entry].File != "" && slices.Contains(names, o.locals[u.Entry].Name)
}
