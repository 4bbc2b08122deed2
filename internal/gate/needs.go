package gate

import (
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// opens reports whether what a row waits for is live, under any version of its symbol.
func (k *Keeper) opens(g *reach.Graph, r *row) bool {
	counts := func(n *need) bool { return n.unless == "" || !k.assumed.Holds(n.unless) }
	for _, n := range r.needs {
		if (n.without != "" && !k.assumed.Holds(n.without) || n.calls != nil && k.made(g, r, &n) ||
			n.symbol != "" && k.wanted(g, n.symbol) || n.paths && k.relative() || n.tokens && k.tokens() || n.opens && k.programOpens(g) ||
			n.libraries && k.libraries() || n.tls && k.p.Images[0].TLS.MemSize > 0 || n.shares && k.shares(g, r, n.but) ||
			n.env != "" && k.named(g, r, n.env) || n.goType != "" && k.makes(g, &n) || n.calls == nil && !n.shares && n.goType == "" && n.called == nil && n.name == "" && n.but != "" && k.otherwise(g, r, n.but) ||
			n.byWay != nil && k.around(g, r, n.byWay) || n.name == "" && n.bits != nil && k.anyPassed(g, r, n.bits)) && counts(&n) {
			return true
		}
	}
	for img, m := range k.p.Images {
		if k.in(r, img) && slices.ContainsFunc(r.needs, func(n need) bool {
			return (n.text != "" && k.says(g, r, img, &n) || n.lacks && len(k.exported(img).named(n.name)) == 0 || n.table && k.gives(g, img, n.name) || n.called != nil && k.calledBut(g, img, &n) && k.exposes(g, img, &n)) && counts(&n)
		}) {
			return true
		}
		if !k.in(r, img) && !slices.Contains(cLibrary, m.Soname) {
			continue
		}
		for _, n := range r.needs {
			if n.lacks {
				continue
			}
			for _, e := range k.exported(img).named(n.name) {
				if id, live := g.Lookup(img, e.addr); live && g.Unit(id).Sum != nil && k.met(g, id, &n) && counts(&n) {
					return true
				}
			}
		}
	}
	return false
}

// libraries reports whether the process has, or its program asks for, other files than that and the C library.
func (k *Keeper) libraries() bool {
	return slices.ContainsFunc(k.p.Images, func(m *process.Image) bool {
		return m.Origin != process.OriginProgram && m.Origin != process.OriginLoader
	}) || slices.ContainsFunc(k.p.Images[0].Needed, func(n string) bool { return !strings.HasPrefix(n, "libc.") })
}

// relative reports whether the loader may find an image by a relative path: by its own
// name, by a search path of its user, or in a way that is not looked at here.
func (k *Keeper) relative() bool {
	return slices.ContainsFunc(k.p.Images, func(m *process.Image) bool {
		return m.Origin == process.OriginPreload || m.Origin == process.OriginAudit ||
			slices.ContainsFunc(slices.Concat(m.Needed, m.Filter, m.Auxiliary), func(n string) bool {
				return strings.Contains(n, "/") && relativeDir(n)
			}) ||
			relativePath(m.Rpath) || relativePath(m.Runpath)
	})
}

// tokens reports whether a path that the program gives the loader may have a token (ld.so(8)).
func (k *Keeper) tokens() bool {
	m := k.p.Images[0]
	return slices.ContainsFunc(slices.Concat(m.Needed, m.Filter, m.Auxiliary, []string{m.Rpath, m.Runpath}), func(n string) bool {
		return strings.Contains(n, "$")
	}) || slices.ContainsFunc(k.p.Images, func(m *process.Image) bool {
		return m.Origin == process.OriginPreload || m.Origin == process.OriginAudit
	})
}

// relativePath reports whether a search path has a relative directory.
func relativePath(path string) bool {
	return path != "" && slices.ContainsFunc(strings.Split(path, ":"), relativeDir)
}

// relativeDir reports whether a directory is relative: an empty one is the working
// directory, and of ld.so's tokens only $ORIGIN stands for an absolute path (ld.so(8)).
func relativeDir(dir string) bool {
	return !strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, "$ORIGIN") && !strings.HasPrefix(dir, "${ORIGIN}")
}

// wanted reports whether an image refers to a symbol of another, or looks it up by name.
func (k *Keeper) wanted(g *reach.Graph, symbol string) bool {
	return g.LookedUp(symbol) || slices.ContainsFunc(k.p.Images, func(m *process.Image) bool { return k.refers(m.ID, symbol) })
}

// saying is an image whose live code refers to a text.
type saying struct {
	img  int
	text string
}

