package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Attributes are what a file has besides its bytes.
type Attributes struct {
	Mode     fs.FileMode // with setuid, setgid and sticky
	UID, GID int
	Extended []Extended // by name
}

// Extended is an extended attribute: xattr(7).
type Extended struct {
	Name  string
	Value []byte
}

// capability is the extended attribute that has a file's capabilities (capabilities(7)).
const capability = "security.capability"

// signed are those that speak of the bytes of a file, so that no other file can have them.
var signed = []string{"security.ima", "security.evm"}

// ReadAttributes returns the attributes of a file.
func ReadAttributes(path string) (*Attributes, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("%s: its owner is not known", path)
	}
	a := &Attributes{Mode: info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky), UID: int(st.Uid), GID: int(st.Gid)}
	names, err := xattr(func(b []byte) (int, error) { return syscall.Listxattr(path, b) })
	if errors.Is(err, syscall.ENOTSUP) {
		return a, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: its extended attributes cannot be read: %w", path, err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value, err := xattr(func(b []byte) (int, error) { return syscall.Getxattr(path, name, b) })
		if errors.Is(err, syscall.ENODATA) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: its extended attribute %s cannot be read: %w", path, name, err)
		}
		a.Extended = append(a.Extended, Extended{name, value})
	}
	slices.SortFunc(a.Extended, func(a, b Extended) int { return strings.Compare(a.Name, b.Name) })
	return a, nil
}

// xattr calls get with a buffer that is large enough.
func xattr(get func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := get(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		b := make([]byte, n)
		if n, err = get(b); err == nil {
			return b[:n], nil
		}
		if !errors.Is(err, syscall.ERANGE) {
			return nil, err
		}
	}
}

// Privileged says how executing the file gives privileges, "" if it does not.
func (a *Attributes) Privileged() string {
	switch {
	case a.Mode&fs.ModeSetuid != 0:
		return "it is setuid"
	case a.Mode&fs.ModeSetgid != 0 && a.Mode&0o010 != 0:
		return "it is setgid"
	case slices.ContainsFunc(a.Extended, func(x Extended) bool { return x.Name == capability }):
		return "it has capabilities"
	}
	return ""
}

// Write makes the file path with these bytes, in one step, and gives it the attributes. If
// modeOnly is set, it gets no more than the permission bits. An error means that there is no
// new file.
func (a *Attributes) Write(path string, data []byte, modeOnly bool) (err error) {
	if old, err := os.Stat(path); err == nil && !old.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("it exists and is no regular file")}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil { // of the temporary file, which nobody knows
		return fmt.Errorf("%s: it cannot be written: %w; give the name of a file in a directory that you may write to", path, errors.Unwrap(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if modeOnly {
		err = f.Chmod(a.Mode & fs.ModePerm)
	} else {
		err = a.apply(f, path)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// apply gives all attributes to a file. What is written and the owner come first: both
// take setuid bits and capabilities away.
func (a *Attributes) apply(f *os.File, path string) error {
	lost := func(what string, err error) error {
		return &Error{Path: path, Problem: fmt.Sprintf("%s of the program cannot be kept: %v; --attributes=mode keeps only its permission bits", what, err)}
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != a.UID || int(st.Gid) != a.GID {
		if err := f.Chown(a.UID, a.GID); err != nil {
			return lost(fmt.Sprintf("the owner %d:%d", a.UID, a.GID), errors.Unwrap(err))
		}
	}
	if err := f.Chmod(a.Mode); err != nil {
		return lost("the mode "+a.Mode.String(), errors.Unwrap(err))
	}
	for _, x := range a.Extended {
		if slices.Contains(signed, x.Name) {
			return lost("the extended attribute "+x.Name, errors.New("it signs the bytes of the original"))
		}
		has, err := xattr(func(b []byte) (int, error) { return syscall.Getxattr(f.Name(), x.Name, b) })
		if err == nil && bytes.Equal(has, x.Value) {
			continue // as the file system gave it, as with security.selinux
		}
		if err := syscall.Setxattr(f.Name(), x.Name, x.Value, 0); err != nil {
			return lost("the extended attribute "+x.Name, err)
		}
	}
	if info, err = f.Stat(); err == nil && info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != a.Mode {
		return lost("the mode "+a.Mode.String(), errors.New("the file system does not keep it"))
	}
	return err
}
