package process

import (
	"path"
	"slices"
	"strings"
)

// ownDepth and ownEntries bound the search of Own.
const (
	ownDepth   = 3
	ownEntries = 4096
)

// sharedDirs hold what many applications installed. Those of the C library are defaultDirs.
var sharedDirs = []string{
	"/", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/games", "/usr/libexec",
	"/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/libexec", "/opt", "/home", "/root", "/srv", "/tmp", "/var", "/var/tmp",
}

// Own returns the files of this name, sorted, in the directory of an image and below, and in the lib
// directory beside a bin directory, if the directory is not one that many applications share. An application that
// puts a path together from where it lies finds its own files there: $JAVA_HOME/lib/server/libjvm.so. The search
// is bounded in depth and number.
func (p *Process) Own(img int, name string) []string {
	return p.own(img, func(s string) bool { return s == name })
}

// OwnLibraries returns what Own looks among: the files with the names of shared objects.
func (p *Process) OwnLibraries(img int) []string {
	return p.own(img, func(s string) bool { return strings.HasSuffix(s, ".so") || strings.Contains(s, ".so.") })
}

func (p *Process) own(img int, want func(string) bool) []string {
	dir := path.Dir(p.Images[img].Path)
	dirs := []string{dir}
	if path.Base(dir) == "bin" {
		dirs = append(dirs, path.Join(path.Dir(dir), "lib"))
	}
	var found []string
	left := ownEntries
	for _, d := range dirs {
		if !slices.Contains(sharedDirs, d) && !slices.Contains(defaultDirs, d) {
			found = append(found, p.link.fs.named(d, want, ownDepth, &left)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// named returns the regular files with a wanted name in a directory and, to a depth, those in it.
func (r *rootFS) named(dir string, want func(string) bool, depth int, left *int) []string {
	list, err := r.readDir(dir)
	if err != nil || depth == 0 {
		return nil
	}
	var found []string
	for _, d := range list {
		if *left--; *left < 0 {
			break
		}
		switch p := join(dir, d.Name()); {
		case d.IsDir():
			found = append(found, r.named(p, want, depth-1, left)...)
		case want(d.Name()):
			if e, err := r.stat(p); err == nil && e.mode.IsRegular() {
				found = append(found, p)
			}
		}
	}
	return found
}
