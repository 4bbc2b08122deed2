package hostconf

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/facts"
)

// tree is a file system: content by path.
type tree map[string]string

func (t tree) read(p string) ([]byte, error) {
	if s, ok := t[p]; ok {
		return []byte(s), nil
	}
	return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
}

func (t tree) dir(p string) ([]string, error) {
	var names []string
	for file := range t {
		if rest, ok := strings.CutPrefix(file, path.Clean(p)+"/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if names == nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrNotExist}
	}
	return names, nil
}

// The machine's own files.
func hostRead(p string) ([]byte, error) { return os.ReadFile(p) }

func hostDir(p string) ([]string, error) {
	entries, err := os.ReadDir(p)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// firstFile returns the first of paths that exists.
func firstFile(paths []string) (string, bool) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p, true
		}
	}
	return "", false
}

// summary renders modules compactly: "kind name paths entries source" a line.
func summary(mods []Module) string {
	var b strings.Builder
	for _, m := range mods {
		b.WriteString(string(m.Kind) + " " + m.Name + " " + strings.Join(m.Paths, ":") + " " + strings.Join(m.Entries, ",") + " " + m.Source + "\n")
	}
	return b.String()
}

func TestReaderLimits(t *testing.T) {
	big := strings.Repeat("x", MaxFile+1)
	r := newReader(func(p string) ([]byte, error) {
		switch p {
		case "/big":
			return []byte(big), nil
		case "/denied":
			return nil, fs.ErrPermission
		}
		return nil, fs.ErrNotExist
	}, nil)
	if data, ok := r.file("/big"); !ok || len(data) != MaxFile {
		t.Errorf("%d bytes, %v", len(data), ok)
	}
	if _, ok := r.file("/none"); ok {
		t.Error("a file that does not exist")
	}
	if _, ok := r.file("/denied"); ok {
		t.Error("a file that cannot be read")
	}
	if want := []string{"/big: longer than 1048576 bytes, the rest is ignored", "/denied: permission denied"}; !slices.Equal(r.errs, want) {
		t.Errorf("errors %q, want %q", r.errs, want)
	}
	for range 10 {
		r.file("/big")
	}
	if !strings.Contains(strings.Join(r.errs, "\n"), "bytes of configuration") {
		t.Errorf("no limit on the total: %q", r.errs)
	}
	if want := []string{"/big", "/none", "/denied"}; !slices.Equal(r.files, want) {
		t.Errorf("files %q", r.files)
	}
	for i := range 2 * maxErrors {
		r.errorf("problem %d", i)
	}
	if len(r.errs) != maxErrors+1 || r.errs[maxErrors] != "more problems follow" {
		t.Errorf("%d errors, the last %q", len(r.errs), r.errs[len(r.errs)-1])
	}
}

func TestModuleSet(t *testing.T) {
	var s moduleSet
	s.add(Module{Kind: "k", Name: "a", Paths: []string{"p"}, Entries: []string{"y", "x"}, Source: "1"})
	s.add(Module{Kind: "k", Name: "b", Paths: []string{"p"}, Source: "2"})
	s.add(Module{Kind: "k", Name: "a", Paths: []string{"p"}, Entries: []string{"z", "x"}, Source: "3"})
	s.add(Module{Kind: "k", Name: "a", Paths: []string{"p"}, Source: "1"})
	if got, want := summary(s.list), "k a p x,y,z 1, 3\nk b p  2\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestParseFacts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# c\n\na\tb\nc\n", "f:4: 1 columns, want 2"},
		{"a\t b\n", "f:1: column 2 is empty or has spaces around it"},
		{"a\t\n", "f:1: column 2 is empty or has spaces around it"},
		{"a\tb\nx\tb\n", "f:2: bad"},
	} {
		err := facts.Parse("f", c.text, 2, func(f []string) error {
			if f[0] == "x" {
				return errors.New("bad")
			}
			return nil
		})
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestConstantLoads(t *testing.T) {
	loads := ConstantLoads()
	i := slices.IndexFunc(loads, func(l ConstantLoad) bool { return l.Loader == "libc.so.6" && l.Name == "libgcc_s.so.1" })
	if i < 0 || !slices.Contains(loads[i].Entries, "_Unwind_ForcedUnwind") || !slices.IsSorted(loads[i].Entries) {
		t.Errorf("%v", loads)
	}
}
