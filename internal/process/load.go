package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/gofind-dev/gofind/internal/image"
)

// maxImages bounds what a hostile root can make us load.
const maxImages = 8192

// standardPath is PATH inside a root.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// linker is the state of loading.
type linker struct {
	p      *Process
	fs     *rootFS
	opts   Options
	level  int // x86-64 level, 0 for the union of all
	musl   bool
	interp int // image id, -1 if there is none

	base     *namespace
	byFile   map[fileID]int
	rejected map[fileID]error // files that ld.so would pass over
	dirs     map[string]*dirInfo

	cacheRead bool
	cache     *ldCache // nil if there is none
	confDirs  []string // directories in place of a cache; musl: the system path

	missing []*MissingError
}

// namespace is a link-map list of ld.so: names are looked up in it before files are.
type namespace struct {
	names map[string]int
	audit bool
}

// want is a request for one library.
type want struct {
	from     int    // image that asks, whose search paths count; -1 for nobody
	name     string // as in DT_NEEDED
	as       string // for messages
	origin   Origin
	optional bool // ld.so goes on without it
	opened   bool // by dlopen, not at startup
}

// Load finds program and everything that its loader would map before main:
// interpreter, preloaded and audit libraries, and dependencies. Then it adds
// opts.Modules. A program is a path, or a name to be found on PATH: that of the
// environment and then the standard one, or only the latter if there is a root.
//
// Errors are *ProgramError, *ScriptError, *UnsupportedError, *image.FormatError
// and *MissingError.
func Load(program string, opts Options) (*Process, error) {
	p := &Process{}
	if err := p.load(program, opts); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Process) load(program string, opts Options) error {
	if opts.Root == "/" {
		opts.Root = ""
	}
	root, err := newRootFS(opts.Root)
	if err != nil {
		return err
	}
	l := &linker{
		p: p, fs: root, opts: opts, interp: -1,
		base:   newNamespace(false),
		byFile: map[fileID]int{}, rejected: map[fileID]error{}, dirs: map[string]*dirInfo{},
	}
	p.link = l
	if l.level, err = parseLevel(opts.CPU); err != nil {
		return err
	}
	e, err := l.findProgram(program)
	if err != nil {
		return err
	}
	p.Named = e.named()
	f, err := l.openImage(e.real)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return l.programError(program, err)
		}
		return err
	}
	e.path = e.real // as /proc/self/exe has it
	main := l.commit(e, f, &Image{Origin: OriginProgram, NeededBy: -1, loader: -1})
	l.register(l.base, main, "")
	if err := l.startup(); err != nil {
		return err
	}
	p.startup = len(p.Images)
	p.buildScopes()
	for _, m := range opts.Modules {
		if _, err := p.Add(m, "--module", OriginModule); err != nil {
			return err
		}
	}
	return nil
}

func parseLevel(cpu string) (int, error) {
	switch cpu {
	case "":
		return 0, nil
	case "x86-64", "x86-64-v1":
		return 1, nil
	}
	if l := hwcapsLevel(cpu); l > 0 {
		return l, nil
	}
	return 0, fmt.Errorf("CPU level %q is not known; it is one of x86-64, x86-64-v2, x86-64-v3, x86-64-v4", cpu)
}

// findProgram finds the file to scan.
func (l *linker) findProgram(program string) (entry, error) {
	if program == "" {
		return entry{}, &ProgramError{Program: `""`, Problem: "not found", Hint: "name a program", Err: fs.ErrNotExist}
	}
	if strings.Contains(program, "/") {
		e, err := l.fs.stat(program)
		if err != nil {
			return entry{}, l.programError(program, err)
		}
		return e, l.checkProgram(program, e)
	}
	list := standardPath
	if l.fs.dir == "" {
		list = os.Getenv("PATH") + ":" + standardPath
	}
	for dir := range strings.SplitSeq(list, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		if e, err := l.fs.stat(join(dir, program)); err == nil && e.mode.IsRegular() && e.mode&0o111 != 0 {
			return e, nil
		}
	}
	err := &ProgramError{Program: program, Problem: "not found on PATH", Err: fs.ErrNotExist}
	if l.fs.dir != "" {
		err.Problem = fmt.Sprintf("not found in %s, in %s", l.fs.dir, standardPath)
	} else if _, serr := l.fs.stat("./" + program); serr == nil {
		err.Hint = "write ./" + program + " for the file in this directory"
	}
	return entry{}, err
}

