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
// then after one collection, and after two or more.
//
// Most of what a scan allocates stays until its end, so a collection frees little, and costs besides that every
// write of a pointer is slower while it runs. Below 32 MB (the first number is of the runtime's smallest heap,
// 4 MB) there is none, which is most scans: nginx, at 32 MB, needs one instead of eight, for a thirtieth of the
// time. From there on what may be garbage is memory that is asked for and hardly used.
var garbage = []int{800, 100, 60}

// tuneMemory sets when the heap is collected.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		collectAt(garbage)
	}
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
	maps, err2 := os.ReadFile("/proc/self/maps") // proc_pid_maps(5): from-to, permissions, offset, device, inode, path
	if err != nil || err2 != nil {
		return // it only saves memory
	}
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if len(f) != 6 || f[5] != self || f[1] != "r-xp" && f[1] != "r--p" { // never what it has written to
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(start), uintptr(end-start), syscall.MADV_DONTNEED) // a hint
		}
	}
}
