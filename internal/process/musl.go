package process

import (
	"path"
	"strings"
)

// muslReserved are the libraries that musl's loader is itself, and where no file
// of the name is ever loaded.
var muslReserved = []string{"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."}

// muslSelf reports whether a library name stands for musl's loader.
func (l *linker) muslSelf(name string) bool {
	if !l.musl || l.interp < 0 || strings.Contains(name, "/") {
		return false
	}
	for _, r := range muslReserved {
		if strings.HasPrefix(name, r) {
			return true
		}
	}
	return false
}

// searchMusl is the order of musl: LD_LIBRARY_PATH, then the DT_RUNPATH (or
// DT_RPATH) of the file and of those that brought it in, then the system's path.
func (s *searcher) searchMusl(from *Image, name string) (entry, bool) {
	l := s.l
	for _, lp := range l.opts.LibraryPath {
		if e, ok := s.dirs(l.muslPath(lp), name); ok {
			return e, true
		}
	}
	for i := from; i != nil; i = l.loaderOf(i) {
		rp := i.Runpath
		if rp == "" {
			rp = i.Rpath
		}
		if rp == "" {
			continue
		}
		var dirs []string
		for _, p := range s.expand(rp, i) {
			dirs = append(dirs, l.muslPath(p)...)
		}
		if e, ok := s.dirs(dirs, name); ok {
			return e, true
		}
	}
	if !l.cacheRead {
		l.cacheRead = true
		l.confDirs = l.muslPath("/lib:/usr/local/lib:/usr/lib")
		// The file lies beside the loader's directory: in /etc for /lib/ld-musl-x86_64.so.1.
		file := "/etc/ld-musl-x86_64.path"
		if interp := l.p.Images[0].Interp; strings.HasPrefix(interp, "/") {
			file = join(path.Dir(path.Dir(interp)), "etc/ld-musl-x86_64.path")
		}
		if data, err := l.p.ReadConfig(file, "musl-path"); err == nil {
			l.confDirs = l.muslPath(string(data))
		}
	}
	if e, ok := s.dirs(l.confDirs, name); ok {
		return e, true
	}
	if strings.HasPrefix(name, "libcrypt.") && l.interp >= 0 {
		// In musl itself, but not reserved.
		img := l.p.Images[l.interp]
		return s.try(img.Path)
	}
	return entry{}, false
}

// muslPath splits at colons and newlines; there are no empty elements.
func (l *linker) muslPath(p string) (dirs []string) {
	for d := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == ':' || r == '\n' }) {
		dirs = append(dirs, l.fs.abs(d))
	}
	return dirs
}
