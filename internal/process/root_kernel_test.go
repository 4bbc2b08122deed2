package process

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// inRoot asks the kernel: openat2(2) with RESOLVE_IN_ROOT.
func inRoot(t *testing.T, root int, dir, p string) (string, bool) {
	t.Helper()
	how := struct{ flags, mode, resolve uint64 }{flags: 0x200000 /* O_PATH */ | syscall.O_CLOEXEC, resolve: 0x10}
	name, err := syscall.BytePtrFromString(p)
	if err != nil {
		return "", false
	}
	fd, _, errno := syscall.Syscall6(437, uintptr(root), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
	switch errno {
	case 0:
	case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP:
		return "", false
	default:
		t.Skip("openat2: ", errno)
	}
	defer syscall.Close(int(fd))
	real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		t.Skip(err)
	}
	if real == dir {
		return "/", true
	}
	return strings.TrimPrefix(real, dir), true
}

// TestRootKernel compares the resolver with the kernel on random trees.
func TestRootKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d"}
	comp := func() string { return append(names, "..", ".", "", "none")[rng.IntN(len(names)+4)] }
	randomPath := func(n int) string {
		var parts []string
		for range 1 + rng.IntN(n) {
			parts = append(parts, comp())
		}
		p := strings.Join(parts, "/")
		if rng.IntN(2) == 0 {
			p = "/" + p
		}
		if p == "" {
			p = "."
		}
		return p
	}
	checked, found := 0, 0
	for range 60 {
		outer, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(outer+"/a", nil, 0o644) // outside, to be kept from
		dir := outer + "/root"
		os.Mkdir(dir, 0o755)
		dirs := []string{dir}
		for range 25 {
			at := dirs[rng.IntN(len(dirs))] + "/" + names[rng.IntN(len(names))]
			switch rng.IntN(4) {
			case 0:
				os.WriteFile(at, nil, 0o644)
			case 1:
				if os.Mkdir(at, 0o755) == nil {
					dirs = append(dirs, at)
				}
			default:
				os.Symlink(randomPath(4), at)
			}
		}
		fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		r, err := newRootFS(dir)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			p := randomPath(7)
			want, ok := inRoot(t, fd, dir, p)
			e, err := r.stat(p)
			if ok != (err == nil) || ok && e.real != want {
				t.Errorf("%s: %s: got %q %v, want %q %v", dir, p, e.real, err, want, ok)
			}
			checked++
			if ok {
				found++
			}
		}
		syscall.Close(fd)
	}
	t.Logf("%d paths, of which %d exist", checked, found)
}
