// Package dlopen models what a process loads at run time: which files, on whose
// account, and which of their symbols are then called.
//
// The evidence is texts that live code refers to. A file name in such a text
// that can be found is loaded, once something that loads files is live, and so is
// one that looks like none, but is passed to that as a constant; where the loader
// would not find it, files of that name in the application's own directories are; all libraries there,
// for images that load files under names that are not known (LoadOwn). Names
// that the C library builds from the host's configuration are followed through
// that configuration (package hostconf): NSS services of the databases whose
// lookup functions are live, PAM modules of the services that the program
// names. What is loaded is entered through its constructors and through the
// symbols that the host looks up, not through all that it exports.
//
// Over-approximated: a text that names an existing library counts as a request
// for it, whoever refers to it; a symbol name counts as looked up, but by images of which all names that
// reach dlsym are known, and those that are known count as looked up everywhere. A name is known if it is
// passed as a constant, or is one of the variable arguments of a function all of whose callers pass constants (package variadic).
// Not known here: names built in other ways, or read from files that are not followed;
// the result lists the calls that take them (kind unknown).
package dlopen

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/hostconf"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/variadic"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Entry is one thing that may be loaded.
type Entry struct {
	What   string // path, name or pattern
	Kind   string // constant, own, nss, pam, openssl, module, plugin, unknown
	Found  bool
	Why    string
	Images []int
}

// openers are the functions that load a file by name.
var openers = []string{"dlopen", "dlmopen", "__libc_dlopen_mode", "_dl_open"}

// Model finds what a process may load at run time.
type Model struct {
	p        *process.Process
	hostNone bool

	Entries []Entry

	texts       []text       // file names that were not looked at yet
	held        []text       // file names that wait for an opener to be live
	open        []int        // images that are opened by name, which the graph does not know of yet
	were        []int        // and those that it knows of, which were not opened apart
	apart       bool         // see openedApart
	opens       map[int]bool // images that open others by names that are constants
	tried       map[string]bool
	asking      map[int]int                 // images that load files, with how many of bare they were asked about
	bare        []text                      // names of files that stand for what the loader finds for the image that loads them
	given       map[text]bool               // names that are no texts of libraries, but are given to openers
	live        bool                        // something that loads files is live
	words       map[string]bool             // texts that live code refers to and that may be names of character sets; none if configuration is not read
	newWords    []string                    // those of them that were not looked at
	heard       []string                    // and those of them that have come since Load
	defined     map[string][]process.Target // by name: what definitions found, in the images that there were
	definedIn   int
	nss         *hostconf.NSSConfig
	nssDone     map[string]bool
	own         []own // parts of glibc that the program has in itself
	pamDone     map[string]bool
	pamWaits    []string // entries whose callers are not live yet
	roots       int      // images that have their roots
	opensslDone bool
	charsets    *hostconf.GconvConfig
	variable    variadic.Solver
}

type text struct {
	img int
	s   string
}

// New returns a model for p. hostNone: configuration of the host is not read.
func New(p *process.Process, hostNone bool) *Model {
	return &Model{p: p, hostNone: hostNone, tried: map[string]bool{}, given: map[text]bool{}, asking: map[int]int{}, opens: map[int]bool{}, words: map[string]bool{},
		nssDone: map[string]bool{}, pamDone: map[string]bool{}, roots: len(p.Images)}
}

// Text takes a text that live code of image img refers to.
func (m *Model) Text(img int, addr uint64, s string, from reach.UnitID) {
	if m.p.Images[img].Origin == process.OriginProgram {
		for _, k := range ownTexts()[s] {
			m.own = append(m.own, own{k, from})
		}
	}
	if isLibraryName(s) {
		m.texts = append(m.texts, text{img, strings.Clone(s)})
	}
	if !m.hostNone && m.isWord(img, s) && !m.words[s] {
		s = strings.Clone(s)
		m.words[s] = true
		m.heard = append(m.heard, s)
	}
}

// isWord reports whether a text may be a name of a character set.
func (m *Model) isWord(img int, s string) bool {
	return len(s) < 32 && m.p.Images[img].Origin != process.OriginLoader && !strings.ContainsAny(s, " /%\n\t")
}

// Modelled reports whether the look-up of a name by an image is decided here, and not by
// the mere fact that live code refers to it: libpam refers to all entries of its
// modules, and calls those that the program's calls lead to. glibc's loader says in errors
// what failed (dlopen: elf/rtld.c, dl-open.c, the occasion of _dl_signal_error), and looks up no such function.
func (m *Model) Modelled(img int, name string) bool {
	i := m.p.Images[img]
	return pamCallers[name] != nil || name == "dlopen" && i.Origin == process.OriginLoader && i.Soname == glibcLoader
}

