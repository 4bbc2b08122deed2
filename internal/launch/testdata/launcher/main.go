// Command launcher executes a program under a filter, as the tests ask: it is built as
// the command is, with symbols, which test binaries lack.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/launch"
)

var filters = map[string][]bpf.RawInstruction{
	"allow": {{Op: 0x06, K: 0x7fff0000}},
	"bare": { // execve, write, exit_group; all else kills
		{Op: 0x20, K: 0}, {Op: 0x15, Jt: 3, K: 59}, {Op: 0x15, Jt: 2, K: 1}, {Op: 0x15, Jt: 1, K: 231},
		{Op: 0x06, K: 0x80000000}, {Op: 0x06, K: 0x7fff0000},
	},
	"noexec": { // execve fails
		{Op: 0x20, K: 0}, {Op: 0x15, Jf: 1, K: 59}, {Op: 0x06, K: 0x0005000d}, {Op: 0x06, K: 0x7fff0000},
	},
	"lie": { // seccomp answers 0 and does nothing
		{Op: 0x20, K: 0}, {Op: 0x15, Jf: 1, K: 317}, {Op: 0x06, K: 0x00050000}, {Op: 0x06, K: 0x7fff0000},
	},
	"broken": {{Op: 0xffff}},
	"large":  make([]bpf.RawInstruction, 5000),
}

func main() {
	// A runtime that is busy with other things: threads, collections, timers.
	for range 4 {
		go func() {
			for s := []byte(nil); ; s = append(s[:0], make([]byte, 1<<12)...) {
				unix.Getppid()
			}
		}()
	}
	path, err := exec.LookPath(os.Args[2])
	if err == nil {
		err = launch.Exec(path, os.Args[2:], os.Environ(), filters[os.Args[1]])
	}
	runtime.GC() // which stops goroutines that run in loops: signals must be as they were
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
