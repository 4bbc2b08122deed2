package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// garbage is what share of the heap may be garbage before it is collected, in percent of what is in use: first,
// and after one collection or more.
//
// Most of what a scan allocates stays until its end, so a collection frees little, and costs besides that every
// write of a pointer is slower while it runs. Below 28 MB (the first number is of the runtime's smallest heap,
// 4 MB) there is none, which is most scans: nginx, at 30 MB, needs one instead of eight, for a thirtieth of the
// time. From there on what may be garbage is memory that is asked for and hardly used.
var garbage = []int{700, 200}

// firstHeap is the size that the heap is given at first, in bytes: what a scan of nginx fills.
const firstHeap = 24 << 20

// tuneMemory sets how the heap grows and is collected.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage[0])
		growHeap()
		collectAt(garbage)
	}
}

// growHeap has the runtime map memory for the heap, which is free again at the end, and the kernel back it by huge
// pages as it is used. Two thirds of the page faults of a scan of nginx, and a thirtieth of its time, are for its heap
// otherwise. The advice must be on what is mapped: where the heap grows, in steps of 4 MB, it is lost.
func growHeap() {
	b := make([]byte, firstHeap)
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) // a hint
	runtime.GC()
}

// collectAt sets the first share, and after the next collection those that follow.
func collectAt(garbage []int) {
	debug.SetGCPercent(garbage[0])
	if len(garbage) > 1 {
		runtime.AddCleanup(new([64]byte), func(then []int) {
			evictProgram()
			collectAt(then)
		}, garbage[1:])
	}
}

// evictProgram tells the kernel that the pages of this program itself are not needed for now. Of 10 MB, most
// of them for what it does when it starts, a scan uses 7 again.
func evictProgram() {
	self, err := os.Executable()
	smaps, err2 := os.ReadFile("/proc/self/smaps")
	if err != nil || err2 != nil {
		return // it only saves memory
	}
	for _, m := range unwritten(string(smaps), self) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(m.start), uintptr(m.end-m.start), syscall.MADV_DONTNEED) // a hint
	}
}

type mapping struct{ start, end uint64 }

// unwritten returns the mappings of a file that cannot be written to and never were. What a loader has relocated and made
// read-only since (PT_GNU_RELRO) looks like any other constant data, but is lost if the kernel reads it from the file again.
func unwritten(smaps, file string) (l []mapping) {
	var m mapping
	its := false
	for line := range strings.Lines(smaps) { // proc_pid_smaps(5): from-to, permissions, offset, device, inode, path; then its numbers
		f := strings.Fields(line)
		if len(f) > 1 && !strings.HasSuffix(f[0], ":") {
			from, to, _ := strings.Cut(f[0], "-")
			var err1, err2 error
			m.start, err1 = strconv.ParseUint(from, 16, 64)
			m.end, err2 = strconv.ParseUint(to, 16, 64)
			its = err1 == nil && err2 == nil && len(f) == 6 && f[5] == file && (f[1] == "r-xp" || f[1] == "r--p")
			continue
		}
		switch {
		case !its || len(f) != 3:
		case f[0] == "Anonymous:" && f[1] == "0": // pages of its own
			l = append(l, m)
		case f[0] == "Swap:" && f[1] != "0" && len(l) > 0 && l[len(l)-1] == m: // or that it had
			l = l[:len(l)-1]
		}
	}
	return l
}
