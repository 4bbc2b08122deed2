package gate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
)

// Kinds of images that no soname says.
const (
	kindGo     = "go"           // a program of the Go toolchain: its function table names all functions
	kindMusl   = "musl"         // musl's loader, which is its C library
	kindStatic = "static:glibc" // a static program that was not stripped, with glibc in it
	kindSmall  = "static:musl"  // with musl
)

// owned are the names of an image of a kind.
type owned struct {
	kind   string
	names  map[uint64][]string // by address, as they stand in the table but for what the compiler adds
	locals map[uint64]image.Function
}

// marks are functions that only a static program with a C library in it has. Their names are reserved for
// it (C17 7.1.3), and a linker takes no two of a name.
var marks = map[string][]string{
	kindStatic: {"_dl_relocate_static_pie", "__libc_start_main", "_dl_non_dynamic_init", "__libc_setup_tls"},
	kindSmall:  {"__init_libc", "__libc_start_main", "__init_tls", "__init_tp"},
}

// kind returns the kind of an image, "" if it has none.
func (k *Keeper) kind(img int) string { return k.owned(img).kind }

// in reports whether a row is about an image.
func (k *Keeper) in(r *row, img int) bool {
	if m := k.p.Images[img]; m.Soname != "" && r.in(m.Soname) {
		return true
	}
	kind := k.kind(img)
	return kind != "" && slices.Contains(r.images, kind)
}

// mentioned are the names that rows have, without leading underscores.
var mentioned = mention(rows)

func mention(rows []row) map[string]bool {
	all := map[string]bool{}
	for _, r := range rows {
		functions := slices.Clone(r.function)
		for _, n := range r.needs {
			functions = append(functions, n.byWay...)
		}
		for _, f := range functions {
			for _, n := range f.names {
				all[strings.TrimLeft(n, "_")] = true
			}
		}
		for _, h := range r.held {
			all[h] = true
		}
		for _, n := range r.needs {
			all[n.name] = true
			for _, c := range slices.Concat(n.called, n.referrers) {
				all[strings.TrimLeft(c, "_")] = true
			}
			for b := range strings.SplitSeq(n.but, ",") {
				all[strings.TrimLeft(b, "_")] = true
			}
		}
	}
	for _, n := range []string{"setenv", "putenv", "mmap", "mmap64", "shmat"} {
		all[n] = true
	}
	return all
}

// owned returns the names of an image of a kind, none if it has no kind.
func (k *Keeper) owned(img int) *owned {
	if o := k.own[img]; o != nil {
		return o
	}
	o := &owned{names: map[uint64][]string{}, locals: map[uint64]image.Function{}}
	k.own[img] = o
	m := k.p.Images[img]
	add := func(a uint64, name string) {
		if mentioned[strings.TrimLeft(name, "_")] && !slices.Contains(o.names[a], name) {
			o.names[a] = append(o.names[a], name)
		}
	}
	switch {
	case m.Origin == process.OriginLoader && k.p.Libc == "musl":
		o.kind = kindMusl
	case m.Origin != process.OriginProgram:
	case m.IsGo():
		o.kind = kindGo
		m.GoFunctions(func(a uint64, name string) { add(a, name) })
	case m.Interp == "" && len(m.Needed) == 0:
		var l []image.Function
		found := map[string]bool{}
		var code []image.Range
		m.Functions(func(f image.Function) {
			code = append(code, image.Range{Start: f.Addr, End: f.Addr + min(f.Size, 1<<32)})
			f.Name, _, _ = strings.Cut(f.Name, ".") // .part.0, .constprop.0, .isra.0, .cold
			for _, names := range marks {
				if f.File == "" && slices.Contains(names, f.Name) {
					found[f.Name] = true
				}
			}
			if mentioned[strings.TrimLeft(f.Name, "_")] {
				l = append(l, f)
			}
		})
		for _, kind := range []string{kindStatic, kindSmall} {
			if !slices.ContainsFunc(marks[kind], func(n string) bool { return !found[n] }) {
				o.kind = kind
			}
		}
		if o.kind == "" || !whole(m, code) {
			o.kind = ""
			return o
		}
		for _, f := range l {
			if f.File != "" {
				o.locals[f.Addr] = f // what the program calls its own static functions says nothing
			} else {
				add(f.Addr, f.Name)
			}
		}
	}
	return o
}

// whole reports whether the functions of a table of symbols are nearly all that there are: of a table that was cut
// (strip --keep-symbol) those that code waits for may be missing.
func whole(m *process.Image, code []image.Range) bool {
	text := uint64(0)
	for _, s := range m.Sections {
		if s.Name == ".text" {
			text += s.End - s.Start
		}
	}
	slices.SortFunc(code, func(a, b image.Range) int { return cmp.Compare(a.Start, b.Start) })
	named, end := uint64(0), uint64(0)
	for _, r := range code {
		if r.End > end {
			named += r.End - max(r.Start, end)
			end = r.End
		}
	}
	const startup = 1 << 10 // assembly whose symbols have no size
	return text > 0 && named+max(text/10, startup) >= text
}

// is reports whether a function has one of some names.
func (o *owned) is(a uint64, names []string) bool {
	return slices.ContainsFunc(o.names[a], func(n string) bool { return slices.Contains(names, n) })
}

// calledByName reports whether a function of an image is live that has one of some names.
func (k *Keeper) calledByName(g *reach.Graph, img int, names ...string) bool {
	for _, n := range names {
		for _, e := range k.exported(img).named(n) {
			if id, live := g.Lookup(img, e.addr); live && g.Live(id) {
				return true
			}
		}
	}
	return false
}
