package trace

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/image"
)

// A Locator turns places into addresses and names. It keeps each file that it
// opens; it is for one goroutine.
type Locator struct {
	files map[Place]*image.File // by path, device and inode; nil if it cannot be read
}

// NewLocator returns one that has opened nothing yet.
func NewLocator() *Locator { return &Locator{files: map[Place]*image.File{}} }

// Close closes all files.
func (l *Locator) Close() {
	for _, f := range l.files {
		if f != nil {
			f.Close()
		}
	}
	clear(l.files)
}

// Address returns the address that a place has in the file's own addresses, and
// the file. If the file cannot be read, or is another one by now, the file is nil
// and the address the offset.
func (l *Locator) Address(p Place) (uint64, *image.File) {
	f := l.file(p)
	if f == nil {
		return p.Offset, nil
	}
	for i := range f.Segments {
		s := &f.Segments[i]
		// A mapping has whole pages: code of one segment is mapped with the ends of others.
		if s.X && p.Offset >= s.Off&^4095 && p.Offset < (s.Off+s.FileSize+4095)&^4095 {
			return p.Offset - s.Off + s.Addr, f
		}
	}
	return p.Offset, nil
}

func (l *Locator) file(p Place) *image.File {
	if !strings.HasPrefix(p.Image, "/") {
		return nil
	}
	key := Place{Image: p.Image, dev: p.dev, inode: p.inode}
	if f, ok := l.files[key]; ok {
		return f
	}
	l.files[key] = nil
	var st unix.Stat_t
	if unix.Stat(p.Image, &st) != nil || p.inode != 0 && st.Ino != p.inode {
		return nil
	}
	f, err := image.Open(p.Image)
	if err != nil {
		return nil
	}
	l.files[key] = f
	return f
}

// Function returns the name of the function at a place, as the file has it, and "" if there is none.
func (l *Locator) Function(p Place) string {
	addr, f := l.Address(p)
	if f == nil {
		return ""
	}
	return functionName(f, addr)
}

func functionName(f *image.File, addr uint64) string {
	name, _, _ := f.FuncName(addr)
	return strings.Clone(name) // borrowed from the mapped file
}
