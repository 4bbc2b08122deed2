package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/launch"
)

// start runs the command up to the first instruction of its program and begins
// to follow it.
//
// Between fork and execve there is no place for code of ours in Go. So the child
// asks to be traced in the old way (PTRACE_TRACEME), which stops it behind execve.
// There the vDSO is hidden and the filter installed. PTRACE_SEIZE, which alone can
// tell the stops of job control from others, then takes over from it, through a
// stop by SIGSTOP that the program never sees.
func (t *tracer) start() error {
	pid, err := syscall.ForkExec(t.Path, t.Argv, &syscall.ProcAttr{
		Dir:   t.Dir,
		Env:   t.Env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err == unix.EPERM {
		return fmt.Errorf("%s: %w; if the file may be executed, ptrace is forbidden here: by a container's seccomp profile or /proc/sys/kernel/yama/ptrace_scope", t.Path, err)
	}
	if err != nil {
		return &os.PathError{Op: "execve", Path: t.Path, Err: err}
	}
	t.root = pid
	if err := t.prepare(pid); err != nil {
		unix.Kill(pid, unix.SIGKILL)
		_, _ = wait(pid, 0)
		return fmt.Errorf("%s: cannot be traced: %w", t.Path, err)
	}
	return nil
}

func (t *tracer) prepare(pid int) error {
	ws, err := wait(pid, 0)
	if err != nil {
		return err
	}
	if !ws.Stopped() || ws.StopSignal() != unix.SIGTRAP {
		return fmt.Errorf("it did not stop after execve (wait status %#x)", uint32(ws))
	}
	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_EXITKILL); err != nil {
		return err
	}
	th := t.add(pid, pid, nil)
	if err := t.enter(th); err != nil {
		return err
	}
	// The program is to have the signals that this process was given, before Go took its own.
	inherited, err := launch.Inherit()
	if err != nil {
		return err
	}
	if lost := inherited.Lost(); lost != 0 {
		// (No 32-bit program has them, which is no reason not to follow one.)
		if err := ignore(pid, lost); err != nil && err != errShort {
			return err
		}
	}
	if err := setMask(pid, 0); err != nil { // of the signals that follow none may wait
		return err
	}
	if t.Filter != nil {
		if err := installFilter(pid, t.Filter); err != nil {
			return err
		}
	}
	if err := ptrace(unix.PTRACE_DETACH, pid, 0, nil, uintptr(unix.SIGSTOP)); err != nil {
		return fmt.Errorf("PTRACE_DETACH: %w", err)
	}
	if ws, err = wait(pid, unix.WUNTRACED); err != nil || !ws.Stopped() {
		return fmt.Errorf("it did not stop (wait status %#x): %w", uint32(ws), err)
	}
	if err := ptrace(unix.PTRACE_SEIZE, pid, 0, nil, traceOptions); err != nil {
		return fmt.Errorf("PTRACE_SEIZE: %w; is it traced by another, or forbidden (/proc/sys/kernel/yama/ptrace_scope)?", err)
	}
	return t.release(th, inherited.Blocked)
}

// release lets a thread that is stopped by our SIGSTOP run, without it or the
// program seeing the SIGCONT that this takes. It blocks the signals of mask from then on.
func (t *tracer) release(th *thread, mask uint64) error {
	for {
		ws, err := wait(th.tid, 0)
		if err != nil {
			return err
		}
		sig, event := ws.StopSignal(), int(ws)>>16
		switch {
		case !ws.Stopped():
			return fmt.Errorf("it ended (wait status %#x)", uint32(ws))
		case event == unix.PTRACE_EVENT_STOP && sig == unix.SIGSTOP:
			if err := unix.Kill(th.tid, unix.SIGCONT); err != nil {
				return err
			}
			err = ptrace(unix.PTRACE_LISTEN, th.tid, 0, nil, 0)
		case event == 0 && sig == unix.SIGCONT:
			if err := setMask(th.tid, mask); err != nil {
				return err
			}
			return t.resume(th, 0)
		default:
			err = unix.PtraceCont(th.tid, deliver(sig, event))
		}
		if err != nil {
			return err
		}
	}
}

// deliver returns the signal of a stop, 0 if it is none for the program.
func deliver(sig unix.Signal, event int) int {
	if event != 0 {
		return 0
	}
	return int(sig)
}

// Auxiliary vector entries (include/uapi/linux/auxvec.h).
const (
	atNull, atIgnore, atSysinfoEHDR = 0, 1, 33

	maxStack = 8 << 20 // of words that execve puts on the stack: a quarter of the limit, 6 MB at most (fs/exec.c)
)

// hideVDSO takes the vDSO out of the auxiliary vector of a thread that has just
// executed a program: the C library then makes the calls that the vDSO would
// answer. The vDSO itself stays mapped. The stack begins with argc, argv, a null,
// the environment, a null, and pairs (psABI section 3.4.1).
func hideVDSO(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	if regs.Cs != longMode {
		return nil
	}
	var buf [512]byte
	nulls := -1 // argc comes before the first word that counts
	at := regs.Rsp
	for read := 0; read < maxStack; {
		n, err := peek(tid, at, buf[:])
		if n < 16 {
			return fmt.Errorf("stack at %#x: %w", at, err)
		}
		n &^= 15
		for i := 0; i < n; i += 8 {
			v := binary.LittleEndian.Uint64(buf[i:])
			switch {
			case nulls < 0:
				nulls = 0
			case nulls < 2:
				if v == 0 {
					nulls++
				}
				if nulls == 2 { // pairs begin behind it
					return hideIn(tid, at+uint64(i)+8)
				}
			}
		}
		at += uint64(n)
		read += n
	}
	return errors.New("no auxiliary vector on the stack")
}

// hideIn marks the entry of the vDSO in the vector at addr as one to be ignored.
func hideIn(tid int, addr uint64) error {
	var pair [16]byte
	for i := 0; i < 64; i++ {
		if n, err := peek(tid, addr, pair[:]); n < len(pair) {
			return fmt.Errorf("auxiliary vector at %#x: %w", addr, err)
		}
		switch binary.LittleEndian.Uint64(pair[:]) {
		case atNull:
			return nil // the kernel has none
		case atSysinfoEHDR:
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], atIgnore)
			_, err := unix.PtracePokeData(tid, uintptr(addr), word[:])
			return err
		}
		addr += 16
	}
	return errors.New("the auxiliary vector does not end")
}