func (l *linker) checkProgram(program string, e entry) error {
	switch {
	case e.mode.IsDir():
		return &ProgramError{Program: program, Problem: "is a directory", Hint: "name a program in it", Err: image.ErrNotRegular}
	case !e.mode.IsRegular():
		return &ProgramError{Program: program, Problem: "is not a regular file", Err: image.ErrNotRegular}
	}
	return nil
}

// startup loads what is mapped before main.
func (l *linker) startup() error {
	p := l.p
	main := p.Images[0]
	if _, ok := main.Lookup("__dls2b", ""); ok { // musl 1.1.17, ldso/dynlink.c: looked up in itself, as are the stages behind it
		return &ProgramError{Program: main.Path, Problem: "this is musl's C library and loader, which finds its own code by name when it is started",
			Hint: "scan the programs that use it"}
	}
	if main.Interp == "" && len(main.Needed) == 0 && len(main.Filter) == 0 && len(main.Auxiliary) == 0 {
		return nil // static
	}
	var wants []want
	if main.Interp != "" {
		if err := l.loadInterp(main); err != nil {
			return err
		}
		if main.Needed == nil && p.Libc == "" {
			return nil // klibc: the interpreter is all
		}
	} else {
		p.Libc = libcNeeded(main.Needed) // a shared library was given
		l.musl = p.Libc == "musl"
	}
	if main.Interp != "" {
		for _, list := range l.opts.Preload {
			for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ' ' || l.musl && strings.ContainsRune("\t\n\r\v\f", r) }) {
				w := want{from: 0, name: name, as: "preloaded", origin: OriginPreload}
				if l.musl {
					w.from = -1 // not even its DT_RPATH
				}
				wants = append(wants, w)
			}
		}
		if !l.musl && !l.opts.NoHostConf {
			for _, name := range p.preloadFile() {
				wants = append(wants, want{from: 0, name: name, as: "in /etc/ld.so.preload", origin: OriginPreload, optional: true})
			}
		}
	}
	npre := len(wants)
	wants = append(wants, l.deps(0, OriginNeeded)...)
	before := len(p.Images)
	ids, err := l.batch(l.base, wants)
	if err != nil {
		return err
	}
	for _, g := range ids[:npre] {
		for _, id := range g {
			if p.Images[id].Origin == OriginPreload {
				p.preloads = append(p.preloads, id)
			}
		}
	}
	l.setDeps(0, wants[npre:], ids[npre:])
	if err := l.closure(l.base, before, OriginNeeded); err != nil {
		return err
	}
	if err := l.missed(); err != nil {
		return err
	}
	if l.musl || main.Interp == "" {
		return nil
	}
	return l.audits(main)
}

// loadInterp loads PT_INTERP and finds out whose loader it is.
func (l *linker) loadInterp(main *Image) error {
	e, err := l.fs.stat(main.Interp)
	if err == nil && !e.mode.IsRegular() {
		err = image.ErrNotRegular
	}
	var f *image.File
	if err == nil {
		e.path = l.tidy(e)
		f, err = l.openImage(e.real)
	}
	if err != nil {
		m := &MissingError{Library: main.Interp, NeededBy: main.Path, As: "interpreter"}
		if !errors.Is(err, fs.ErrNotExist) {
			m.Rejected = []string{err.Error()}
		}
		return m
	}
	if l.byFile[e.id] == 0 && e.id == l.fileOf(0) {
		f.Close()
		return nil // the loader itself was given
	}
	l.interp = l.commit(e, f, &Image{Origin: OriginLoader, NeededBy: 0, loader: 0})
	l.register(l.base, l.interp, main.Interp)
	base := path.Base(main.Interp)
	_, rtld := f.Lookup("_rtld_global", "GLIBC_PRIVATE")
	_, libc := f.Lookup("__libc_start_main", "")
	switch {
	case rtld || strings.HasPrefix(base, "ld-linux"):
		l.p.Libc = "glibc"
	case strings.HasPrefix(base, "ld-musl-") || libc:
		l.p.Libc, l.musl = "musl", true
	}
	return nil
}

func libcNeeded(needed []string) string {
	for _, n := range needed {
		switch {
		case n == "libc.so.6":
			return "glibc"
		case strings.HasPrefix(n, "libc.musl-"), n == "libc.so":
			return "musl"
		}
	}
	return ""
}

