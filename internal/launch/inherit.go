package launch

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/image"
)

// Inherited is what this process got from its parent and the Go runtime has changed:
// sets of signals, signal 1 in bit 0.
type Inherited struct {
	Blocked uint64
	Ignored uint64

	caught uint64 // signals that have a handler now
}

// Constants of signal(7) on x86-64, which package unix lacks.
const (
	numSignals = 65
	sigSetMask = 2
	sigDefault = 0
	sigIgnore  = 1
)

// sigaction is the kernel's struct sigaction (include/uapi/asm/signal.h).
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

func (s *Inherited) handled(sig int) bool { return (s.caught|s.Ignored)&(1<<(sig-1)) != 0 }

// Inherit finds out what this process inherited.
//
// The mask is that of a child: package syscall gives it the mask from before. The
// child is stopped before its first instruction, and killed.
//
// Of ignored signals, Go leaves SIGHUP and SIGINT alone. The others (SIGPIPE
// under systemd, say) it forgets, but for a table of the runtime (runtime.fwdSig); if
// this executable has no symbols, they are as they are by default.
func Inherit() (Inherited, error) {
	s := Inherited{}
	now, err := status("self")
	if err != nil {
		return s, err
	}
	s.caught, s.Ignored, s.Blocked = now["SigCgt"], now["SigIgn"], now["SigBlk"]
	if child, err := stillborn(); err == nil {
		s.Blocked = child["SigBlk"]
	}
	handlers, ok := runtimeHandlers()
	for sig := 1; sig < numSignals && ok; sig++ {
		if handlers[sig] == sigIgnore {
			s.Ignored |= 1 << (sig - 1)
		}
	}
	return s, nil
}

// Lost returns the signals that were ignored and that a child of package syscall does not ignore.
func (s *Inherited) Lost() uint64 { return s.Ignored & s.caught }

// status reads the sets of signals of a process.
func status(pid string) (map[string]uint64, error) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return nil, fmt.Errorf("%w; is /proc mounted?", err)
	}
	out := map[string]uint64{}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if v, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64); err == nil {
			out[string(name)] = v
		}
	}
	return out, nil
}

// stillborn makes a child that executes nothing, and returns its sets of signals.
func stillborn() (map[string]uint64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"gofind"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return nil, err
	}
	wait := func() (ws unix.WaitStatus, err error) {
		for err = unix.EINTR; err == unix.EINTR; {
			_, err = unix.Wait4(pid, &ws, 0, nil)
		}
		return ws, err
	}
	ws, err := wait()
	if err != nil || !ws.Stopped() {
		return nil, errStopped
	}
	sets, err := status(strconv.Itoa(pid))
	unix.Kill(pid, unix.SIGKILL)
	for !ws.Signaled() && !ws.Exited() {
		var e error
		if ws, e = wait(); e != nil {
			return sets, e
		}
	}
	return sets, err
}

// runtimeHandlers returns the handlers that signals had as this process began, by signal.
func runtimeHandlers() (handlers [numSignals]uint64, ok bool) {
	f, err := image.Open("/proc/self/exe")
	if err != nil {
		return handlers, false
	}
	defer f.Close()
	addr, size, ok := f.StaticSymbol("runtime.fwdSig")
	// The program is where its symbols say, or elsewhere as a whole: a function of ours tells.
	here, _, found := f.StaticSymbol("github.com/gofind-dev/gofind/internal/launch.Inherit")
	if !ok || !found || size < uint64(unsafe.Sizeof(handlers)) {
		return handlers, false
	}
	addr += uint64(reflect.ValueOf(Inherit).Pointer()) - here
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return handlers, false
	}
	defer mem.Close()
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&handlers)), unsafe.Sizeof(handlers))
	n, err := mem.ReadAt(buf, int64(addr))
	return handlers, err == nil && n == len(buf)
}
