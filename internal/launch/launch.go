// Package launch replaces this process by a program under a seccomp filter.
//
// # What happens
//
// One thread, which the Go scheduler leaves alone, makes these calls directly one
// after the other: rt_sigaction for each signal that Go handles, rt_sigprocmask, seccomp
// (prctl(PR_SET_NO_NEW_PRIVS) first if the kernel demands it), execve. The filter is
// that thread's alone. execve ends the other threads, which never were under it, and
// nothing of the Go runtime runs between seccomp and execve: no signal can start a
// handler, and preemption works by signals. So the filter needs to allow nothing for
// gofind's sake but execve, and no instruction of the program runs without it.
//
// # What the program inherits
//
// What it would have without gofind: process number, files, directory, terminal, limits. Three things
// Go changes as it starts, and they are put back ([Inherited]): the soft limit
// of open files, the signal mask, and which signals are ignored. Two it does not:
// files 0, 1 and 2 are open (on /dev/null, if they were closed), and no_new_privs is set if seccomp demanded it.
package launch

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Failed is the exit code if execve fails under the filter, where nothing else can be
// done: that of shells for commands that cannot be executed.
const Failed = 126

// Exec executes a program under a filter. It returns only if it fails before the
// filter is in place; if execve fails then, the process ends with code Failed.
func Exec(path string, argv, env []string, filter []bpf.RawInstruction) error {
	if len(filter) == 0 || len(filter) > 1<<16-1 {
		return fmt.Errorf("a filter of %d instructions", len(filter))
	}
	// execve under the filter cannot report much: what can be known is asked before.
	if err := unix.Access(path, unix.X_OK); err != nil {
		return &os.PathError{Op: "execve", Path: path, Err: err}
	}
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	args, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	vars, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	state, err := Inherit()
	if err != nil {
		return err
	}
	prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0]))}
	message := []byte("gofind: " + path + ": execve failed under the filter\n")

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restoreFiles()
	tasks, err := unix.Open("/proc/self/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		tasks = -1 // without /proc
	} else {
		defer unix.Close(tasks)
	}
	e := replace(&state, prog, name, args, vars, message, threads{dir: tasks, pid: os.Getpid(), buf: make([]byte, 1<<14)})
	runtime.KeepAlive(filter)
	return FilterError(e, len(filter))
}

// threads are those of this process, which are listed by calls alone.
type threads struct {
	dir int // /proc/self/task, -1 if there is none
	pid int
	buf []byte
}

// preempt sends each thread the signal by which Go's runtime stops goroutines that run in loops. One that was sent while the signal
// was ignored is lost, and the runtime sends no other before its handler has run (preemptM, runtime/signal_unix.go): it would wait for ever.
func (t *threads) preempt() {
	if t.dir < 0 {
		return
	}
	for {
		n, _, e := unix.RawSyscall(unix.SYS_GETDENTS64, uintptr(t.dir), uintptr(unsafe.Pointer(&t.buf[0])), uintptr(len(t.buf)))
		if e != 0 || n == 0 || n > uintptr(len(t.buf)) {
			return
		}
		for b := t.buf[:n]; len(b) > 19; { // struct linux_dirent64: d_ino, d_off, d_reclen, d_type, d_name
			size := int(b[16]) | int(b[17])<<8
			if size < 19 || size > len(b) {
				return
			}
			tid := 0
			for _, c := range b[19:size] {
				if c < '0' || c > '9' {
					break
				}
				tid = tid*10 + int(c-'0')
			}
			if tid > 0 {
				unix.RawSyscall(unix.SYS_TGKILL, uintptr(t.pid), uintptr(tid), uintptr(unix.SIGURG))
			}
			b = b[size:]
		}
	}
}

// replace makes the calls. It returns if seccomp fails, with signals as they were: a Go
// runtime without its handlers cannot stop a goroutine that runs in a loop, and hangs.
func replace(s *Inherited, prog *unix.SockFprog, name *byte, args, vars []*byte, message []byte, all threads) unix.Errno {
	var before [numSignals]sigaction
	var mask uint64
	for sig := 1; sig < numSignals; sig++ {
		if s.handled(sig) {
			act := sigaction{handler: sigDefault}
			if s.Ignored&(1<<(sig-1)) != 0 {
				act.handler = sigIgnore
			}
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act)), uintptr(unsafe.Pointer(&before[sig])), 8, 0, 0)
		}
	}
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&s.Blocked)), uintptr(unsafe.Pointer(&mask)), 8, 0, 0)
	if e := filterThread(prog); e != 0 {
		for sig := 1; sig < numSignals; sig++ {
			if s.handled(sig) {
				unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&before[sig])), 0, 8, 0, 0)
			}
		}
		all.preempt() // before this thread can be stopped itself
		unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
		return e
	}
	unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&vars[0])))
	unix.RawSyscall(unix.SYS_WRITE, 2, uintptr(unsafe.Pointer(&message[0])), uintptr(len(message)))
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, Failed, 0, 0)
	}
}

// filterThread puts the thread under the filter.
func filterThread(prog *unix.SockFprog) unix.Errno {
	// The kernel takes no filter from address 0 (EFAULT): who says yes is a filter in force that answers in its place.
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, 0)
	if e == 0 {
		return unix.EOPNOTSUPP
	}
	_, _, e = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(prog)))
	if e == unix.EACCES {
		// Without the privilege to filter what may gain privileges: give up gaining them.
		if _, _, e = unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
			return e
		}
		_, _, e = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(prog)))
	}
	return e
}

// restoreFiles puts back the soft limit of open files, which package os raises.
// Package syscall keeps the limit from before, and puts it back as the first thing that Exec
// does, also if there is nothing to execute.
func restoreFiles() { _ = syscall.Exec("", nil, nil) }

// FilterError says what it means that seccomp refused a filter of n instructions, and what to do.
func FilterError(e unix.Errno, n int) error {
	const maxInstructions = 4096 // BPF_MAXINSNS, include/uapi/linux/bpf_common.h
	why := ""
	switch e {
	case 0:
		return nil
	case unix.EINVAL, unix.ENOSYS:
		why = "the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER, Linux 3.17), or is an emulation without them"
		if n > maxInstructions {
			why = fmt.Sprintf("the filter has %d instructions and the kernel takes %d; give fewer calls argument tests", n, maxInstructions)
		}
	case unix.ENOMEM:
		why = "the filters of this process and the new one are too large together: each execution under gofind run adds one"
	case unix.EPERM:
		why = "a filter of the container or service that this runs in forbids more of them; allow seccomp and prctl there"
	case unix.EOPNOTSUPP:
		why = "a filter in force, or an emulator, says that seccomp works and does nothing; run gofind outside of it"
	default:
		return fmt.Errorf("seccomp: %w", e)
	}
	return fmt.Errorf("seccomp: %w; %s", e, why)
}