// says reports whether a live unit of an image refers to n's text, even if only in a part that does not
// run, and gets what n asks for; if n is about one that runs, whether there is one of which nothing waits but for r.
func (k *Keeper) says(g *reach.Graph, r *row, img int, n *need) bool {
	for k.read = max(k.read, 1); int(k.read) < g.NumUnits(); k.read++ {
		sum, m := g.Full(k.read), g.Unit(k.read).Image
		if sum == nil {
			break // what was let go just now made it live: it is not analysed yet
		}
		for _, r := range k.rows(m) {
			for _, n := range r.needs {
				if s := (saying{m, n.text}); n.text != "" && !slices.Contains(k.said[s], k.read) && (refersTo(g, m, sum, n.text) || refersToSocket(g, m, sum, n.text)) {
					k.said[s] = append(k.said[s], k.read)
				}
			}
		}
	}
	return slices.ContainsFunc(k.said[saying{img, n.text}], func(id reach.UnitID) bool {
		return !n.runs || !slices.ContainsFunc(k.waiting[id], func(o *row) bool { return o != r })
	})
}

// otherwise reports whether other code than functions that refer to a text (one of several, with | between)
// may call what waits for a row and does not refer to it itself.
func (k *Keeper) otherwise(g *reach.Graph, r *row, text string) bool {
	refers := func(id reach.UnitID) bool {
		return slices.ContainsFunc(strings.Split(text, "|"), func(t string) bool {
			return k.is(g, id, &function{"text", []string{t}}, false)
		})
	}
	for id, rows := range k.waiting {
		if !slices.Contains(rows, r) || refers(id) {
			continue
		}
		if g.Unit(id).Taken || slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
			return !refers(e.Unit)
		}) {
			return true
		}
	}
	return false
}

// maxWay bounds how far callers are followed.
const maxWay = 4

// around reports whether what waits for a row may be called otherwise than by way of a
// function of its image that is all that some say.
func (k *Keeper) around(g *reach.Graph, r *row, way []function) bool {
	named := way[0].how == "name"
	is := func(id reach.UnitID) bool {
		return !slices.ContainsFunc(way, func(f function) bool { return !k.is(g, id, &f, named) })
	}
	var other func(id reach.UnitID, depth int) bool
	other = func(id reach.UnitID, depth int) bool {
		callers := g.Callers(id)
		return g.Entered(id) || depth == 0 || len(callers) == 0 || slices.ContainsFunc(callers, func(e reach.Edge) bool {
			return g.Unit(e.Unit).Image != g.Unit(id).Image || !is(e.Unit) && other(e.Unit, depth-1)
		})
	}
	for id, rows := range k.waiting {
		if slices.Contains(rows, r) && other(id, maxWay) {
			return true
		}
	}
	return false
}

// cLibrary are the images of glibc that matter to rows about others: what they wait for may be
// a function of these, and their own names of variables of the environment set none.
var cLibrary = []string{"libc.so.6", "ld-linux-x86-64.so.2", "libdl.so.2", "libpthread.so.0"}

// named reports whether live code outside of the C library and of the images of a row, or data of such code,
// refers to the name of an environment variable, or to an assignment of it.
func (k *Keeper) named(g *reach.Graph, r *row, variable string) bool {
	for i, m := range g.Members {
		switch {
		case slices.Contains(cLibrary, m.Soname):
		case strings.HasPrefix(k.kind(i), "static:"): // the C library's own texts are among the program's
			if g.Assigns(i, variable) || k.calledByName(g, i, "setenv", "putenv") {
				return true
			}
		case !slices.ContainsFunc(r.images, func(n string) bool { return n == m.Soname }) && g.Names(i, variable):
			return true
		}
	}
	return false
}

// made reports whether a syscall instruction outside of the C library and of the images of a row may make one of
// some calls: it does, or its number is not known in its own code.
func (k *Keeper) made(g *reach.Graph, r *row, n *need) bool {
	for k.siteRead = max(k.siteRead, 1); int(k.siteRead) < g.NumUnits(); k.siteRead++ {
		sum := g.Full(k.siteRead)
		if sum == nil {
			break // not analysed yet
		}
		if len(sum.More().Sites) > 0 {
			k.sites = append(k.sites, k.siteRead)
		}
	}
	may := func(id reach.UnitID) bool {
		u := g.Unit(id)
		if !g.Live(id) || len(u.Sum.More().Sites) == 0 {
			return false
		}
		switch {
		case n.but != "": // the image has more than the C library
			if k.owned(u.Image).is(u.Entry, strings.Split(n.but, ",")) {
				return false
			}
		case k.in(r, u.Image) || slices.Contains(cLibrary, g.Members[u.Image].Soname) || g.Members[u.Image].Origin == process.OriginLoader:
			return false
		}
		for i := range u.Sum.More().Sites {
			if len(u.Sum.More().Sites[i].Values) == 0 {
				return true
			}
			for _, v := range u.Sum.More().Sites[i].Values {
				name, _ := sysno.Name(sysno.X86_64, int(uint32(v.N)))
				if v.Kind != summary.Const || u.Sum.More().Sites[i].Gate != summary.GateSyscall || slices.Contains(n.calls, name) {
					return true
				}
			}
		}
		return false
	}
	for id := k.siteRead; int(id) < g.NumUnits(); id++ { // what is not in the list yet
		if may(id) {
			return true
		}
	}
	return slices.ContainsFunc(k.sites, may)
}