// audits loads DT_AUDIT and DT_DEPAUDIT of the program, each into a namespace of
// its own. ld.so goes on without those that it cannot find.
func (l *linker) audits(main *Image) error {
	var names []string
	for _, list := range [][]string{main.Audit, main.DepAudit} {
		for _, s := range list {
			for n := range strings.SplitSeq(s, ":") {
				if n != "" {
					names = append(names, n)
				}
			}
		}
	}
	for _, name := range names {
		ns := newNamespace(true)
		if l.interp >= 0 {
			l.register(ns, l.interp, main.Interp)
		}
		before := len(l.p.Images)
		ids, err := l.batch(ns, []want{{from: -1, name: l.expandMain(name), as: "audit library", origin: OriginAudit, optional: true}})
		if err != nil {
			return err
		}
		if len(ids[0]) == 0 {
			continue
		}
		if err := l.closure(ns, before, OriginAudit); err != nil {
			return err
		}
		if err := l.missed(); err != nil {
			return err
		}
		for _, id := range ids[0] {
			l.p.audits = append(l.p.audits, id)
		}
	}
	return nil
}

// expandMain substitutes tokens relative to the program, for names without a loader.
func (l *linker) expandMain(name string) string {
	s := &searcher{l: l, v: variants[0]}
	if x := s.expand(name, l.p.Images[0]); strings.Contains(name, "/") && len(x) > 0 {
		for _, c := range x {
			if _, ok := s.try(c); ok {
				return c
			}
		}
		return x[0]
	}
	return name
}

// deps lists what an image asks for.
func (l *linker) deps(id int, origin Origin) (wants []want) {
	img := l.p.Images[id]
	for _, n := range img.Needed {
		wants = append(wants, want{from: id, name: n, as: "needed", origin: origin})
	}
	if l.musl {
		return wants
	}
	for _, n := range img.Filter {
		wants = append(wants, want{from: id, name: n, as: "filtee", origin: origin})
	}
	for _, n := range img.Auxiliary {
		wants = append(wants, want{from: id, name: n, as: "auxiliary filtee", origin: origin, optional: true})
	}
	return wants
}

func (l *linker) setDeps(id int, wants []want, ids [][]int) {
	img := l.p.Images[id]
	img.linked = true
	for i, g := range ids {
		for _, d := range g {
			if !contains(img.Needs, d) {
				img.Needs = append(img.Needs, d)
			}
			if wants[i].as != "needed" && !contains(img.filtees, d) {
				img.filtees = append(img.filtees, d)
			}
		}
	}
}

func contains(s []int, x int) bool {
	for _, v := range s {
		if v == x {
			return true
		}
	}
	return false
}

// closure loads the dependencies of the images from id on, breadth-first.
func (l *linker) closure(ns *namespace, from int, origin Origin) error {
	for from < len(l.p.Images) {
		to := len(l.p.Images)
		var wants []want
		var spans []int
		var who []int
		for id := from; id < to; id++ {
			if l.p.Images[id].linked {
				continue
			}
			who = append(who, id)
			wants = append(wants, l.deps(id, origin)...)
			spans = append(spans, len(wants))
		}
		ids, err := l.batch(ns, wants)
		if err != nil {
			return err
		}
		at := 0
		for i, id := range who {
			l.setDeps(id, wants[at:spans[i]], ids[at:spans[i]])
			at = spans[i]
		}
		from = to
	}
	return nil
}

// job opens one file.
type job struct {
	e    entry
	file *image.File
	err  error
	used bool
}

