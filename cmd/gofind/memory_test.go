package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

func TestEvictProgram(t *testing.T) {
	before := programRSS(t)
	evictProgram()
	if after := programRSS(t); after > before*3/4 {
		t.Errorf("%d KB of the program are in memory, %d before", after, before)
	}
}

// programRSS returns how much of this program's code and constants is in memory, in KB.
func programRSS(t *testing.T) (kb int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^[0-9a-f]+-[0-9a-f]+ r-[x-]p .* (/.*)\n(?:\w+: .*\n)*?Rss: +(\d+) kB`).FindAllStringSubmatch(string(maps), -1) {
		if strings.TrimSpace(m[1]) == self {
			n, _ := strconv.Atoi(m[2])
			kb += n
		}
	}
	if kb == 0 {
		t.Fatal("nothing of the program is in memory")
	}
	return kb
}

// What was written and is read-only now, as what the loader relocated of a position-independent program, stays.
func TestUnwritten(t *testing.T) {
	const size = 1 << 16
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapped := func(write bool) uint64 {
		b, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Munmap(b) })
		if write {
			b[size/2] = 1
		}
		if err := syscall.Mprotect(b, syscall.PROT_READ); err != nil {
			t.Fatal(err)
		}
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	written, read := mapped(true), mapped(false)
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	has := func(a uint64) bool {
		return slices.ContainsFunc(unwritten(string(smaps), path), func(m mapping) bool { return a >= m.start && a < m.end })
	}
	if has(written) {
		t.Error("a page that was written is given back")
	}
	if !has(read) {
		t.Error("a mapping that was only read is kept")
	}
}
