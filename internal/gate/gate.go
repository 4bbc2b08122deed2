// Package gate holds back code of the C library that only runs after something
// else was set up: facts about known libraries (gates.txt), each with its source
// and the name of the assumption it rests on.
//
// A function is recognised by its name, by what it calls or by a text that it refers to,
// since stripped libraries have no names for their own functions; what is recognised by mistake
// in another version of the library must be private and make the calls or use the text that the row
// names, and waits for the same condition. Some rows wait for an assumption of the
// environment (package assume) that is not made. The condition is looked at again whenever
// everything else has been followed, so the answer does not depend on the order.
package gate

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofind-dev/gofind/internal/assume"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

//go:embed gates.txt
var text string

// row is one line of gates.txt.
type row struct {
	image    string
	function []function // it is all that these say
	held     []string   // calls by name, with syscall: only the syscall of that name; empty: the whole function
	needs    []need
	name     string
}

// function says which functions a row is about.
type function struct {
	how   string   // "name", "calls", "numbers", "text", or a prefix and "*"
	names []string // sorted
}

// need is a function whose being live lets the code go, an assumption that is
// not made, or calls of other images.
type need struct {
	name    string
	without string   // an assumption
	calls   []string // of syscall instructions of other images
	env     string   // an environment variable that other images name
	symbol  string   // that another image refers to
	paths   bool     // relative ones by which images are found
	mask    int64    // if not 0, only if it may get a second argument with a bit of it
	first   []int64  // if not empty, only if it may get one of these as its first argument
	outside bool     // only if other code than that of its own image calls it

	relative bool // only if it may get a second argument that is no absolute path and not null
}

var rows = parse(text)

func parse(text string) []row {
	var out []row
	for i, l := range strings.Split(text, "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 6 {
			panic(fmt.Sprintf("gates.txt: line %d: want 6 columns", i+1))
		}
		r := row{image: f[0], name: f[4]}
		for c := range strings.SplitSeq(f[1], ";") {
			how, names, ok := strings.Cut(c, ":")
			if !ok {
				how, names = "name", c
			}
			fn := function{how, strings.Fields(names)}
			if how == "text" {
				fn.names = []string{names}
			}
			slices.Sort(fn.names)
			r.function = append(r.function, fn)
		}
		if f[2] != "all" {
			r.held = strings.Fields(f[2])
		}
		for _, n := range strings.Fields(f[3]) {
			x, err := parseNeed(n)
			if err != nil {
				panic(fmt.Sprintf("gates.txt: line %d: %v", i+1, err))
			}
			r.needs = append(r.needs, x)
		}
		out = append(out, r)
	}
	return out
}

func parseNeed(s string) (n need, err error) {
	if name, ok := strings.CutPrefix(s, "-"); ok && name != "" {
		n.without = name
		if assume.Find(name) == nil {
			err = fmt.Errorf("no assumption %q", name)
		}
		return n, err
	}
	if names, ok := strings.CutPrefix(s, "%"); ok {
		n.calls = strings.Split(names, ",")
		return n, nil
	}
	if name, ok := strings.CutPrefix(s, "$"); ok {
		n.env = name
		return n, nil
	}
	if s == "-" {
		return n, nil // nothing
	}
	if s == "~paths" {
		n.paths = true
		return n, nil
	}
	if symbol, ok := strings.CutPrefix(s, "^"); ok {
		n.symbol = symbol
		return n, nil
	}
	s, n.outside = strings.CutPrefix(s, "@")
	s, n.relative = strings.CutSuffix(s, "~relative")
	name, mask, masked := strings.Cut(s, "&")
	if masked {
		n.mask, err = strconv.ParseInt(mask, 0, 32)
	}
	n.name, s, _ = strings.Cut(name, "=")
	for v := range strings.SplitSeq(s, ",") {
		if v != "" && err == nil {
			var x int64
			x, err = strconv.ParseInt(v, 0, 32)
			n.first = append(n.first, x)
		}
	}
	return n, err
}

