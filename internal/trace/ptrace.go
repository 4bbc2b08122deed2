package trace

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// ptrace makes a request of ptrace(2) that package unix lacks. Its last argument is
// pointer, or number if that is nil.
func ptrace(request, pid int, addr uintptr, pointer unsafe.Pointer, number uintptr) error {
	var e unix.Errno
	if pointer != nil {
		_, _, e = unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, uintptr(pointer), 0, 0)
	} else {
		_, _, e = unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), addr, number, 0, 0)
	}
	if e != 0 {
		return e
	}
	return nil
}

// What struct ptrace_syscall_info says about a stop (include/uapi/linux/ptrace.h).
const (
	infoNone, infoEntry, infoExit, infoSeccomp = 0, 1, 2, 3

	infoSize = 88

	archX86_64 = 0xc000003e // AUDIT_ARCH_X86_64, include/uapi/linux/audit.h
	archI386   = 0x40000003 // AUDIT_ARCH_I386
)

// syscallInfo is the part of struct ptrace_syscall_info that an entry has.
type syscallInfo struct {
	op     byte
	arch   uint32
	ip, sp uint64
	nr     uint64
	args   [6]uint64
	data   uint32 // of a seccomp stop: SECCOMP_RET_DATA
}

// getInfo asks what a stopped thread is doing (PTRACE_GET_SYSCALL_INFO, since
// Linux 5.3). buf has infoSize bytes.
func getInfo(tid int, buf []byte, in *syscallInfo) error {
	if err := ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, infoSize, unsafe.Pointer(&buf[0]), 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	in.op = buf[0]
	in.arch, in.ip, in.sp = le.Uint32(buf[4:]), le.Uint64(buf[8:]), le.Uint64(buf[16:])
	if in.op == infoEntry || in.op == infoSeccomp {
		in.nr = le.Uint64(buf[24:])
		for i := range in.args {
			in.args[i] = le.Uint64(buf[32+8*i:])
		}
		in.data = le.Uint32(buf[80:])
	}
	return nil
}

// call returns the call of an entry, as scans name it: with the bit of x32, also in
// numbers that there are not, it is one of x32.
func (in *syscallInfo) call() (sysno.Call, bool) {
	nr := uint32(in.nr)
	switch {
	case in.arch == archI386:
		return sysno.Call{ABI: sysno.I386, Nr: int(nr)}, true
	case in.arch == archX86_64 && nr&sysno.X32Bit != 0:
		return sysno.Call{ABI: sysno.X32, Nr: int(nr &^ sysno.X32Bit)}, true
	case in.arch == archX86_64:
		return sysno.Call{ABI: sysno.X86_64, Nr: int(nr)}, true
	}
	return sysno.Call{}, false
}

// site returns the address of the instruction that entered the kernel: syscall,
// sysenter and int 0x80 have two bytes; the vsyscall page traps where it is called.
func (in *syscallInfo) site() uint64 {
	if in.ip >= sysno.VsyscallStart && in.ip < sysno.VsyscallEnd {
		return in.ip
	}
	return in.ip - 2
}

// inject makes a stopped thread, which is at an instruction of its own and in no
// call, make a call, and leaves it as it was. It returns what the kernel
// answered: an error number for the values -4095 to -1.
func inject(tid int, nr uint64, args ...uint64) (uint64, error) {
	var saved unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &saved); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	if saved.Cs != longMode {
		return 0, errShort
	}
	at := uintptr(saved.Rip)
	var code [2]byte
	if _, err := unix.PtracePeekText(tid, at, code[:]); err != nil {
		return 0, fmt.Errorf("code at %#x: %w", at, err)
	}
	if _, err := unix.PtracePokeText(tid, at, []byte{0x0f, 0x05}); err != nil {
		return 0, fmt.Errorf("code at %#x: %w", at, err)
	}
	regs := saved
	regs.Rax, regs.Orig_rax = nr, ^uint64(0)
	for i, v := range args {
		*[]*uint64{&regs.Rdi, &regs.Rsi, &regs.Rdx, &regs.R10, &regs.R8, &regs.R9}[i] = v
	}
	ret, err := step(tid, &regs)
	if _, e := unix.PtracePokeText(tid, at, code[:]); err == nil && e != nil {
		err = fmt.Errorf("code at %#x: %w", at, e)
	}
	if e := unix.PtraceSetRegs(tid, &saved); err == nil && e != nil {
		err = fmt.Errorf("registers: %w", e)
	}
	return ret, err
}

// step runs one instruction with regs and returns rax.
func step(tid int, regs *unix.PtraceRegs) (uint64, error) {
	if err := unix.PtraceSetRegs(tid, regs); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	if err := unix.PtraceSingleStep(tid); err != nil {
		return 0, err
	}
	ws, err := wait(tid, 0)
	if err != nil {
		return 0, err
	}
	if !ws.Stopped() || ws.StopSignal() != unix.SIGTRAP {
		return 0, fmt.Errorf("the program did not step over one instruction (wait status %#x)", uint32(ws))
	}
	if err := unix.PtraceGetRegs(tid, regs); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	return regs.Rax, nil
}

// wait waits for one thread.
func wait(tid int, flags int) (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(tid, &ws, flags|unix.WALL, nil)
		if err != unix.EINTR {
			return ws, err
		}
	}
}
