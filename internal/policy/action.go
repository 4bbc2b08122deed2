package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// An Action is what happens to a call: a SECCOMP_RET_ value with its data
// (include/uapi/linux/seccomp.h).
type Action uint32

// The actions. Errno adds its number.
const (
	KillProcess Action = 0x80000000
	KillThread  Action = 0x00000000
	Trap        Action = 0x00030000
	UserNotify  Action = 0x7fc00000
	Trace       Action = 0x7ff00000
	Log         Action = 0x7ffc0000
	Allow       Action = 0x7fff0000

	errno Action = 0x00050000
	bits  Action = 0xffff0000
)

// MaxErrno is the highest error number that a filter can answer with: the kernel cuts
// what is above (MAX_ERRNO in include/linux/err.h).
const MaxErrno = 4095

// ENOSYS is the error number of a call that there is not.
const ENOSYS = 38

// Errno is the action that answers a call with an error instead of making it.
func Errno(number uint16) Action { return errno | Action(number) }

// Errno returns the error number of an action, and false if it is no errno action.
func (a Action) Errno() (uint16, bool) { return uint16(a), a&bits == errno }

// Passes reports whether the kernel makes the call: Allow and Log.
func (a Action) Passes() bool { return a&bits == Allow || a&bits == Log }

// Refuses reports whether an action, whatever its data, stops the call by itself: not Allow and Log,
// nor those that leave it to another process, nor an error 0, which lies to the program.
func (a Action) Refuses() bool {
	switch a & bits {
	case KillProcess, KillThread, Trap:
		return true
	}
	n, ok := a.Errno()
	return ok && n != 0
}

// String returns a name that ParseAction understands. Data of an action, which a tracer
// or a handler of SIGSYS sees, follow a colon.
func (a Action) String() string {
	if data := a &^ bits; data != 0 && a&bits != errno {
		return (a & bits).String() + ":" + strconv.Itoa(int(data))
	}
	switch a & bits {
	case KillProcess:
		return "kill"
	case KillThread:
		return "kill-thread"
	case Trap:
		return "trap"
	case UserNotify:
		return "notify"
	case Trace:
		return "trace"
	case Log:
		return "log"
	case Allow:
		return "allow"
	case errno:
		return "errno:" + strconv.Itoa(int(a&^bits))
	}
	return fmt.Sprintf("action(%#x)", uint32(a))
}

// ParseAction reads the name of an action: kill, kill-thread, trap, notify, trace, log,
// allow, errno (EPERM), errno:N.
func ParseAction(s string) (Action, error) {
	for _, a := range []Action{KillProcess, KillThread, Trap, UserNotify, Trace, Log, Allow} {
		if s == a.String() {
			return a, nil
		}
	}
	if s == "errno" {
		return Errno(1), nil // EPERM
	}
	if number, ok := strings.CutPrefix(s, "errno:"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n > MaxErrno {
			return 0, fmt.Errorf("%q is no error number: 0 to %d", number, MaxErrno)
		}
		return Errno(uint16(n)), nil
	}
	if name, data, ok := strings.Cut(s, ":"); ok && name != "errno" {
		a, err := ParseAction(name)
		if n, bad := strconv.ParseUint(data, 10, 16); err == nil && bad == nil && a&^bits == 0 {
			return a | Action(n), nil
		}
	}
	return 0, fmt.Errorf("no action %q: kill, kill-thread, errno, errno:N, trap, log", s)
}