// glibcLoader is the soname of glibc's loader.
const glibcLoader = "ld-linux-x86-64.so.2"

// Load is called when everything known so far has been followed. It loads what
// is new and reports whether the graph has grown.
func (m *Model) Load(g *reach.Graph) bool {
	grown := false
	if m.roots == len(m.p.Images) && len(m.Entries) == 0 {
		m.modules(g)
	}
	m.held = append(m.held, m.texts...)
	m.texts = m.texts[:0]
	m.newWords = append(m.newWords, m.heard...)
	m.heard = m.heard[:0]
	if m.has(ownLoader) && !m.live {
		// its dlsym is one of its own functions, too, of which no dynamic symbol tells
		m.live = true
		grown = g.Looks(0, reach.LooksEverywhere) || grown
	}
	if m.Static(g, "dlsym") != nil {
		grown = g.Versions() || grown // its dlvsym is not told from it
	}
	m.live = m.live || m.called(g, openers...)
	if m.live {
		grown = m.constants(g) || grown
	}
	grown = m.services(g) || grown
	grown = m.pam(g) || grown
	grown = m.openssl(g) || grown
	grown = m.gconv(g) || grown
	grown = m.take(g) || grown
	grown = m.openAll(g) || grown
	grown = m.lookups(g) || grown
	if m.live && !grown { // last, as it takes long
		m.requests(g)
		grown = m.constants(g)
		grown = m.openAll(g) || grown
	}
	return grown
}

// constants loads what names stand for that are held.
func (m *Model) constants(g *reach.Graph) (grown bool) {
	for _, t := range m.held {
		grown = m.constant(g, t) || grown
	}
	m.held = nil
	return m.elsewhere(g) || grown
}

// openAll tells the graph and the process of the images that are opened by name.
func (m *Model) openAll(g *reach.Graph) (grown bool) {
	for _, id := range m.open {
		grown = g.Open(id, m.ofC) || grown
	}
	if m.were = append(m.were, m.open...); m.apart {
		m.p.OpenApart(m.were)
		m.were = m.were[:0]
	}
	m.open = m.open[:0]
	return grown
}

