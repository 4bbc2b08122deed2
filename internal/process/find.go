package process

import (
	"path"

	"github.com/gofind-dev/gofind/internal/image"
)

// Found is where a program is.
type Found struct {
	Path  string // inside the root, without symbolic links
	Host  string // on the host
	Named string // as Process.Named
}

// Find returns where the program is that Load would load.
func Find(program, root string) (Found, error) {
	if root == "/" {
		root = ""
	}
	r, err := newRootFS(root)
	if err != nil {
		return Found{}, err
	}
	l := &linker{fs: r}
	e, err := l.findProgram(program)
	if err != nil {
		return Found{}, err
	}
	return Found{e.real, r.host(e.real), e.named()}, nil
}

// named returns the path that a file was asked for by, if that is a link with another name.
func (e entry) named() string {
	if path.Base(e.path) == path.Base(e.real) {
		return ""
	}
	return e.path
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