// peek reads memory; n may be less than was asked for.
func peek(tid int, addr uint64, buf []byte) (int, error) {
	if len(buf) == 0 {
		return 0, nil
	}
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(len(buf))
	return unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(buf)}}, 0)
}

// longMode is the code segment of 64-bit programs (__USER_CS, arch/x86/include/asm/segment.h).
const longMode = 0x33

var errShort = errors.New("it is a 32-bit program, which takes no filter from us")

// scratch writes data below the stack of a thread that has just executed a program,
// where there is nothing yet, calls f with its address, and takes the data away again.
func scratch(tid int, data []byte, f func(at uint64) error) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	if regs.Cs != longMode {
		return errShort
	}
	const below = 4096
	at := (regs.Rsp - below - uint64(len(data))) &^ 15
	if _, err := unix.PtracePokeData(tid, uintptr(at), data); err != nil {
		return fmt.Errorf("stack at %#x: %w", at, err)
	}
	err := f(at)
	if _, e := unix.PtracePokeData(tid, uintptr(at), make([]byte, len(data))); err == nil {
		err = e
	}
	return err
}

// installFilter makes a thread that has just executed a program install a seccomp filter.
func installFilter(tid int, filter []bpf.RawInstruction) error {
	le := binary.LittleEndian
	var b []byte
	for _, f := range filter {
		b = le.AppendUint16(b, f.Op)
		b = append(b, f.Jt, f.Jf)
		b = le.AppendUint32(b, f.K)
	}
	head := len(b)
	b = le.AppendUint64(b, uint64(len(filter))) // struct sock_fprog: length, padding, pointer
	b = le.AppendUint64(b, 0)
	return scratch(tid, b, func(at uint64) error {
		prog := at + uint64(head)
		if _, err := unix.PtracePokeData(tid, uintptr(prog+8), le.AppendUint64(nil, at)); err != nil {
			return err
		}
		ret, err := inject(tid, unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, prog)
		if err == nil && errno(ret) == unix.EACCES {
			// Without the privilege to filter what may gain privileges: give up gaining them.
			if ret, err = inject(tid, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil && errno(ret) == 0 {
				ret, err = inject(tid, unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, prog)
			}
		}
		if err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
		return launch.FilterError(errno(ret), len(filter))
	})
}

// setMask sets the signals that a stopped thread blocks.
func setMask(tid int, mask uint64) error {
	if err := ptrace(unix.PTRACE_SETSIGMASK, tid, 8, unsafe.Pointer(&mask), 0); err != nil {
		return fmt.Errorf("PTRACE_SETSIGMASK: %w", err)
	}
	return nil
}

// ignore makes a thread that has just executed a program ignore signals.
func ignore(tid int, signals uint64) error {
	const sigIgnore = 1
	act := make([]byte, 32) // struct sigaction
	act[0] = sigIgnore
	return scratch(tid, act, func(at uint64) error {
		for sig := uint64(1); sig <= 64; sig++ {
			if signals&(1<<(sig-1)) == 0 {
				continue
			}
			ret, err := inject(tid, unix.SYS_RT_SIGACTION, sig, at, 0, 8)
			if err == nil && errno(ret) != 0 {
				err = errno(ret)
			}
			if err != nil {
				return fmt.Errorf("rt_sigaction: %w", err)
			}
		}
		return nil
	})
}

// errno returns the error number that a call answered, 0 if it succeeded.
func errno(ret uint64) unix.Errno {
	if -ret <= 4095 && ret != 0 {
		return unix.Errno(-ret)
	}
	return 0
}
