package callgraph

import (
	"debug/dwarf"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/unikernel"
)

// inlined finds functions that have the body of a call inlined and are none of its entries, by the inlined
// subroutines that DWARF lists for them. Only compilation units that have code of
// an entry or a body can.
func (g *Graph) inlined() {
	defer func() { _ = recover() }() // broken DWARF is as good as none
	g.undescribed()
	d := g.Image.Dwarf()
	if d == nil {
		return
	}
	var units []dwarf.Offset
	for u := range g.Entries {
		if c := g.Image.CompileUnitAt(g.Reach.Unit(u).Entry); c != nil {
			units = append(units, c.Offset)
		}
	}
	for _, e := range g.Dead {
		if c := g.Image.CompileUnitAt(e.Func.Addr); c != nil {
			units = append(units, c.Offset)
		}
	}
	slices.Sort(units)
	names := map[dwarf.Offset]string{} // of abstract subprograms
	for _, off := range slices.Compact(units) {
		g.inlinedIn(d, off, names)
	}
}

// wrappers finds the third entry that a call has where libc-style names are built: a function
// X that the shim's macro puts beside uk_syscall_{r,e}_X, into which the body is inlined. It is told from a C
// library's own X by its source file, which it shares with the entries; without DWARF, by its place right before them.
func (g *Graph) wrappers() {
	for s := range g.Image.File.FullSymbols {
		if s.Type != image.STTFunc || s.Shndx == 0 {
			continue
		}
		n, ok := sysno.Number(sysno.X86_64, kernelName(s.Name))
		u, live := g.Reach.Lookup(0, s.Value)
		if !ok || !live || !g.Reach.Live(u) {
			continue
		}
		if _, known := g.Entries[u]; known {
			continue
		}
		own := g.Image.CompileUnitAt(s.Value)
		beside := false
		for _, name := range []string{"uk_syscall_e_" + s.Name, "uk_syscall_r_" + s.Name} {
			f := g.Image.Named(name)
			if f == nil {
				continue
			}
			if c := g.Image.CompileUnitAt(f.Addr); own != nil && c != nil {
				beside = beside || own.Offset == c.Offset
			} else if x := g.Image.At(s.Value); x != nil {
				beside = beside || x.End() <= f.Addr && f.Addr-x.End() < 48
			}
		}
		if beside {
			g.Entries[u] = Entry{EntryE, n, true}
		}
	}
}

// undescribed names a library that has entries, of which debug information describes none: which other functions of it
// have their bodies inlined is not known then. Entries in assembly are never described, and are inlined in nothing.
func (g *Graph) undescribed() {
	first, described := map[int]Unit{}, map[int]bool{}
	for u := range g.Units {
		if _, ok := g.Entries[u]; !ok {
			continue
		}
		lib, addr := g.Image.Owner(g.Reach.Unit(u).Entry), g.Reach.Unit(u).Entry
		if _, ok := first[lib]; !ok {
			first[lib] = u
		}
		described[lib] = described[lib] || g.Image.CompileUnitAt(addr) != nil
	}
	for lib, u := range first {
		if !described[lib] {
			g.Unresolved = append(g.Unresolved, Unresolved{u, g.Reach.Unit(u).Entry, "inlined-bodies",
				"no debug information describes the library of this entry, so it is not known into which other functions bodies of its calls were inlined; none is assumed", true})
		}
	}
}

// deadInline notes that a function which is not live has a body inlined, unless it is an entry.
func (g *Graph) deadInline(f *unikernel.Func, e Entry) {
	if _, is := entryOf(f.Name); is || slices.ContainsFunc(g.Dead, func(d DeadEntry) bool { return d.Func == f && d.Number == e.Number }) {
		return
	}
	e.Form, e.Errno = Inline, false
	g.Dead = append(g.Dead, DeadEntry{e, f})
}

func (g *Graph) inlinedIn(d *dwarf.Data, off dwarf.Offset, names map[dwarf.Offset]string) {
	r := d.Reader()
	r.Seek(off)
	if e, err := r.Next(); err != nil || e == nil {
		return
	}
	type call struct {
		pc     uint64
		origin dwarf.Offset
	}
	var calls []call
	for depth := 1; depth > 0; {
		e, err := r.Next()
		if err != nil || e == nil {
			return // broken: as good as none
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		switch e.Tag {
		case dwarf.TagSubprogram:
			if n, ok := e.Val(dwarf.AttrName).(string); ok {
				names[e.Offset] = n
			}
		case dwarf.TagInlinedSubroutine:
			if o, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
				if ranges, err := d.Ranges(e); err == nil && len(ranges) > 0 {
					for _, x := range ranges {
						calls = append(calls, call{x[0], o})
					}
				} else if pc, ok := e.Val(dwarf.AttrEntrypc).(uint64); ok {
					calls = append(calls, call{pc, o})
				}
			}
		case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagEnumerationType, dwarf.TagSubroutineType, dwarf.TagArrayType:
			if e.Children {
				r.SkipChildren()
			}
			continue
		}
		if e.Children {
			depth++
		}
	}
	for _, c := range calls {
		x, ok := entryOf(names[c.origin])
		if !ok {
			continue
		}
		f := g.Image.At(c.pc)
		if f == nil {
			continue
		}
		u, live := g.Reach.Lookup(0, f.Addr)
		if !live && !strings.Contains(f.Name, ".cold") {
			g.deadInline(f, x)
			continue
		}
		if !live {
			// a cold part: control comes to it from the functions that jump there
			for id := range g.Units {
				if own, ok := g.Entries[id]; ok && own.Number == x.Number {
					u, live = id, true
				}
			}
			if !live {
				continue
			}
		}
		if own, is := g.Entries[u]; is && own.Number == x.Number {
			continue // its own body
		}
		if !slices.Contains(g.Inlined[u], x.Number) {
			g.Inlined[u] = append(g.Inlined[u], x.Number)
		}
	}
}
