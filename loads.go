package gofind

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/dlopen"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// dlopens lists what may be loaded at run time, and the calls that load files
// whose names are not known.
func (a *assembly) dlopens() []Dlopen {
	var out []Dlopen
	for _, e := range a.model.Sorted() {
		d := Dlopen{What: e.What, Kind: e.Kind, Found: e.Found, Why: e.Why, Images: []string{}}
		for _, id := range e.Images {
			d.Images = append(d.Images, a.p.Images[id].Path)
		}
		out = append(out, d)
	}
	for _, f := range a.unknownLoads() {
		out = append(out, Dlopen{What: "unknown", Kind: "unknown", Why: f.function + " in " + base(f.image) + " loads a file whose name is not known", Images: []string{}})
	}
	return out
}

// unknownLoads lists the functions that load files whose names are not known.
func (a *assembly) unknownLoads() []asker {
	return append(a.unknownNames([]string{"dlopen"}, x86.RDI), a.unknownNames([]string{"dlmopen"}, x86.RSI)...)
}

// loadOwn loads the libraries in the own directories of images that load files whose names are not known,
// as far as they are known by now, unless the user says which files are loaded. It reports whether the graph has grown.
func loadOwn(g *reach.Graph, p *process.Process, model *dlopen.Model, assumed *assume.Set, opts Options) bool {
	if len(opts.Modules) > 0 {
		return false
	}
	a := &assembly{p: p, g: g, model: model, names: map[place]string{}, res: &Result{}}
	asks := map[string]bool{}
	for _, f := range a.unknownLoads() {
		asks[f.image] = true
	}
	var images []int
	for id, i := range p.Images {
		if asks[i.Path] {
			images = append(images, id)
		}
	}
	own := model.Own(images)
	return len(own) > 0 && !assumed.Holds("own-libraries") && model.LoadOwn(g, own)
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

// asker is a function that asks the loader for something by name.
type asker struct{ image, function string }

// unknownNames lists the callers of library functions that pass a name, in
// register reg, which is no constant text. The C library's own calls do not
// count: what it loads is known. Names are followed through wrappers.
func (a *assembly) unknownNames(functions []string, reg x86.Reg) []asker {
	w := &nameWalk{a: a, seen: map[nameKey]bool{}, found: map[asker]bool{}}
	for _, name := range functions {
		for _, id := range a.model.Static(a.g, name) {
			w.name, w.of = "", id
			w.follow(nameKey{id, dataflow.Param{Kind: summary.Arg, Reg: uint8(reg)}}, true)
		}
		for _, t := range a.p.LookupAll(name, nil) {
			if id, ok := a.g.Lookup(t.Image, a.p.Images[t.Image].Symbol(t.Sym).Value); ok {
				w.name, w.of = name, id
				w.follow(nameKey{id, dataflow.Param{Kind: summary.Arg, Reg: uint8(reg)}}, true)
			}
		}
	}
	return slices.SortedFunc(maps.Keys(w.found), func(x, y asker) int {
		return cmp.Or(cmp.Compare(x.image, y.image), cmp.Compare(x.function, y.function))
	})
}

// nameWalk follows a parameter to the callers of a function.
type nameWalk struct {
	a     *assembly
	name  string       // of the library function, "" if it is a static program's own
	of    reach.UnitID // and the function itself
	seen  map[nameKey]bool
	found map[asker]bool
}

type nameKey struct {
	unit  reach.UnitID
	param dataflow.Param
}

// unknown records the function of a unit, unless it is the C library's or the loader's.
func (w *nameWalk) unknown(id reach.UnitID, pc uint64) {
	img := w.a.g.Unit(id).Image
	if !w.internal(img) {
		w.found[asker{w.a.g.Members[img].Path, w.a.function(img, pc)}] = true
	}
}

func (w *nameWalk) internal(img int) bool {
	m := w.a.g.Members[img]
	return m.Origin == process.OriginLoader || strings.HasPrefix(m.Soname, "libc.so") || strings.HasPrefix(m.Soname, "libdl.so")
}

func (w *nameWalk) follow(k nameKey, library bool) {
	if w.seen[k] {
		return
	}
	w.seen[k] = true
	g := w.a.g
	if u := g.Unit(k.unit); u.Taken && !(library && w.a.model.Hooked(g, k.unit)) {
		if library {
			for _, p := range g.Takers(k.unit) { // of the library function's address
				w.unknown(p, g.Unit(p).Entry)
			}
		} else {
			w.unknown(k.unit, u.Entry)
		}
	}
	for _, e := range g.Callers(k.unit) {
		if w.internal(g.Unit(e.Unit).Image) || w.a.res.Since == "main" && !w.a.phases.After[e.Unit] {
			continue
		}
		for _, p := range g.Query(e.Unit, e.At, k.param) {
			if len(p.Values) == 0 {
				w.value(k, e.Unit, p.PC, summary.Value{})
			}
			for _, v := range p.Values {
				w.value(k, e.Unit, p.PC, v)
			}
		}
	}
}

// value takes a name that unit id passes in a parameter.
func (w *nameWalk) value(k nameKey, id reach.UnitID, pc uint64, v summary.Value) {
	g := w.a.g
	img := g.Unit(id).Image
	switch v.Kind {
	case summary.Arg, summary.ArgMem, summary.Stack:
		w.follow(nameKey{id, v}, false)
		return
	case summary.Const:
		if v.N == 0 {
			return // the program itself
		}
	case summary.Addr, summary.Slot:
		if _, ok := w.a.model.Constant(g, img, v); ok {
			return
		}
	case summary.Unknown:
		if reg := k.param.Reg; k.param == (dataflow.Param{Kind: summary.Arg, Reg: reg}) {
			if _, known := w.a.model.Variable(g, w.name, w.of, number.Found{Unit: id, To: k.unit, Reg: x86.Reg(reg)}); known {
				return
			}
		}
	}
	w.unknown(id, pc)
}
