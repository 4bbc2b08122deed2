package dlopen

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// part is a part of glibc that a static program has in itself.
type part string

// Parts, as static.txt names them.
const (
	ownServices part = "services"
	ownLoader   part = "loader"
	ownGconv    part = "gconv"
	ownHooks    part = "hooks"
)

// own is a part that is live, with the unit that shows it.
type own struct {
	part part
	unit reach.UnitID
}

//go:embed static.txt
var textStatic string

// ownTexts returns the parts that a text shows.
var ownTexts = sync.OnceValue(func() map[string][]part {
	list := map[string][]part{}
	facts.MustParse("static.txt", textStatic, 3, func(f []string) error {
		switch part(f[0]) {
		case ownServices, ownLoader, ownGconv, ownHooks, "dlopen", "dlmopen", "dlsym":
			list[f[1]] = append(list[f[1]], part(f[0]))
			return nil
		}
		return fmt.Errorf("there is no part %q", f[0])
	})
	return list
})

// has reports whether the program has a live part of glibc in itself.
func (m *Model) has(p part) bool {
	return slices.ContainsFunc(m.own, func(o own) bool { return o.part == p })
}

// Static returns the functions of a static program that are its dlopen, dlmopen or dlsym, as name says: those that hand a pointer to the
// function that does it to others. It is nil if none is live.
func (m *Model) Static(g *reach.Graph, name string) []reach.UnitID {
	var does []reach.UnitID
	add := func(id reach.UnitID) {
		if !slices.Contains(does, id) {
			does = append(does, id)
		}
	}
	for _, o := range m.own {
		if o.part == part(name) {
			add(o.unit)
		}
	}
	for i := 0; i < len(does); i++ {
		for _, e := range g.Callers(does[i]) {
			add(e.Unit)
		}
	}
	if len(does) == 0 {
		return nil
	}
	entries := map[uint64]bool{}
	for _, id := range does {
		entries[g.Unit(id).Entry] = g.Unit(id).Taken
	}
	var out []reach.UnitID
	for i := range g.NumUnits() {
		u := g.Unit(reach.UnitID(i))
		if u.Image != 0 || !g.Live(reach.UnitID(i)) {
			continue
		}
		if slices.ContainsFunc(u.Sum.Refs, func(r summary.Ref) bool {
			return (r.Kind == summary.RefAddr || r.Kind == summary.RefPass || r.Kind == summary.RefPassSlot) && entries[r.A] || r.Kind == summary.RefStore && entries[r.B]
		}) {
			out = append(out, reach.UnitID(i))
		}
	}
	if len(out) == 0 {
		return does // in another form: whoever asks is not known
	}
	return out
}

// hookTable is the size of what a loaded C library gets, in bytes (glibc 2.36, struct dlfcn_hook: ten functions).
const hookTable = 10 * 8

// Hooked reports whether the address of a function of a static program is in its data only where a C library that it loads finds it,
// whose own function of that name stands before it.
func (m *Model) Hooked(g *reach.Graph, id reach.UnitID) bool {
	u := g.Unit(id)
	if u.Image != 0 || u.Handed {
		return false
	}
	at := holders(m.p.Images[0], u.Entry)
	if len(at) != 1 {
		return false
	}
	for _, o := range m.own {
		if o.part == ownHooks && slices.ContainsFunc(g.Unit(o.unit).Sum.Refs, func(r summary.Ref) bool {
			return r.Kind == summary.RefAddr && at[0]-r.A < hookTable || r.Kind == summary.RefStore && at[0]-r.B < hookTable
		}) {
			return true
		}
	}
	return false
}

// holders returns the words of data that hold an address, but for those of the global offset table: linkers make instructions that
// load one of these form the address instead, so that comparisons are left (x86-64 psABI, GOTPCRELX).
func holders(img *process.Image, addr uint64) []uint64 {
	var at []uint64
	found := func(a uint64) {
		if s := img.Section(a); s == nil || s.Name != ".got" {
			at = append(at, a)
		}
	}
	for _, s := range img.Segments {
		if s.X {
			continue
		}
		for _, r := range img.RelocsIn(s.Addr, s.End()) {
			if r.Sym == 0 && r.Addend == addr {
				found(r.Addr)
			}
		}
		if img.Type != image.ETExec {
			continue // its words are relocated
		}
		b := img.Bytes(s.Addr)
		b = b[:min(uint64(len(b)), s.FileSize)]
		for i := 0; i+8 <= len(b); i += 8 {
			if binary.LittleEndian.Uint64(b[i:]) == addr {
				found(s.Addr + uint64(i))
			}
		}
	}
	return at
}
