package process

import (
	"github.com/gofind-dev/gofind/internal/image"
)

// Find returns the path inside the root, without symbolic links, of the program that Load
// would load, and its path on the host.
func Find(program, root string) (real, host string, err error) {
	if root == "/" {
		root = ""
	}
	r, err := newRootFS(root)
	if err != nil {
		return "", "", err
	}
	l := &linker{fs: r}
	e, err := l.findProgram(program)
	if err != nil {
		return "", "", err
	}
	return e.real, r.host(e.real), nil
}

// A Root is a tree of files in which absolute symbolic links start at its top.
type Root struct{ fs *rootFS }

// NewRoot opens a tree; "" is that of the running system.
func NewRoot(dir string) (*Root, error) {
	if dir == "/" {
		dir = ""
	}
	r, err := newRootFS(dir)
	if err != nil {
		return nil, err
	}
	return &Root{r}, nil
}

// Host returns the path on the host of a regular file in the tree.
func (r *Root) Host(path string) (string, error) {
	e, err := r.fs.stat(path)
	if err != nil {
		return "", err
	}
	if !e.mode.IsRegular() {
		return "", &image.FormatError{Path: path, Where: "file", Problem: image.ErrNotRegular.Error(), Err: image.ErrNotRegular}
	}
	return r.fs.host(e.real), nil
}

// openImage opens the file at a path inside the root, or what Options.Content has for it.
func (l *linker) openImage(real string) (*image.File, error) {
	if data, ok := l.opts.Content[real]; ok {
		return image.Parse(l.fs.host(real), data)
	}
	return image.Open(l.fs.host(real))
}
