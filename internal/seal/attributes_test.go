package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// copyWith copies a file with its attributes.
func copyWith(from, to string, modeOnly bool) error {
	a, err := ReadAttributes(from)
	if err != nil {
		return err
	}
	return a.Write(to, []byte("new"), modeOnly)
}

// Everything that a file has besides its bytes is there again, or it is an error.
func TestAttributes(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, from, []byte("old"))
	set := func(name string, value []byte) {
		if err := syscall.Setxattr(from, name, value, 0); errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EPERM) {
			t.Skip("no extended attributes here")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	set("user.note", []byte("a value"))
	set("user.empty", nil)
	if os.Getuid() == 0 {
		if err := os.Chown(from, 12345, 23456); err != nil {
			t.Fatal(err)
		}
		// CAP_NET_RAW, effective and permitted: struct vfs_cap_data, version 2.
		set(capability, []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o711 | fs.ModeSetuid, 0o755 | fs.ModeSetgid, 0o700 | fs.ModeSticky} {
		if err := os.Chmod(from, mode); err != nil {
			t.Fatal(err)
		}
		if err := copyWith(from, to, false); err != nil {
			t.Fatal(err)
		}
		want, err := ReadAttributes(from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadAttributes(to)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if data, _ := os.ReadFile(to); string(data) != "new" {
			t.Errorf("%q", data)
		}
		if p := got.Privileged(); (p != "") != (os.Getuid() == 0 || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0) {
			t.Errorf("%v: %q", mode, p)
		}
		if err := copyWith(from, to, true); err != nil {
			t.Fatal(err)
		}
		if got, err = ReadAttributes(to); err != nil || got.Mode != mode&fs.ModePerm || len(got.Extended) > 0 || got.UID != os.Getuid() {
			t.Errorf("the mode alone: %+v, %v", got, err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 2 {
		t.Errorf("%d files are left", len(list))
	}
}

// An error leaves no file, and the old one as it was.
func TestAttributesLost(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, from, []byte("old"))
	write(t, to, []byte("there before"))
	check := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if data, _ := os.ReadFile(to); string(data) != "there before" {
			t.Errorf("the file was changed: %q", data)
		}
		if list, _ := os.ReadDir(dir); len(list) != 2 {
			t.Errorf("%d files are left", len(list))
		}
	}
	a := &Attributes{Mode: 0o755, UID: os.Getuid(), GID: os.Getgid(), Extended: []Extended{{"security.ima", []byte{3, 2}}}}
	check(a.Write(to, []byte("new"), false), "it signs the bytes of the original; --attributes=mode")
	a.Extended = []Extended{{"nonsense.name", []byte("x")}}
	check(a.Write(to, []byte("new"), false), "the extended attribute nonsense.name of the program cannot be kept")
	if err := a.Write(dir, []byte("new"), false); err == nil {
		t.Error("wrote over a directory")
	}
	if err := a.Write(filepath.Join(dir, "no", "where"), []byte("new"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if os.Getuid() != 0 {
		a = &Attributes{Mode: 0o755, UID: 0, GID: 0}
		check(a.Write(to, []byte("new"), false), "the owner 0:0 of the program cannot be kept")
		return
	}
	// As somebody else.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	self := filepath.Join(dir, "..", "self")
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, self, data)
	t.Setenv(copyInstead, "all")
	got := unprivileged(t, self, from, to)
	check(errors.New(got.errs), "the owner 0:0 of the program cannot be kept: operation not permitted; --attributes=mode")
	t.Setenv(copyInstead, "mode")
	if got := unprivileged(t, self, from, filepath.Join(dir, "third")); got.errs != "" || got.code != 0 {
		t.Errorf("%+v", got)
	}
}

// copyInstead makes this test binary copy a file with its attributes, and do nothing else.
const copyInstead = "SEAL_TEST_COPY"

func copyMain(args []string) int {
	if err := copyWith(args[0], args[1], os.Getenv(copyInstead) == "mode"); err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}