// batch loads libraries: it looks for all of them, opens the files in parallel,
// and then enters them in the order of the requests, so that the result is that
// of loading them one by one. It returns the images for each request: the base
// file, then its alternates; none if it is missing (see missed).
func (l *linker) batch(ns *namespace, wants []want) ([][]int, error) {
	found := make([][]entry, len(wants))
	done := make([]bool, len(wants)) // found is valid
	jobs := map[fileID]*job{}
	var queue []*job
	look := func(i int) *searcher {
		w := wants[i]
		var from *Image
		if w.from >= 0 {
			from = l.p.Images[w.from]
		}
		var s *searcher
		found[i], s = l.find(from, w.name, ns.audit)
		if len(found[i]) == 0 && from != nil && (from.Origin == OriginModule || from.Origin == OriginDlopen) {
			// It may have been loaded before, from where only the application knows.
			for _, p := range l.p.Own(w.from, w.name) {
				if e, err := l.fs.stat(p); err == nil {
					found[i] = append(found[i], e)
				}
			}
		}
		done[i] = true
		queue = queue[:0]
		for _, e := range found[i] {
			if _, ok := l.byFile[e.id]; ok || jobs[e.id] != nil {
				continue
			}
			j := &job{e: e}
			jobs[e.id] = j
			queue = append(queue, j)
		}
		return s
	}
	defer func() {
		for _, j := range jobs {
			if j.file != nil && !j.used {
				j.file.Close()
			}
		}
	}()

	// Look ahead: what the names stand for now. Entering an image may make a
	// later name stand for it, so this is only a guess that saves time.
	asked := map[string]bool{}
	var all []*job
	var looked []*searcher
	for i, w := range wants {
		looked = append(looked, nil)
		if _, ok := l.known(ns, w.name); ok || asked[w.name] {
			continue
		}
		asked[w.name] = true
		looked[i] = look(i)
		all = append(all, queue...)
	}
	l.open(all)

	ids := make([][]int, len(wants))
	for i, w := range wants {
		for {
			if id, ok := l.known(ns, w.name); ok {
				if id >= 0 {
					ids[i] = append([]int{id}, l.p.Images[id].Alternates...)
				}
				break
			}
			s := looked[i]
			if !done[i] {
				s = look(i)
				l.open(queue)
			}
			if len(found[i]) == 0 {
				if err := l.notFound(w, s); err != nil {
					return nil, err
				}
				break
			}
			retry := false
			for _, e := range found[i] {
				j := jobs[e.id]
				if j == nil || j.err == nil {
					continue
				}
				if !unfit(j.err) && !w.optional {
					return nil, fmt.Errorf("%w; needed by %s", j.err, l.who(w))
				}
				l.rejected[e.id] = j.err
				retry = true
			}
			if retry {
				done[i] = false
				continue
			}
			group, err := l.enter(ns, w, found[i], jobs)
			if err != nil {
				return nil, err
			}
			ids[i] = group
			break
		}
	}
	return ids, nil
}

// enter adds the files found for a request.
func (l *linker) enter(ns *namespace, w want, found []entry, jobs map[fileID]*job) (group []int, err error) {
	for k, e := range found {
		id, ok := l.byFile[e.id]
		if !ok {
			if len(l.p.Images) >= maxImages {
				return nil, fmt.Errorf("%s: more than %d files to load", l.p.Images[0].Path, maxImages)
			}
			j := jobs[e.id]
			j.used = true
			img := &Image{Origin: w.origin, NeededBy: w.from, loader: w.from}
			if w.opened {
				img.loader = -1 // dlopen forgets who called it
			}
			if w.origin == OriginPreload {
				img.NeededBy = 0
			}
			id = l.commit(e, j.file, img)
		}
		if k == 0 {
			l.register(ns, id, w.name)
		}
		l.register(ns, id, e.path)
		if !contains(group, id) {
			group = append(group, id)
		}
	}
	if base := l.p.Images[group[0]]; len(group) > 1 {
		for _, id := range group[1:] {
			if !contains(base.Alternates, id) {
				base.Alternates = append(base.Alternates, id)
			}
		}
	}
	return group, nil
}

func (l *linker) who(w want) string {
	if w.from < 0 {
		return l.p.Images[0].Path + " (" + w.as + ")"
	}
	if w.as == "needed" || w.as == "" {
		return l.p.Images[w.from].Path
	}
	return l.p.Images[w.from].Path + " (" + w.as + ")"
}

func (l *linker) notFound(w want, s *searcher) error {
	if w.optional {
		return nil
	}
	m := &MissingError{Library: w.name, As: w.as}
	if w.from >= 0 {
		m.NeededBy = l.p.Images[w.from].Path
	}
	seen := map[string]bool{}
	for _, d := range s.tried {
		if !seen[d] && d != w.name {
			seen[d] = true
			m.Searched = append(m.Searched, d)
		}
	}
	for _, r := range s.blocked {
		if !seen[r] {
			seen[r] = true
			m.Rejected = append(m.Rejected, r)
		}
	}
	l.missing = append(l.missing, m)
	return nil
}

// missed returns the first missing library, which names the others.
func (l *linker) missed() error {
	if len(l.missing) == 0 {
		return nil
	}
	m := l.missing[0]
	seen := map[string]bool{m.Library: true}
	for _, o := range l.missing[1:] {
		if !seen[o.Library] {
			seen[o.Library] = true
			m.Others = append(m.Others, o.Library)
		}
	}
	l.missing = nil
	return m
}

