package process

import (
	"path"
	"strings"
)

// dfNoDefLib is DF_1_NODEFLIB of DT_FLAGS_1.
const dfNoDefLib = 0x800

// defaultDirs are the directories that ld.so searches last: those of Debian's
// multiarch glibc, and those of a glibc whose slibdir is /lib64. No system has both.
var defaultDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// dstLib are the values of $LIB on Debian and elsewhere.
var dstLib = []string{"lib/x86_64-linux-gnu", "lib64"}

// legacyDirs are what glibc before 2.37 appends to each directory by platform
// and hardware capability, without their combinations that nobody installs.
var legacyDirs = []string{
	"tls/haswell/x86_64", "tls/haswell", "tls/x86_64", "tls", "haswell/avx512_1/x86_64", "haswell/avx512_1", "haswell/x86_64", "haswell",
	"xeon_phi", "avx512_1/x86_64", "avx512_1", "x86_64",
}

// variant is a machine that the program may run on.
type variant struct {
	level    int    // x86-64 level, which selects glibc-hwcaps subdirectories
	platform string // $PLATFORM
}

var variants = []variant{{1, "x86_64"}, {2, "x86_64"}, {3, "x86_64"}, {3, "haswell"}, {4, "x86_64"}, {4, "haswell"}, {4, "xeon_phi"}}

// searcher finds one library for one machine.
type searcher struct {
	l       *linker
	v       variant
	varies  bool    // the answer depends on the machine
	legacy  []entry // files that an old loader may prefer on some machine
	tried   []string
	blocked []string // files that could not serve, with the reason
}

// dirInfo says what subdirectories a search directory has.
type dirInfo struct {
	ok     bool
	levels [5]bool  // glibc-hwcaps/x86-64-vN exists
	any    bool     // one of levels
	legacy []string // existing legacyDirs
}

func (l *linker) dirInfo(dir string) *dirInfo {
	if d := l.dirs[dir]; d != nil {
		return d
	}
	d := &dirInfo{ok: l.fs.isDir(dir)}
	l.dirs[dir] = d
	if !d.ok || l.musl {
		return d
	}
	if l.fs.isDir(join(dir, "glibc-hwcaps")) {
		for i, name := range hwcapsDirs {
			if name != "" && l.fs.isDir(join(dir, "glibc-hwcaps/"+name)) {
				d.levels[i], d.any = true, true
			}
		}
	}
	top := map[string]bool{}
	for _, sub := range legacyDirs {
		first, _, _ := strings.Cut(sub, "/")
		is, known := top[first]
		if !known {
			is = l.fs.isDir(join(dir, first))
			top[first] = is
		}
		if is && l.fs.isDir(join(dir, sub)) {
			d.legacy = append(d.legacy, sub)
		}
	}
	return d
}

// find looks for a library that image from (nil: nobody) asks for, on all
// machines that the options allow. The first result is what the simplest machine
// loads, the others what better ones do; none if it was not found.
func (l *linker) find(from *Image, name string, audit bool) (found []entry, s *searcher) {
	vs := variants
	if l.level > 0 {
		vs = nil
		for _, v := range variants {
			if v.level == l.level {
				vs = append(vs, v)
			}
		}
	}
	seen := map[fileID]bool{}
	add := func(e entry) {
		if !seen[e.id] {
			seen[e.id] = true
			found = append(found, e)
		}
	}
	var first *searcher
	for i, v := range vs {
		s := &searcher{l: l, v: v}
		e, ok := s.search(from, name, audit)
		if i == 0 {
			first = s
		}
		if ok {
			add(e)
		}
		if i == 0 && !s.varies {
			break
		}
	}
	if l.level == 0 {
		for _, e := range first.legacy {
			add(e)
		}
	}
	return found, first
}

// search follows _dl_map_new_object of glibc's elf/dl-load.c, or load_library of
// musl's ldso/dynlink.c.
func (s *searcher) search(from *Image, name string, audit bool) (entry, bool) {
	l := s.l
	if strings.Contains(name, "/") {
		paths := []string{name}
		if from != nil {
			paths = s.expand(name, from)
		}
		for _, p := range paths {
			if e, ok := s.try(p); ok {
				return e, true
			}
			s.tried = append(s.tried, p)
		}
		return entry{}, false
	}
	if l.musl {
		return s.searchMusl(from, name)
	}
	main := l.p.Images[0]
	if from == nil || from.Runpath == "" {
		didMain := false
		for i := from; i != nil; i = l.loaderOf(i) {
			if i.Runpath == "" && i.Rpath != "" {
				if e, ok := s.dirs(s.list(i.Rpath, i), name); ok {
					return e, true
				}
				didMain = didMain || i == main
			}
		}
		if !didMain && main.Runpath == "" && main.Rpath != "" {
			if e, ok := s.dirs(s.list(main.Rpath, main), name); ok {
				return e, true
			}
		}
		if audit && main.Runpath != "" {
			if e, ok := s.dirs(s.list(main.Runpath, main), name); ok {
				return e, true
			}
		}
	}
	for _, lp := range l.opts.LibraryPath {
		if e, ok := s.dirs(s.list(strings.ReplaceAll(lp, ";", ":"), main), name); ok {
			return e, true
		}
	}
	if from != nil && from.Runpath != "" {
		if e, ok := s.dirs(s.list(from.Runpath, from), name); ok {
			return e, true
		}
	}
	noDefault := main.Flags1&dfNoDefLib != 0
	if from != nil {
		noDefault = from.Flags1&dfNoDefLib != 0
	}
	l.readCache()
	if l.cache != nil {
		s.varies = s.varies || l.cache.varies(name)
		s.tried = append(s.tried, "/etc/ld.so.cache")
		for _, p := range l.cache.legacy(name) {
			if e, ok := s.try(p); ok {
				s.legacy = append(s.legacy, e)
			}
		}
		if p := l.cache.lookup(name, s.v.level); p != "" && !(noDefault && inDefaultDir(p)) {
			if e, ok := s.try(p); ok {
				return e, true
			}
		}
	} else {
		for _, d := range l.confDirs {
			if noDefault && inDefaultDir(d+"/") {
				continue
			}
			if e, ok := s.dirs([]string{d}, name); ok {
				return e, true
			}
		}
	}
	if noDefault {
		return entry{}, false
	}
	return s.dirs(defaultDirs, name)
}