// isLibraryName reports whether a text is the name of a shared object, as dlopen takes it.
func isLibraryName(s string) bool {
	if s == "" || s[len(s)-1] > '9' && s[len(s)-1] != 'o' {
		return false // as most texts
	}
	i := strings.LastIndex(s, ".so")
	if i <= 0 || len(s) > 256 || strings.ContainsAny(s, " %*\n\t:,;\"'") {
		return false
	}
	rest := s[i+3:]
	for _, c := range rest {
		if c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	b := s[strings.LastIndexByte(s, '/')+1:]
	return len(b) > 3 && b[0] != '.'
}

// constant loads a file whose name is a text of live code.
func (m *Model) constant(g *reach.Graph, t text) bool {
	if !m.ofC(t.img) && (!strings.Contains(t.s, "/") || strings.Contains(t.s, "$")) {
		m.bare = append(m.bare, t)
	}
	if ids := m.of(t.s); m.tried[t.s] || len(ids) > 0 {
		m.tried[t.s] = true
		m.opened(t.img, ids)
		return false
	}
	m.tried[t.s] = true
	why := "a text in " + path.Base(m.p.Images[t.img].Path)
	grown := m.add(g, t.img, t.s, "constant", why)
	m.opened(t.img, m.Entries[len(m.Entries)-1].Images)
	if last := len(m.Entries) - 1; !m.Entries[last].Found && !strings.Contains(t.s, "/") {
		// Where the loader does not look, but the application may.
		for i, own := range m.p.Own(t.img, t.s) {
			if i == 0 {
				m.Entries = m.Entries[:last]
			}
			grown = m.add(g, t.img, own, "constant", why+", and a file of the application") || grown
			m.opened(t.img, m.Entries[len(m.Entries)-1].Images)
		}
	}
	return grown
}

// ofC reports whether an image is the C library, or its loader. A library that has a dlopen of its own is none.
func (m *Model) ofC(img int) bool {
	i := m.p.Images[img]
	return i.Origin == process.OriginLoader || strings.HasPrefix(i.Soname, "libc.so") || strings.HasPrefix(i.Soname, "libdl.so")
}

// opened notes images that another opens by name. What the C library and its loader open, for themselves, nobody else gets a handle of.
func (m *Model) opened(by int, ids []int) {
	if m.ofC(by) {
		return
	}
	m.opens[by] = true
	for _, id := range ids {
		if id != by || m.p.Images[id].Origin != process.OriginDlopen { // one that was loaded opens itself to stay: systemd's NSS module
			m.open = append(m.open, id)
		}
	}
}

// A Library may be loaded by an image that loads files under names that are not known.
type Library struct {
	Path string
	By   int // the image
}

// Own returns the libraries in the own directories of images that load files under names that are not
// known, but for those that are in the process.
func (m *Model) Own(images []int) []Library {
	var out []Library
	for _, img := range images {
		for _, p := range m.p.OwnLibraries(img) {
			if !m.tried[p] && !m.loaded(p) {
				out = append(out, Library{p, img})
			}
		}
	}
	return out
}

// LoadOwn loads libraries as modules, and reports whether the graph has grown.
func (m *Model) LoadOwn(g *reach.Graph, libraries []Library) bool {
	grown := false
	for _, l := range libraries {
		if m.tried[l.Path] || m.loaded(l.Path) {
			continue // two images may load it; another may need it
		}
		m.tried[l.Path] = true
		before := len(m.p.Images)
		grown = m.add(g, l.By, l.Path, "own", "in a directory of "+path.Base(m.p.Images[l.By].Path)+", which loads files whose names are not known") || grown
		for id := before; id < len(m.p.Images); id++ {
			if m.p.Images[id].Path == l.Path {
				m.take(g)
				m.plugin(g, id)
			}
		}
	}
	return grown
}

// loaded reports whether a name is that of an image that is there anyway.
func (m *Model) loaded(name string) bool { return len(m.of(name)) > 0 }

// of returns the images that are there and have a name.
func (m *Model) of(name string) (ids []int) {
	for id, i := range m.p.Images {
		if i.Soname == name || i.Path == name || path.Base(i.Path) == name {
			ids = append(ids, id)
		}
	}
	return ids
}

// add loads a file and its dependencies.
func (m *Model) add(g *reach.Graph, from int, name, kind, why string) bool {
	before := len(m.p.Images)
	id, err := m.p.AddFrom(from, name, why, process.OriginDlopen)
	e := Entry{What: name, Kind: kind, Found: err == nil, Why: why}
	if err == nil {
		e.Images = append(e.Images, id)
	}
	m.Entries = append(m.Entries, e)
	return len(m.p.Images) > before
}

// take gives new images their roots.
func (m *Model) take(g *reach.Graph) bool {
	grown := false
	for ; m.roots < len(m.p.Images); m.roots++ {
		g.AddImage(m.roots)
		grown = true
	}
	if grown {
		g.Relookup()
	}
	return grown
}

// modules gives the files that the user names their entry symbols.
func (m *Model) modules(g *reach.Graph) {
	for id, i := range m.p.Images {
		if i.Origin != process.OriginModule || i.Why == "" {
			continue
		}
		m.Entries = append(m.Entries, Entry{What: i.Path, Kind: "module", Found: true, Why: i.Why, Images: []int{id}})
		m.plugin(g, id)
	}
}

// plugin roots the symbols of a module that hosts are known to look up. If it
// has none of them, everything that it exports may be looked up.
func (m *Model) plugin(g *reach.Graph, id int) {
	i := m.p.Images[id]
	n := 0
	for pass := range 2 {
		for s := 1; s < i.NumSymbols(); s++ {
			sym := i.Symbol(s)
			if sym.Shndx == 0 || sym.Type > 2 && sym.Type != 10 {
				continue
			}
			kind, known := hostconf.PluginEntry(i.SymbolName(s))
			if pass == 0 && known {
				n++
				g.RootSymbol(process.Target{Image: id, Sym: s}, "entry symbol ("+kind+")")
			} else if pass == 1 && n == 0 {
				g.RootSymbol(process.Target{Image: id, Sym: s}, "exported by a module")
			}
		}
		if n > 0 {
			return
		}
	}
}

// services loads the NSS modules of the databases whose lookups are live.
func (m *Model) services(g *reach.Graph) bool {
	if m.p.Libc == "musl" || m.p.Libc == "" && !m.has(ownServices) {
		return false
	}
	live := func(symbol string) bool {
		if m.has(ownServices) {
			return true // its functions have no names there
		}
		for _, t := range m.definitions(symbol) {
			if strings.HasPrefix(m.p.Images[t.Image].Soname, "libc.so") {
				if _, ok := g.Lookup(t.Image, m.p.Images[t.Image].Symbol(t.Sym).Value); ok {
					return true
				}
			}
		}
		return false
	}
	if m.nss == nil {
		read := func(p string) ([]byte, error) { return m.p.ReadConfig(p, "nsswitch.conf") }
		if m.hostNone {
			read = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
		}
		if !slices.ContainsFunc(hostconf.NSSFunctions(), func(f hostconf.NSSFunction) bool { return live(f.Symbol) }) {
			return false
		}
		c, err := hostconf.NSS(read)
		if err != nil {
			m.Entries = append(m.Entries, Entry{What: "/etc/nsswitch.conf", Kind: "nss", Why: err.Error()})
			c, _ = hostconf.NSS(func(string) ([]byte, error) { return nil, fs.ErrNotExist })
		}
		m.nss = c
	}
	grown := false
	for _, mod := range m.nss.Modules(live) {
		builtin := mod.Builtin && (m.builtin() || m.has(ownServices))
		for _, e := range mod.Entries {
			key := mod.Name + " " + e
			if m.nssDone[key] {
				continue
			}
			m.nssDone[key] = true
			if !m.nssDone[mod.Name] && !builtin {
				m.nssDone[mod.Name] = true
				for _, p := range mod.Paths {
					m.add(g, 0, p, "nss", mod.Source)
				}
				grown = m.take(g) || grown
			}
			for _, t := range m.definitions(e) {
				g.RootSymbol(t, "NSS entry")
				grown = true
			}
		}
	}
	return grown
}

// Prepare holds back the NSS services that are part of libc: it refers to all
// of their functions, and calls those that nsswitch.conf leads to.
func (m *Model) Prepare(g *reach.Graph) {
	if !m.builtin() {
		return
	}
	for img, i := range m.p.Images {
		if !strings.HasPrefix(i.Soname, "libc.so") {
			continue
		}
		for s := 1; s < i.NumSymbols(); s++ {
			n := i.SymbolName(s)
			if sym := i.Symbol(s); sym.Shndx != 0 && sym.Type == 2 && (strings.HasPrefix(n, "_nss_files_") || strings.HasPrefix(n, "_nss_dns_")) {
				g.Gate(img, sym.Value)
			}
		}
	}
}

// builtin reports whether libc has the files and dns services in itself (glibc 2.34).
func (m *Model) builtin() bool {
	for _, i := range m.p.Images {
		if strings.HasPrefix(i.Soname, "libc.so") {
			_, ok := i.Lookup("__libc_start_main", "GLIBC_2.34")
			return ok
		}
	}
	return false
}

// pamCallers are the functions of libpam that call each entry of a module
// (Linux-PAM, libpam/pam_dispatch.c and its callers).
var pamCallers = map[string][]string{
	"pam_sm_authenticate":  {"pam_authenticate"},
	"pam_sm_setcred":       {"pam_setcred"},
	"pam_sm_acct_mgmt":     {"pam_acct_mgmt"},
	"pam_sm_open_session":  {"pam_open_session"},
	"pam_sm_close_session": {"pam_close_session"},
	"pam_sm_chauthtok":     {"pam_chauthtok"},
}

// pamServices returns the names that live code gives to pam_start, nil if they
// are not all known: constant texts, and the program's own name.
func (m *Model) pamServices(g *reach.Graph) []string {
	names := []string{}
	for _, fn := range []string{"pam_start", "pam_start_confdir"} {
		for _, t := range m.definitions(fn) {
			id, ok := g.Lookup(t.Image, m.p.Images[t.Image].Symbol(t.Sym).Value)
			if !ok {
				continue
			}
			found, known := number.Passed(g, id, x86.RDI)
			if !known {
				return nil
			}
			for _, f := range found {
				switch {
				case f.Value.Kind == summary.Addr:
					s, ok := g.TextAt(f.Image, uint64(f.Value.N))
					if !ok {
						return nil
					}
					names = append(names, strings.Clone(s))
				case f.Value.Kind == summary.Slot && m.progname(f.Image, uint64(f.Value.N)):
					names = append(names, path.Base(m.p.Images[0].Path))
					if m.p.Named != "" {
						names = append(names, path.Base(m.p.Named))
					}
				case f.Image == t.Image: // libpam calls itself
				default:
					return nil
				}
			}
		}
	}
	return names
}

// progname reports whether the word at a is the C library's __progname.
func (m *Model) progname(img int, a uint64) bool {
	i := m.p.Images[img]
	for _, r := range i.RelocsIn(a, a+8) {
		if r.Sym != 0 && slices.Contains([]string{"__progname", "program_invocation_short_name"}, i.SymbolName(int(r.Sym))) {
			return true
		}
	}
	return false
}

// definitions returns every definition of a name that is the default one in its image. The same few names are asked for
// again and again.
func (m *Model) definitions(name string) []process.Target {
	if m.definedIn != len(m.p.Images) {
		m.defined, m.definedIn = map[string][]process.Target{}, len(m.p.Images)
	}
	l, known := m.defined[name]
	if !known {
		l = m.p.LookupAll(name, nil)
		m.defined[name] = l
	}
	return l
}

// called reports whether one of the named functions is live.
func (m *Model) called(g *reach.Graph, names ...string) bool {
	for _, name := range names {
		for _, t := range m.definitions(name) {
			if _, ok := g.Lookup(t.Image, m.p.Images[t.Image].Symbol(t.Sym).Value); ok {
				return true
			}
		}
	}
	return len(names) == 0
}

// pam loads the modules of the PAM services that the program may ask for.
func (m *Model) pam(g *reach.Graph) bool {
	if !m.called(g, "pam_start", "pam_start_confdir") || m.hostNone {
		return false
	}
	read := func(p string) ([]byte, error) { return m.p.ReadConfig(p, "pam") }
	all := hostconf.PAMServices(read, m.p.ReadDir)
	want, why := m.pamServices(g), ""
	if want == nil {
		want, why = all, "the service's name is not a constant, so all"
	}
	grown := false
	waits := m.pamWaits
	m.pamWaits = nil
	for _, e := range waits {
		if !m.called(g, pamCallers[e]...) {
			m.pamWaits = append(m.pamWaits, e)
			continue
		}
		for _, t := range m.definitions(e) {
			g.RootSymbol(t, "PAM entry")
			grown = true
		}
	}
	for _, s := range append(want, "other") {
		if m.pamDone[s] {
			continue
		}
		m.pamDone[s] = true
		for _, mod := range hostconf.PAM(read, m.p.ReadDir, s).Modules() {
			key := "pam " + mod.Name
			for _, p := range mod.Paths {
				if m.pamDone[key+p] {
					continue
				}
				m.pamDone[key+p] = true
				if !m.p.Exists(p) {
					continue
				}
				m.add(g, 0, p, "pam", strings.TrimSpace(fmt.Sprintf("%s %s", mod.Source, why)))
			}
			grown = m.take(g) || grown
			for _, e := range mod.Entries {
				if m.called(g, pamCallers[e]...) {
					for _, t := range m.definitions(e) {
						g.RootSymbol(t, "PAM entry")
					}
				} else {
					m.pamWaits = append(m.pamWaits, e)
				}
			}
		}
	}
	return grown
}

// load adds the first existing candidates of modules that the host's
// configuration names, and roots the symbols that their host looks up.
func (m *Model) load(g *reach.Graph, mods []hostconf.Module, kind string) bool {
	grown := false
	for _, mod := range mods {
		for _, p := range mod.Paths {
			if m.tried[p] || !m.p.Exists(p) {
				continue
			}
			m.tried[p] = true
			m.add(g, 0, p, kind, mod.Source)
			m.take(g)
			grown = true
			for _, e := range mod.Entries {
				for _, t := range m.definitions(e) {
					g.RootSymbol(t, kind+" entry")
				}
			}
		}
	}
	return grown
}

// openssl loads what libcrypto loads when it initialises itself.
func (m *Model) openssl(g *reach.Graph) bool {
	if m.hostNone || m.opensslDone || !m.called(g, "OPENSSL_init_crypto", "OSSL_PROVIDER_load") {
		return false
	}
	m.opensslDone = true
	read := func(p string) ([]byte, error) { return m.p.ReadConfig(p, "openssl.cnf") }
	return m.load(g, hostconf.OpenSSL(read, m.p.ReadDir).Modules, "openssl")
}

// gconv loads the modules of the character sets that live code names, once
// something that converts is live. Sets that come from elsewhere (the locale, a
// file) are one entry under the name unknown.
func (m *Model) gconv(g *reach.Graph) bool {
	if m.hostNone || !m.has(ownGconv) && !m.called(g, "iconv_open") {
		return false
	}
	if m.charsets == nil {
		read := func(p string) ([]byte, error) { return m.p.ReadConfig(p, "gconv-modules") }
		m.charsets = hostconf.Gconv(read, m.p.ReadDir)
		m.Entries = append(m.Entries, Entry{What: "unknown", Kind: "gconv", Why: "a conversion may be asked for any character set; its modules convert in memory and make no calls of their own"})
	}
	grown := false
	words := m.newWords
	m.newWords = nil
	slices.Sort(words)
	for _, w := range words {
		grown = m.load(g, m.charsets.For(w), "gconv") || grown
	}
	return grown
}

// Sorted returns the entries in a stable order.
func (m *Model) Sorted() []Entry {
	l := slices.Clone(m.Entries)
	slices.SortFunc(l, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
	return l
}
