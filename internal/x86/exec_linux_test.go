//go:build amd64

package x86

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// The processor itself is the last judge of what an instruction writes: TestExecute runs
// instructions one at a time in a child process that it traces, and compares the registers
// and a page of memory with those before.

type tracee struct {
	pid  int
	regs syscall.PtraceRegs // where it stopped
	page uintptr            // memory to run code in and to let it write to
	mem  *os.File
}

const (
	codeAt   = 0x0800 // offsets in the pages
	dataAt   = 0x8000
	dataSize = 0x8000
	pages    = 0x10000
)

func (c *tracee) wait() (syscall.WaitStatus, error) {
	var ws syscall.WaitStatus
	_, err := syscall.Wait4(c.pid, &ws, 0, nil)
	return ws, err
}

// startTracee starts a stopped child with pages of memory that it may read, write and execute.
func startTracee() (*tracee, error) {
	cmd := exec.Command("/proc/self/exe") // any program will do: it stops before its first instruction and stays there
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &tracee{pid: cmd.Process.Pid}
	ws, err := c.wait()
	if err != nil {
		return nil, err
	}
	if !ws.Stopped() {
		return nil, fmt.Errorf("the child did not stop: %#x", ws)
	}
	// It stops before its first instruction, with one thread. Let it map memory from there.
	if err := syscall.PtraceGetRegs(c.pid, &c.regs); err != nil {
		return nil, err
	}
	pc := uintptr(c.regs.Rip)
	if _, err := syscall.PtracePokeText(c.pid, pc, []byte{0x0f, 0x05}); err != nil {
		return nil, err
	}
	r := c.regs
	r.Rax, r.Rdi, r.Rsi, r.Rdx = syscall.SYS_MMAP, 0x10000000, pages, 7
	r.R10, r.R8, r.R9 = syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_FIXED, ^uint64(0), 0
	if err := syscall.PtraceSetRegs(c.pid, &r); err != nil {
		return nil, err
	}
	if err := syscall.PtraceSingleStep(c.pid); err != nil {
		return nil, err
	}
	if _, err := c.wait(); err != nil {
		return nil, err
	}
	if err := syscall.PtraceGetRegs(c.pid, &r); err != nil {
		return nil, err
	}
	if r.Rax != 0x10000000 {
		return nil, fmt.Errorf("mmap in the child: %#x", r.Rax)
	}
	c.page = uintptr(r.Rax)
	c.mem, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", c.pid), os.O_RDWR, 0)
	return c, err
}

// gprsOf returns the registers in the order of their numbers.
func gprsOf(r *syscall.PtraceRegs) [16]*uint64 {
	return [16]*uint64{&r.Rax, &r.Rcx, &r.Rdx, &r.Rbx, &r.Rsp, &r.Rbp, &r.Rsi, &r.Rdi,
		&r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15}
}

var errFault = errors.New("fault")

// run executes one instruction with these registers and returns the registers afterwards.
func (c *tracee) run(code []byte, in syscall.PtraceRegs) (out syscall.PtraceRegs, err error) {
	var buf [16]byte
	for i := range buf {
		buf[i] = 0x90
	}
	copy(buf[:], code)
	if _, err := c.mem.WriteAt(buf[:], int64(c.page)+codeAt); err != nil {
		return out, err
	}
	if err := syscall.PtraceSetRegs(c.pid, &in); err != nil {
		return out, err
	}
	if err := syscall.PtraceSingleStep(c.pid); err != nil {
		return out, err
	}
	ws, err := c.wait()
	if err != nil {
		return out, err
	}
	if !ws.Stopped() {
		return out, fmt.Errorf("the child ended: %#x", ws)
	}
	if ws.StopSignal() != syscall.SIGTRAP {
		return out, errFault
	}
	err = syscall.PtraceGetRegs(c.pid, &out)
	return out, err
}

// mayRun reports whether an instruction stays within the child's own registers and memory.
func mayRun(in *Inst) bool {
	switch in.Op {
	case OpSyscall, OpSysenter, OpInt80, OpTrap, OpBad, OpCall, OpCallInd, OpJmp, OpJmpInd, OpJcc, OpRet:
		return false
	}
	return in.Def != 0xffff && in.Flags&FlagSeg == 0
}

// varies reports whether an instruction yields something else each time.
func varies(code []byte) bool {
	for _, op := range []string{"\x0f\x31", "\x0f\x01", "\x0f\xc7", "\x0f\xa2", "\x0f\xae", "\x0f\x33"} {
		if bytes.Contains(code, []byte(op)) {
			return true
		}
	}
	return false
}