func inDefaultDir(p string) bool {
	for _, d := range defaultDirs {
		if strings.HasPrefix(p, d+"/") {
			return true
		}
	}
	return false
}

// dirs tries name in each directory and, before it, in its hwcaps subdirectories.
func (s *searcher) dirs(list []string, name string) (entry, bool) {
	for _, dir := range list {
		d := s.l.dirInfo(dir)
		s.tried = append(s.tried, dir)
		if !d.ok {
			continue
		}
		if d.any {
			s.varies = true
			for v := s.v.level; v > 1; v-- {
				if d.levels[v] {
					if e, ok := s.try(join(dir, "glibc-hwcaps/"+hwcapsDirs[v]+"/"+name)); ok {
						return e, true
					}
				}
			}
		}
		for _, sub := range d.legacy {
			if e, ok := s.try(join(dir, sub+"/"+name)); ok {
				s.legacy = append(s.legacy, e)
			}
		}
		if e, ok := s.try(join(dir, name)); ok {
			return e, true
		}
	}
	return entry{}, false
}

// try accepts a regular file that has not turned out to be unfit.
func (s *searcher) try(p string) (entry, bool) {
	e, err := s.l.fs.stat(p)
	if err != nil {
		return entry{}, false
	}
	if !e.mode.IsRegular() {
		s.blocked = append(s.blocked, p+" is not a regular file")
		return entry{}, false
	}
	if bad := s.l.rejected[e.id]; bad != nil {
		s.blocked = append(s.blocked, bad.Error())
		return entry{}, false
	}
	e.path = s.l.tidy(e)
	return e, true
}

// tidy is the path that ld.so has for a file, without "..", "." and "//". What
// symbolic links the directory is under is only resolved if there is a "..".
func (l *linker) tidy(e entry) string {
	if c := path.Clean(e.path); c == e.path || !strings.Contains(e.path, "..") {
		return c
	}
	links := 0
	dir, base := path.Split(e.path)
	if real, err := l.fs.resolveDir(strings.TrimRight(dir, "/"), &links); err == nil && base != "" && base != ".." && base != "." {
		return join(real, base)
	}
	return e.real
}

// list splits a search path and substitutes its tokens. As in ld.so an empty
// element is the current directory.
func (s *searcher) list(p string, img *Image) (dirs []string) {
	for el := range strings.SplitSeq(p, ":") {
		for _, d := range s.expand(el, img) {
			if len(d) > 1 {
				d = strings.TrimRight(d, "/")
				if d == "" {
					d = "/"
				}
			}
			dirs = append(dirs, s.l.fs.abs(d))
		}
	}
	return dirs
}

// expand substitutes dynamic string tokens. $LIB has two values, of which at
// most one names a directory.
func (s *searcher) expand(p string, img *Image) []string {
	if !strings.Contains(p, "$") {
		return []string{p}
	}
	out := []string{""}
	for {
		i := strings.IndexByte(p, '$')
		if i < 0 {
			break
		}
		name, n := token(p[i+1:])
		if s.l.musl && name != "ORIGIN" {
			return nil // fixup_rpath
		}
		var values []string
		switch name {
		case "ORIGIN":
			values = []string{path.Dir(img.Path)}
		case "LIB":
			values = dstLib
		case "PLATFORM":
			s.varies = true
			values = []string{s.v.platform}
		default:
			values, n = []string{"$"}, 0
		}
		var next []string
		for _, v := range values {
			for _, o := range out {
				next = append(next, o+p[:i]+v)
			}
		}
		out, p = next, p[i+1+n:]
		if len(out) > 64 {
			return nil
		}
	}
	for i := range out {
		out[i] += p
	}
	return out
}

// token reads a dynamic string token after its "$", as is_dst does.
func token(p string) (name string, n int) {
	curly := strings.HasPrefix(p, "{")
	if curly {
		p = p[1:]
	}
	for _, name := range []string{"ORIGIN", "LIB", "PLATFORM"} {
		rest, ok := strings.CutPrefix(p, name)
		if !ok {
			continue
		}
		if curly {
			if strings.HasPrefix(rest, "}") {
				return name, len(name) + 2
			}
			continue
		}
		if rest != "" && (rest[0] == '_' || rest[0] >= '0' && rest[0] <= '9' || rest[0] >= 'A' && rest[0] <= 'Z' || rest[0] >= 'a' && rest[0] <= 'z') {
			continue
		}
		return name, len(name)
	}
	return "", 0
}

// readCache reads ld.so.cache, or what replaces it, once.
func (l *linker) readCache() {
	if l.cacheRead {
		return
	}
	l.cacheRead = true
	data, err := l.p.ReadConfig("/etc/ld.so.cache", "ld.so.cache")
	if err == nil {
		l.cache, _ = parseCache(data)
	}
	if l.cache == nil {
		l.confDirs = l.p.confDirs()
	}
}