// open opens files with as many workers as there are processors.
func (l *linker) open(jobs []*job) {
	one := func(j *job) { j.file, j.err = l.openImage(j.e.real) }
	if len(jobs) == 1 {
		one(jobs[0])
		return
	}
	next := make(chan *job, len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	var wg sync.WaitGroup
	for range min(len(jobs), max(2, runtime.GOMAXPROCS(0))) {
		wg.Go(func() {
			for j := range next {
				one(j)
			}
		})
	}
	wg.Wait()
}

// known reports the image that a name already stands for; -1 if it stands for
// something that is not a file.
func (l *linker) known(ns *namespace, name string) (int, bool) {
	if id, ok := ns.names[name]; ok {
		return id, true
	}
	if l.muslSelf(name) {
		return l.interp, true
	}
	switch name {
	case "linux-vdso.so.1", "linux-gate.so.1":
		return -1, !l.musl
	}
	return 0, false
}

func newNamespace(audit bool) *namespace {
	return &namespace{names: map[string]int{}, audit: audit}
}

// register makes name, and the image's soname, stand for the image, unless they
// stand for an earlier one. musl compares only the names that were asked for.
func (l *linker) register(ns *namespace, id int, name string) {
	if _, ok := ns.names[name]; !ok {
		ns.names[name] = id
	}
	if so := l.p.Images[id].Soname; so != "" && !l.musl {
		if _, ok := ns.names[so]; !ok {
			ns.names[so] = id
		}
	}
}

// commit makes an image of an open file.
func (l *linker) commit(e entry, f *image.File, img *Image) int {
	img.File, img.ID, img.Path, img.Real, img.file = f, len(l.p.Images), e.path, e.real, e.id
	if l.fs.dir != "" {
		f.DebugRoot = "" // its links could lead out of the root
	}
	l.p.Images = append(l.p.Images, img)
	l.byFile[e.id] = img.ID
	return img.ID
}

func (l *linker) fileOf(id int) fileID { return l.p.Images[id].file }

// loaderOf is the image whose DT_RPATH is searched after that of img.
func (l *linker) loaderOf(img *Image) *Image {
	if img.loader < 0 {
		return nil
	}
	return l.p.Images[img.loader]
}

// Add loads path and its dependencies as dlopen would: an absolute path inside
// the root, a relative one (with a "/") from the current directory, or a soname
// to be searched for as if the program had asked for it. It returns the image's
// id, which may be that of an image that is already there. After an error the
// process is as before.
//
// Images that are new get origin and, like path's, a Local scope. Images that are there keep theirs.
func (p *Process) Add(path, why string, origin Origin) (int, error) {
	return p.AddFrom(0, path, why, origin)
}

// AddFrom is Add on behalf of image caller, whose DT_RUNPATH (or DT_RPATH, and
// those of the images that brought it in) is searched for a soname, and whose
// directory is $ORIGIN.
func (p *Process) AddFrom(caller int, path, why string, origin Origin) (int, error) {
	l := p.link
	before := len(p.Images)
	fail := func(err error) (int, error) {
		l.rollback(before)
		return -1, err
	}
	w := want{from: caller, name: path, as: why, origin: origin, opened: true}
	ids, err := l.batch(l.base, []want{w})
	if err != nil {
		return fail(err)
	}
	if err := l.closure(l.base, before, origin); err != nil {
		return fail(err)
	}
	if err := l.missed(); err != nil {
		return fail(err)
	}
	if len(ids[0]) == 0 {
		return -1, fmt.Errorf("%s: not a file", path)
	}
	root := ids[0][0]
	for _, id := range ids[0] {
		if id >= before {
			p.Images[id].Why = why
		}
	}
	p.opened(root, before)
	return root, nil
}

// Search returns the paths of what a name of a library stands for that image caller passes to dlopen, if no image has that name.
func (p *Process) Search(caller int, name string) []string {
	found, _ := p.link.find(p.Images[caller], name, false)
	var paths []string
	for _, e := range found {
		paths = append(paths, e.path)
	}
	return paths
}

// Searches is the image whose search paths (DT_RPATH, DT_RUNPATH) tell those of an image from others', -1 if it has none.
func (p *Process) Searches(img int) int {
	for i := img; i > 0; i = p.Images[i].NeededBy {
		if m := p.Images[i]; m.Runpath != "" || m.Rpath != "" {
			return img
		}
	}
	if p.Images[img].Runpath != "" {
		return img
	}
	return -1
}

// rollback forgets the images from id on.
func (l *linker) rollback(id int) {
	l.missing = nil
	for _, img := range l.p.Images[id:] {
		delete(l.byFile, img.file)
		img.File.Close()
	}
	clear(l.p.Images[id:])
	l.p.Images = l.p.Images[:id]
	for name, n := range l.base.names {
		if n >= id {
			delete(l.base.names, name)
		}
	}
	for _, img := range l.p.Images {
		for i, a := range img.Alternates {
			if a >= id {
				img.Alternates = img.Alternates[:i]
				break
			}
		}
	}
}
