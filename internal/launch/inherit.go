package launch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"reflect"
	"strconv"

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
// The Go runtime catches all signals but SIGHUP and SIGINT that were ignored (SIGPIPE
// under systemd, say), and lets some through that were blocked (SIGCHLD, SIGURG,
// faults). How it was is in two variables of the runtime, fwdSig and initSigmask, which are found by
// their symbols: in an executable without symbols, what Go took is as it is by default.
func Inherit() (Inherited, error) {
	s := Inherited{}
	now, err := status("self")
	if err != nil {
		return s, err
	}
	s.caught, s.Ignored, s.Blocked = now["SigCgt"], now["SigIgn"], now["SigBlk"]
	handlers, mask, ok := atStart()
	if !ok {
		return s, nil
	}
	s.Blocked = mask
	for sig := 1; sig < numSignals; sig++ {
		if handlers[sig] == sigIgnore {
			s.Ignored |= 1 << (sig - 1)
		}
	}
	return s, nil
}

// Lost returns the signals that were ignored and that a child of package syscall does
// not ignore.
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

// atStart returns the handlers that signals had, by signal, and the mask, as this process began.
func atStart() (handlers [numSignals]uint64, mask uint64, ok bool) {
	f, err := image.Open("/proc/self/exe")
	if err != nil {
		return handlers, mask, false
	}
	defer f.Close()
	// The program is where its symbols say, or elsewhere as a whole: a function of ours tells.
	here, _, ok := f.StaticSymbol("github.com/gofind-dev/gofind/internal/launch.Inherit")
	if !ok {
		return handlers, mask, false
	}
	shift := uint64(reflect.ValueOf(Inherit).Pointer()) - here
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return handlers, mask, false
	}
	defer mem.Close()
	read := func(name string, buf []byte) bool {
		addr, size, ok := f.StaticSymbol(name)
		if !ok || size != uint64(len(buf)) {
			return false
		}
		n, err := mem.ReadAt(buf, int64(addr+shift))
		return err == nil && n == len(buf)
	}
	var table [8 * numSignals]byte
	var set [8]byte
	if !read("runtime.fwdSig", table[:]) || !read("runtime.initSigmask", set[:]) {
		return handlers, mask, false
	}
	for i := range handlers {
		handlers[i] = binary.LittleEndian.Uint64(table[8*i:])
	}
	return handlers, binary.LittleEndian.Uint64(set[:]), true
}