// TestExecute checks Def and the flags of memory against what the processor does: a register that
// changes must be in Def, memory changes only where FlagMemOut allows it, and a register that is in
// neither Use nor Def nor the address must not influence what is written.
func TestExecute(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tens of thousands of instructions in another process")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := startTracee()
	if err != nil {
		t.Skipf("cannot trace a child: %v", err)
	}
	defer func() {
		syscall.Kill(c.pid, syscall.SIGKILL)
		c.wait()
	}()

	rnd := rand.New(rand.NewPCG(1, 2))
	ran, faulted, changedRegs, changedMem := 0, 0, 0, 0
	before, after, after2 := make([]byte, dataSize), make([]byte, dataSize), make([]byte, dataSize)
	for i := range before {
		before[i] = byte(rnd.Uint32())
	}
	restore := func() {
		if _, err := c.mem.WriteAt(before, int64(c.page)+dataAt); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	one := func(code []byte) {
		var in Inst
		if !Decode(code, uint64(c.page)+codeAt, &in) || !mayRun(&in) {
			return
		}
		if in.Base == RIP && uint64(in.Disp)-uint64(c.page) < dataAt {
			return // not in the data
		}
		code = code[:in.Len]
		r := c.regs
		r.Rip = uint64(c.page) + codeAt
		r.Orig_rax = ^uint64(0)
		for i, p := range gprsOf(&r) {
			// All point into the data, and not far apart, lest an index lead out of it.
			*p = uint64(c.page) + dataAt + dataSize/2 + uint64(i)*0x40 + uint64(rnd.Uint32()&0x38)
		}
		if in.Index != RegNone && in.Index != in.Base {
			*gprsOf(&r)[in.Index] = uint64(rnd.Uint32() & 0x3f)
		}
		if in.Flags&FlagRep != 0 {
			r.Rcx = uint64(rnd.Uint32() & 7)
		}
		r.Eflags = r.Eflags&^0x8d5 | uint64(rnd.Uint32())&0x8d5
		out, err := c.run(code, r)
		if err == errFault {
			faulted++
			restore()
			return
		}
		if err != nil {
			t.Fatalf("% x: %s: %v", code, &in, err)
		}
		ran++
		for i, p := range gprsOf(&out) {
			if *p == *gprsOf(&r)[i] {
				continue
			}
			changedRegs++
			if in.Def>>i&1 == 0 && !(Reg(i) == RSP && (in.Op == OpPush || in.Op == OpPop)) {
				t.Errorf("% x: %s changes %v", code, &in, Reg(i))
			}
		}
		next := out.Rip - r.Rip
		if emulated(code) && next == uint64(in.Len)+1 {
			next = uint64(in.Len) // the emulation stepped over the nop behind it as well
		}
		if next != uint64(in.Len) && !(in.Flags&FlagMemAny != 0 && next == 0) && !(isInt1(code) && next == 0) {
			t.Errorf("% x: %s: next at +%d", code, &in, next)
		}
		if _, err := c.mem.ReadAt(after, int64(c.page)+dataAt); err != nil {
			t.Fatal(err)
		}
		wrote := !bytes.Equal(before, after)
		if wrote {
			restore()
		}

		// Again, with other values in all registers that should not matter.
		again := r
		for i, p := range gprsOf(&again) {
			if in.Use>>i&1 == 0 && Reg(i) != in.Base && Reg(i) != in.Index && Reg(i) != RSP {
				*p = rnd.Uint64()
			}
		}
		if !varies(code) && !emulated(code) && !(in.Op == OpVec && in.Flags&FlagImpMem != 0) { // a gather changes its mask
			out2, err := c.run(code, again)
			if err == errFault && (in.Op == OpVec || in.Op == OpVecMov) {
				restore()
				return // the first run may have unmasked a floating-point exception
			}
			if err != nil {
				t.Fatalf("% x: %s: %v with other values in registers that it does not use", code, &in, err)
			}
			for i, p := range gprsOf(&out2) {
				q := *gprsOf(&out)[i]
				if *p != q && (*p != *gprsOf(&again)[i] || q != *gprsOf(&r)[i]) {
					t.Errorf("% x: %s: %v depends on an unused register", code, &in, Reg(i))
				}
			}
			if _, err := c.mem.ReadAt(after2, int64(c.page)+dataAt); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(after, after2) && in.Op != OpVec && in.Op != OpVecMov {
				t.Errorf("% x: %s: memory depends on an unused register", code, &in)
			}
			restore()
		}

		if wrote {
			changedMem++
			lo, hi := 0, dataSize
			for before[lo] == after[lo] {
				lo++
			}
			for before[hi-1] == after[hi-1] {
				hi--
			}
			first, n := uint64(c.page)+dataAt+uint64(lo), hi-lo
			switch {
			case in.Op == OpPush:
			case in.Flags&FlagMemOut == 0:
				t.Errorf("% x: %s writes %d bytes at %x", code, &in, n, first)
			case in.Flags&(FlagMemAny|FlagImpMem) != 0:
			default:
				addr := uint64(in.Disp)
				if in.Base != RegNone && in.Base != RIP {
					base := *gprsOf(&r)[in.Base]
					if in.Op == OpPop && in.Base == RSP {
						base += uint64(in.Size)
					}
					addr += base
				}
				if in.Index != RegNone {
					addr += *gprsOf(&r)[in.Index] * uint64(in.Scale)
				}
				if in.Flags&FlagAddr32 != 0 {
					addr = uint64(uint32(addr))
				}
				if first < addr || first+uint64(n) > addr+uint64(in.MemSize) {
					t.Errorf("% x: %s writes %d bytes at %x, its operand is at %x", code, &in, n, first, addr)
				}
			}
		}
	}

	// The opcodes of all maps, with the registers and memory operands that rnd picks.
	modrm := func() []byte {
		m := byte(rnd.Uint32())
		b := []byte{m}
		if m < 0xc0 && m&7 == 4 {
			b = append(b, byte(rnd.Uint32()))
		}
		if m&0xc7 == 5 { // relative to rip
			return append(b, 0x40, (dataAt-codeAt)>>8, 0, 0, byte(rnd.Uint32()), 1, 0, 0, 0)
		}
		if m>>6 == 2 || len(b) == 2 && m>>6 == 0 && b[1]&7 == 5 {
			return append(b, 0x40, 0, 0, 0, byte(rnd.Uint32()), 1, 0, 0, 0)
		}
		return append(b, byte(rnd.Uint32()&0x1f), byte(rnd.Uint32()&0x3f), 1, 0, 0, 0)
	}
	legacy := [][]byte{{}, {}, {0x66}, {0xf3}, {0xf2}, {0x48}, {0x66, 0x48}, {0xf3, 0x48}, {0xf2, 0x48}, {0x41}, {0x44}, {0x4d}, {0x67}}
	for range 5 {
		for o := range 256 {
			for _, p := range legacy {
				for _, esc := range [][]byte{{}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}} {
					one(append(append(append(append([]byte{}, p...), esc...), byte(o)), modrm()...))
				}
			}
			for range 8 {
				for mm := byte(1); mm <= 3; mm++ {
					p1 := byte(rnd.Uint32())
					one(append([]byte{0xc4, 0xe0&^byte(rnd.Uint32()&0x20<<1) | mm, p1, byte(o)}, modrm()...))
					one(append([]byte{0xc4, 0xe0 | mm, p1 | 0x78, byte(o)}, modrm()...))
					one(append([]byte{0x62, 0xf0 | mm, p1 | 4, byte(rnd.Uint32())&0x6f | 8, byte(o)}, modrm()...))
					one(append([]byte{0x62, 0xf0 | mm, p1 | 0x7c, byte(rnd.Uint32())&0x7f | 8, byte(o)}, modrm()...))
				}
			}
		}
	}
	t.Logf("%d instructions ran, %d faulted; %d registers and %d memory operands changed", ran, faulted, changedRegs, changedMem)
	if ran < 10000 {
		t.Errorf("only %d instructions ran", ran)
	}
}

// isInt1 reports whether code is int1, f1 behind prefixes. It raises the debug exception that a step ends with, and under
// some hypervisors of AMD's processors, where it does so, it has not been stepped over.
func isInt1(code []byte) bool {
	n := len(code) - 1
	return code[n] == 0xf1 && !slices.ContainsFunc(code[:n], func(b byte) bool { return legacy[b] == 0 && rexes[b] == 0 })
}

// emulated reports whether a hypervisor or the kernel may carry out the
// instruction itself: cpuid, and what UMIP keeps from user mode, which Linux emulates
// (sgdt, sidt, smsw, sldt, str: arch/x86/kernel/umip.c), leaving more of a register as it was than the processor does.
func emulated(code []byte) bool {
	i := bytes.IndexByte(code, 0x0f)
	if i < 0 || i+1 >= len(code) {
		return false
	}
	return code[i+1] == 0xa2 || code[i+1] <= 1
}