// Names lists the assumptions that rows rest on, but for those of package assume.
func Names() []string {
	var out []string
	for _, r := range rows {
		if assume.Find(r.name) == nil {
			out = append(out, r.name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Keeper decides what waits.
type Keeper struct {
	p       *process.Process
	assumed *assume.Set
	images  map[int][]*row          // rows about an image
	names   map[int]symbols         // its exported functions, by address
	waiting map[reach.UnitID][]*row // rows that are about a live unit and hold something back
	open    map[*row]bool
}

// symbols are the names of exported functions, without leading underscores, by address.
type symbols map[uint64][]string

// New returns a keeper for p.
func New(p *process.Process, assumed *assume.Set) *Keeper {
	return &Keeper{p: p, assumed: assumed, images: map[int][]*row{}, names: map[int]symbols{}, waiting: map[reach.UnitID][]*row{}, open: map[*row]bool{}}
}

// Hold says what of a unit that was just analysed waits.
func (k *Keeper) Hold(g *reach.Graph, id reach.UnitID) reach.Held {
	var about []*row
	for _, r := range k.rows(g.Units[id].Image) {
		if !k.open[r] && k.about(g, id, r) {
			about = append(about, r)
		}
	}
	if len(about) == 0 {
		return reach.Held{}
	}
	k.waiting[id] = about
	return k.held(g, id)
}

func (k *Keeper) rows(img int) []*row {
	l, known := k.images[img]
	if !known {
		for i := range rows {
			if rows[i].image == k.p.Images[img].Soname && k.assumed.On(rows[i].name) {
				l = append(l, &rows[i])
			}
		}
		k.images[img] = l
	}
	return l
}

// about reports whether a row is about a unit.
func (k *Keeper) about(g *reach.Graph, id reach.UnitID, r *row) bool {
	return !slices.ContainsFunc(r.function, func(f function) bool { return !k.is(g, id, &f) })
}

// is reports whether a unit is what f says.
func (k *Keeper) is(g *reach.Graph, id reach.UnitID, f *function) bool {
	u, names := &g.Units[id], k.exported(g.Units[id].Image)
	if f.how == "name" {
		return slices.ContainsFunc(names[u.Entry], func(n string) bool { return slices.Contains(f.names, n) })
	}
	sum := g.Full(id)
	if f.how == "text" {
		return slices.ContainsFunc(sum.Refs, func(r summary.Ref) bool {
			s, ok := "", false
			switch r.Kind {
			case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
				s, ok = g.TextAt(u.Image, r.A)
			}
			return ok && strings.TrimRight(s, "\n") == f.names[0]
		})
	}
	if len(names[u.Entry]) > 0 {
		return false
	}
	if f.how == "numbers" {
		var own []string
		for i := range sum.Sites {
			n, ok := numberAt(&sum.Sites[i])
			if !ok {
				return false
			}
			own = append(own, n)
		}
		slices.Sort(own)
		return slices.Equal(slices.Compact(own), f.names)
	}
	prefix, exact := strings.CutSuffix(f.how, "*")
	var calls []string
	for i := range sum.Refs {
		if ref := &sum.Refs[i]; ref.Kind == summary.RefCode {
			for _, n := range names[ref.A] {
				if slices.Contains(f.names, n) || exact && strings.HasPrefix(n, prefix) {
					calls = append(calls, n)
				}
			}
		}
	}
	slices.Sort(calls)
	return slices.Equal(slices.Compact(calls), f.names)
}

// numberAt names the one call that a site makes.
func numberAt(s *summary.Site) (string, bool) {
	if len(s.Values) != 1 || s.Values[0].Kind != summary.Const || s.Gate != summary.GateSyscall {
		return "", false
	}
	return sysno.Name(sysno.X86_64, int(s.Values[0].N))
}

// held says what the rows that a unit waits for hold back of it.
func (k *Keeper) held(g *reach.Graph, id reach.UnitID) reach.Held {
	var h reach.Held
	sum, names := g.Full(id), k.exported(g.Units[id].Image)
	for _, r := range k.waiting[id] {
		if len(r.held) == 0 {
			return reach.Held{All: true}
		}
		for i := range sum.Refs {
			ref := &sum.Refs[i]
			if ref.Kind == summary.RefAddr && slices.Contains(r.held, "addresses") && g.Members[g.Units[id].Image].Exec(ref.A) {
				h.Refs = append(h.Refs, int32(i))
			}
			if to, ok := callee(ref); ok && slices.ContainsFunc(names[to], func(n string) bool { return slices.Contains(r.held, n) }) {
				h.Refs = append(h.Refs, int32(i))
			}
		}
		for i := range sum.Sites {
			if n, ok := numberAt(&sum.Sites[i]); ok && (slices.Contains(r.held, n) || slices.Contains(r.held, "syscall:"+n)) {
				h.Sites = append(h.Sites, int32(i))
			}
		}
	}
	return h
}

// callee returns where a reference transfers control to, or passes an address on the way.
func callee(r *summary.Ref) (to uint64, ok bool) {
	switch r.Kind {
	case summary.RefCode:
		return r.A, true
	case summary.RefPass:
		return r.B, true
	}
	return 0, false
}

// exported returns the exported functions of an image.
func (k *Keeper) exported(img int) symbols {
	if n, ok := k.names[img]; ok {
		return n
	}
	n := symbols{}
	m := k.p.Images[img]
	for s := 1; s < m.NumSymbols(); s++ {
		sym := m.Symbol(s)
		if name := strings.TrimLeft(m.SymbolName(s), "_"); sym.Shndx != 0 && name != "" && !slices.Contains(n[sym.Value], name) {
			n[sym.Value] = append(n[sym.Value], name)
		}
	}
	k.names[img] = n
	return n
}

// opens reports whether what a row waits for is live, under any version of its symbol.
func (k *Keeper) opens(g *reach.Graph, r *row) bool {
	for _, n := range r.needs {
		if n.without != "" && !k.assumed.Holds(n.without) || n.calls != nil && made(g, r.image, n.calls) ||
			n.symbol != "" && k.wanted(g, n.symbol) || n.paths && k.relative() ||
			n.env != "" && k.named(g, n.env) {
			return true
		}
	}
	for img, m := range k.p.Images {
		if m.Soname != r.image {
			continue
		}
		for a, names := range k.exported(img) {
			for _, n := range r.needs {
				if !slices.Contains(names, n.name) {
					continue
				}
				if id, live := g.Lookup(img, a); live && g.Units[id].Sum != nil && n.met(g, id) {
					return true
				}
			}
		}
	}
	return false
}

// relative reports whether the loader may find an image by a relative path: by its own
// name, by a search path of its user, or in a way that is not looked at here.
func (k *Keeper) relative() bool {
	return slices.ContainsFunc(k.p.Images, func(m *process.Image) bool {
		names := slices.Concat(m.Needed, m.Filter, m.Auxiliary)
		for _, list := range []string{m.Rpath, m.Runpath} {
			for dir := range strings.SplitSeq(list, ":") {
				if list != "" && !strings.HasPrefix(dir, "$") { // $ORIGIN and its kind are absolute
					names = append(names, dir+"/")
				}
			}
		}
		return m.Origin == process.OriginPreload || m.Origin == process.OriginAudit ||
			slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "/") && n[0] != '/' && n[0] != '$' })
	})
}

// wanted reports whether an image refers to a symbol of another, or looks it up by name.
func (k *Keeper) wanted(g *reach.Graph, symbol string) bool {
	return g.LookedUp(symbol) || slices.ContainsFunc(k.p.Images, func(m *process.Image) bool {
		for s := 1; s < m.NumSymbols(); s++ {
			if m.Symbol(s).Shndx == 0 && m.SymbolName(s) == symbol {
				return true
			}
		}
		return false
	})
}

// named reports whether live code outside of the C library, or data of such code,
// refers to the name of an environment variable, or to an assignment of it.
func (k *Keeper) named(g *reach.Graph, variable string) bool {
	for i := range g.Members {
		if len(k.rows(i)) == 0 && g.Names(i, variable) {
			return true
		}
	}
	return false
}

// made reports whether a syscall instruction outside of an image may make one of
// some calls: it does, or its number is not known in its own code.
func made(g *reach.Graph, image string, calls []string) bool {
	for id := range g.Units {
		u := &g.Units[id]
		if !g.Live(reach.UnitID(id)) || g.Members[u.Image].Soname == image || g.Members[u.Image].Origin == process.OriginLoader {
			continue
		}
		for i := range u.Sum.Sites {
			if len(u.Sum.Sites[i].Values) == 0 {
				return true
			}
			for _, v := range u.Sum.Sites[i].Values {
				name, _ := sysno.Name(sysno.X86_64, int(uint32(v.N)))
				if v.Kind != summary.Const || u.Sum.Sites[i].Gate != summary.GateSyscall || slices.Contains(calls, name) {
					return true
				}
			}
		}
	}
	return false
}

// met reports whether calls of the unit of n's function may be such as n asks for.
func (n *need) met(g *reach.Graph, id reach.UnitID) bool {
	switch {
	case n.outside && !fromOutside(g, id):
		return false
	case n.relative:
		return mayGetRelative(g, id)
	case n.mask != 0:
		return mayGet(g, id, x86.RSI, func(v int64) bool { return v&n.mask != 0 })
	case n.first != nil:
		return mayGet(g, id, x86.RDI, func(v int64) bool { return slices.Contains(n.first, int64(int32(v))) })
	}
	return true
}

// mayGet reports whether an argument of a unit may be a constant that test accepts, or is not known.
func mayGet(g *reach.Graph, id reach.UnitID, reg x86.Reg, test func(int64) bool) bool {
	if g.Units[id].Taken {
		return true
	}
	found, known := number.Passed(g, id, reg)
	return !known || slices.ContainsFunc(found, func(f number.Found) bool {
		return f.Value.Kind != summary.Const || test(f.Value.N)
	})
}

// mayGetRelative reports whether the second argument of a unit may be a text
// that does not begin with a slash.
func mayGetRelative(g *reach.Graph, id reach.UnitID) bool {
	if g.Units[id].Taken {
		return true
	}
	found, known := number.Passed(g, id, x86.RSI)
	return !known || slices.ContainsFunc(found, func(f number.Found) bool {
		if f.Value.Kind == summary.Const {
			return f.Value.N != 0
		}
		s, ok := g.TextAt(f.Image, uint64(f.Value.N))
		return f.Value.Kind != summary.Addr || !ok || s[0] != '/' || g.Members[f.Image].Writable(uint64(f.Value.N))
	})
}

// fromOutside reports whether code of another image may call a unit.
func fromOutside(g *reach.Graph, id reach.UnitID) bool {
	return g.Units[id].Taken || slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
		return g.Units[e.Unit].Image != g.Units[id].Image
	})
}

// Release lets go what waits for conditions that hold now. It reports whether there was any.
func (k *Keeper) Release(g *reach.Graph) bool {
	released := false
	for id := reach.UnitID(1); int(id) < len(g.Units); id++ {
		l := k.waiting[id]
		if l == nil {
			continue
		}
		still := slices.DeleteFunc(slices.Clone(l), func(r *row) bool {
			if !k.open[r] && k.opens(g, r) {
				k.open[r] = true
			}
			return k.open[r]
		})
		if len(still) < len(l) {
			k.waiting[id] = still
			if len(still) == 0 {
				delete(k.waiting, id)
			}
			g.Release(id, k.held(g, id))
			released = true
		}
	}
	return released
}

// Assumptions names what the code that still waits rests on.
func (k *Keeper) Assumptions() []string {
	var out []string
	for _, l := range k.waiting {
		for _, r := range l {
			if assume.Find(r.name) == nil {
				out = append(out, r.name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