// callByNumber is the C library's function whose first argument is the number of a call.
const callByNumber = "syscall"

// met reports whether calls of the unit of n's function may be such as n asks for.
func (k *Keeper) met(g *reach.Graph, id reach.UnitID, n *need) bool {
	switch {
	case n.outside && !fromOutside(g, id) && !k.fromOthers(g, id, n.but):
		return false
	case n.relative:
		return mayGetText(g, id, x86.RSI, func(s string) bool { return !strings.HasPrefix(s, "/") })
	case n.path:
		return mayGetText(g, id, x86.RDI, func(s string) bool { return strings.Contains(s, "/") && relativeDir(s) })
	case n.bits != nil && k.onStack(g.Unit(id).Image):
		return true
	case n.bits != nil && n.but != "":
		return k.togetherBut(g, id, n)
	case n.bits != nil:
		return together(g, id, n.bits, n.name == callByNumber)
	case n.charset:
		return mayGetText(g, id, x86.RSI, func(s string) bool { return strings.Contains(s, "ccs=") })
	case n.mask != 0:
		return mayGet(g, id, number.MayGetFromOthers, x86.RSI, func(v int64) bool { return v&n.mask != 0 })
	case n.first != nil:
		may := number.MayGetFromOthers
		if n.name == callByNumber {
			may = number.MayGetNumber
		}
		return mayGet(g, id, may, x86.RDI, func(v int64) bool { return slices.Contains(n.first, int64(int32(v))) })
	}
	return true
}

// onStack reports whether the functions of an image get their arguments on the stack, so that no register says what they are:
// those of Go before 1.17, of whose table that of 1.17 is no different.
func (k *Keeper) onStack(img int) bool {
	if k.kind(img) != kindGo {
		return false
	}
	_, offsets := k.p.Images[img].GoText()
	return !offsets
}

// mayGet reports whether an argument of a unit that another passes may be a constant that test accepts, or is not known.
func mayGet(g *reach.Graph, id reach.UnitID, may func(*reach.Graph, reach.UnitID, x86.Reg, func(number.Found) bool) bool, reg x86.Reg, test func(int64) bool) bool {
	return g.Entered(id) || may(g, id, reg, func(f number.Found) bool {
		return f.Value.Kind != summary.Const || test(f.Value.N)
	})
}

// mayGetText reports whether an argument of a unit may be a text that test accepts, or is not
// known. If it is null there is none.
func mayGetText(g *reach.Graph, id reach.UnitID, reg x86.Reg, test func(string) bool) bool {
	return g.Unit(id).Taken || number.MayGet(g, id, reg, func(f number.Found) bool {
		if f.Value.Kind == summary.Const {
			return f.Value.N != 0
		}
		s, ok := g.TextAt(f.Image, uint64(f.Value.N))
		return f.Value.Kind != summary.Addr || !ok || test(s) || g.Members[f.Image].Writable(uint64(f.Value.N))
	})
}

// fromOthers reports whether, in an image that has more than the C library, other functions than those of some
// names may call a unit.
func (k *Keeper) fromOthers(g *reach.Graph, id reach.UnitID, names string) bool {
	return strings.HasPrefix(k.kind(g.Unit(id).Image), "static:") && slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
		return !k.owned(g.Unit(e.Unit).Image).is(g.Unit(e.Unit).Entry, strings.Split(names, ","))
	})
}

// calledBut reports whether other functions than those of some names may call a live one of the image that n asks for.
func (k *Keeper) calledBut(g *reach.Graph, img int, n *need) bool {
	names := strings.Split(n.but, ",")
	return slices.ContainsFunc(n.called, func(name string) bool {
		return slices.ContainsFunc(k.exported(img).named(name), func(e export) bool {
			id, live := g.Lookup(img, e.addr)
			return live && (g.Unit(id).Taken || slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
				return !k.owned(img).is(g.Unit(e.Unit).Entry, names)
			}))
		})
	})
}

// fromOutside reports whether code of another image may call a unit.
func fromOutside(g *reach.Graph, id reach.UnitID) bool {
	return g.Unit(id).Taken || slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
		return g.Unit(e.Unit).Image != g.Unit(id).Image
	})
}
