package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Limits on what a hostile root can make us do.
const (
	maxSymlinks = 40       // in one path, as in path_resolution(7)
	maxPath     = 4096     // PATH_MAX
	maxConfig   = 64 << 20 // bytes of a configuration file
)

// rootFS resolves paths as a process that has been chroot(2)ed into dir would,
// without privileges: absolute symbolic links start again at the root, and ".."
// at the root stays there. All paths that it takes and returns are inside the
// root, slash-separated and absolute.
//
// The result of resolve has no symbolic links left, so opening it below dir
// cannot leave dir, unless somebody changes the tree in between: a root that is
// being written to by an adversary is outside of what this defends against.
type rootFS struct {
	dir  string // on the host; "" is the host's own root
	cwd  string // where relative paths start, inside the root
	dirs map[string]dirResult
}

type dirResult struct {
	real string
	err  error
}

// fileID is what ld.so compares to see whether two paths are one file.
type fileID struct{ dev, ino uint64 }

// entry is a file that resolve found.
type entry struct {
	path string // as asked for, made absolute
	real string // without symbolic links
	id   fileID
	mode fs.FileMode
}

func newRootFS(dir string) (*rootFS, error) {
	r := &rootFS{cwd: "/", dirs: map[string]dirResult{"/": {real: "/"}}}
	if dir == "" {
		wd, err := os.Getwd()
		if err == nil {
			r.cwd = filepath.ToSlash(wd)
		}
		return r, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("root %s: %w", dir, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("root %s: %w", dir, err)
	}
	st, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("root %s: %w", dir, err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("root %s: not a directory; give the directory that holds the program's /usr and /lib", dir)
	}
	if abs == "/" {
		return newRootFS("")
	}
	r.dir = abs
	return r, nil
}

// host is the path on the host of a resolved path.
func (r *rootFS) host(real string) string { return r.dir + real }

// abs makes p absolute without looking at the file system. It does not touch
// "..", which only resolve may interpret.
func (r *rootFS) abs(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	p = strings.TrimPrefix(p, "./")
	if p == "" || p == "." {
		return r.cwd
	}
	if r.cwd == "/" {
		return "/" + p
	}
	return r.cwd + "/" + p
}

// stat resolves p, following all symbolic links.
func (r *rootFS) stat(p string) (entry, error) {
	p = r.abs(p)
	links := 0
	e, err := r.resolve(p, &links)
	if err == nil {
		e.path = p
		return e, nil
	}
	if r.dir == "" && !errors.Is(err, fs.ErrNotExist) {
		return entry{}, err
	}
	if r.dir == "" && strings.HasPrefix(p, "/proc/") || r.dir == "" && strings.HasPrefix(p, "/dev/fd/") {
		// The kernel's magic links (/proc/self/fd/3) name files that no walk can reach.
		if st, serr := os.Stat(p); serr == nil {
			return newEntry(p, p, st), nil
		}
	}
	return entry{}, err
}

func newEntry(p, real string, st fs.FileInfo) entry {
	e := entry{path: p, real: real, mode: st.Mode()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		e.id = fileID{uint64(s.Dev), uint64(s.Ino)}
	}
	return e
}

func (r *rootFS) resolve(p string, links *int) (entry, error) {
	if len(p) >= maxPath || strings.IndexByte(p, 0) >= 0 {
		return entry{}, &fs.PathError{Op: "open", Path: r.dir + p[:min(len(p), 64)] + "...", Err: syscall.ENAMETOOLONG}
	}
	mustDir := false
	for len(p) > 1 && p[len(p)-1] == '/' {
		p, mustDir = p[:len(p)-1], true
	}
	i := strings.LastIndexByte(p, '/')
	dir, base := p[:max(i, 1)], p[i+1:]
	if p == "/" {
		base = "."
	}
	parent, err := r.resolveDir(dir, links)
	if err != nil {
		return entry{}, err
	}
	switch base {
	case ".", "..":
		if base == ".." {
			parent = path.Dir(parent)
		}
		st, err := os.Lstat(r.host(parent))
		if err != nil {
			return entry{}, err
		}
		return newEntry(p, parent, st), nil
	}
	full := join(parent, base)
	st, err := os.Lstat(r.host(full))
	if err != nil {
		return entry{}, err
	}
	if st.Mode()&fs.ModeSymlink == 0 {
		if mustDir && !st.IsDir() {
			return entry{}, &fs.PathError{Op: "open", Path: r.host(full), Err: syscall.ENOTDIR}
		}
		return newEntry(p, full, st), nil
	}
	if *links++; *links > maxSymlinks {
		return entry{}, &fs.PathError{Op: "open", Path: r.host(full), Err: syscall.ELOOP}
	}
	to, err := os.Readlink(r.host(full))
	if err != nil {
		return entry{}, err
	}
	if !strings.HasPrefix(to, "/") {
		to = join(parent, to)
	}
	if mustDir {
		to += "/"
	}
	return r.resolve(to, links)
}

// resolveDir is resolve for directories, remembering the answers.
func (r *rootFS) resolveDir(p string, links *int) (string, error) {
	if d, ok := r.dirs[p]; ok {
		return d.real, d.err
	}
	before := *links
	e, err := r.resolve(p, links)
	if err == nil && !e.mode.IsDir() {
		err = &fs.PathError{Op: "open", Path: r.host(e.real), Err: syscall.ENOTDIR}
	}
	// Whether a path has too many links depends on where it was met: remember only what does not.
	if *links == before || err == nil {
		r.dirs[p] = dirResult{e.real, err}
	}
	return e.real, err
}

func (r *rootFS) isDir(p string) bool {
	links := 0
	p = strings.TrimRight(r.abs(p), "/")
	if p == "" {
		return true
	}
	_, err := r.resolveDir(p, &links)
	return err == nil
}

// readDir lists a directory, sorted by name.
func (r *rootFS) readDir(p string) ([]fs.DirEntry, error) {
	e, err := r.stat(p)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(r.host(e.real))
}

// readFile reads a regular file of bounded size.
func (r *rootFS) readFile(p string) ([]byte, error) {
	e, err := r.stat(p)
	if err != nil {
		return nil, err
	}
	host := r.host(e.real)
	if !e.mode.IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: host, Err: errors.New("not a regular file")}
	}
	f, err := os.OpenFile(host, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// The size is a hint: files in /proc have none.
	buf := bytes.NewBuffer(make([]byte, 0, min(st.Size(), maxConfig)+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(f, maxConfig+1)); err != nil {
		return nil, err
	}
	if buf.Len() > maxConfig {
		return nil, &fs.PathError{Op: "read", Path: host, Err: fmt.Errorf("larger than %d MiB", maxConfig>>20)}
	}
	return buf.Bytes(), nil
}

// glob expands a pattern of path.Match, in order of name. Components without
// meta characters are followed as they are.
func (r *rootFS) glob(pattern string) []string {
	out := []string{"/"}
	for comp := range strings.SplitSeq(r.abs(pattern), "/") {
		if comp == "" {
			continue
		}
		var next []string
		for _, dir := range out {
			if !strings.ContainsAny(comp, `*?[\`) {
				next = append(next, join(dir, comp))
				continue
			}
			list, err := r.readDir(dir)
			if err != nil {
				continue
			}
			for _, d := range list {
				if strings.HasPrefix(d.Name(), ".") && !strings.HasPrefix(comp, ".") {
					continue
				}
				if ok, _ := path.Match(comp, d.Name()); ok {
					next = append(next, join(dir, d.Name()))
				}
			}
		}
		out = next
	}
	var found []string
	for _, p := range out {
		if _, err := r.stat(p); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// join appends a name to a directory, without interpreting either.
func join(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}
