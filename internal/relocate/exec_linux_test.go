//go:build amd64

package relocate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/gofind-dev/gofind/internal/x86"
)

// The processor is the last judge: TestSameEffect runs the first instructions of real
// functions in a traced child, where they are and moved, with the same registers and
// memory, and compares what they did and where they went.

const (
	mapped     = 0x10000000
	inPlace    = mapped + 0x1000
	movedTo    = mapped + 0x3000
	dataPage   = mapped + 0x10000 // what registers point to lies around its middle
	dataSize   = 0x10000
	mappedSize = 0x20000
)

type tracee struct {
	pid  int
	regs syscall.PtraceRegs
	mem  *os.File
}

// start makes a child that is stopped at its first instruction and has memory to run code in.
func start() (*tracee, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &tracee{pid: cmd.Process.Pid}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(c.pid, &ws, 0, nil); err != nil || !ws.Stopped() {
		return nil, fmt.Errorf("the child did not stop: %#x, %v", ws, err)
	}
	if err := syscall.PtraceGetRegs(c.pid, &c.regs); err != nil {
		return nil, err
	}
	if _, err := syscall.PtracePokeText(c.pid, uintptr(c.regs.Rip), []byte{0x0f, 0x05}); err != nil {
		return nil, err
	}
	r := c.regs
	r.Rax, r.Rdi, r.Rsi, r.Rdx = syscall.SYS_MMAP, mapped, mappedSize, 7
	r.R10, r.R8, r.R9 = syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_FIXED, ^uint64(0), 0
	if _, err := c.step(&r); err != nil || r.Rax != mapped {
		return nil, fmt.Errorf("mmap in the child: %#x, %v", r.Rax, err)
	}
	var err error
	c.mem, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", c.pid), os.O_RDWR, 0)
	return c, err
}

// step runs one instruction and returns the signal that stopped it.
func (c *tracee) step(r *syscall.PtraceRegs) (syscall.Signal, error) {
	if err := syscall.PtraceSetRegs(c.pid, r); err != nil {
		return 0, err
	}
	if err := syscall.PtraceSingleStep(c.pid); err != nil {
		return 0, err
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(c.pid, &ws, 0, nil); err != nil || !ws.Stopped() {
		return 0, fmt.Errorf("the child ended: %#x, %v", ws, err)
	}
	return ws.StopSignal(), syscall.PtraceGetRegs(c.pid, r)
}

// outcome is what a run came to.
type outcome struct {
	regs   syscall.PtraceRegs
	data   []byte
	signal syscall.Signal
	left   uint64 // address outside of the code that it went to
}

// run steps from start until control leaves [start, end).
func (c *tracee) run(code []byte, start, end uint64, r syscall.PtraceRegs, data []byte) (o outcome, err error) {
	if _, err = c.mem.WriteAt(append(bytes.Repeat([]byte{0xcc}, 0x800), code...), int64(start)-0x800); err != nil {
		return
	}
	if _, err = c.mem.WriteAt(data, dataPage); err != nil {
		return
	}
	r.Rip, r.Orig_rax = start, ^uint64(0)
	for steps := 0; steps < 64 && r.Rip >= start && r.Rip < end; steps++ {
		if o.signal, err = c.step(&r); err != nil {
			return
		}
		if o.signal != syscall.SIGTRAP {
			break
		}
	}
	o.regs, o.left = r, r.Rip
	o.data = make([]byte, dataSize)
	_, err = c.mem.ReadAt(o.data, dataPage)
	return
}

func mayRun(in *x86.Inst) bool {
	switch in.Op {
	case x86.OpSyscall, x86.OpSysenter, x86.OpInt80, x86.OpTrap, x86.OpBad:
		return false
	}
	return in.Flags&x86.FlagSeg == 0 && (in.Op != x86.OpOther || in.Def != 0xffff)
}

func TestSameEffect(t *testing.T) {
	runtime.LockOSThread() // one thread traces
	defer runtime.UnlockOSThread()
	c, err := start()
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		syscall.Kill(c.pid, syscall.SIGKILL)
		c.mem.Close()
	}()
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, dataSize)
	limit := 1500
	if testing.Short() {
		limit = 150
	}
	compared, faults := 0, 0
	check := func(name string, p *Prologue, code []byte) {
		for i := range p.insts {
			if !mayRun(&p.insts[i].in) {
				return
			}
		}
		// The same code, with what is relative to %rip in the data, at an address where it may run.
		code = bytes.Clone(code[:p.Size])
		at := 0
		for _, i := range p.insts {
			if i.rel != 0 {
				target := dataPage + 0x8000 + 64*uint64(random.IntN(64))
				binary.LittleEndian.PutUint32(code[at+i.rel:], uint32(target-(inPlace+uint64(at+len(i.bytes)))))
			}
			at += len(i.bytes)
		}
		q, err := Cut(append(code, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc), inPlace, uint64(p.Size), NewTargets(nil, nil))
		if err != nil {
			return // it was padded
		}
		if compared%2 == 1 {
			q = q.Apart()
		}
		moved, err := q.AppendTo(nil, movedTo)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(data); i += 8 {
			binary.LittleEndian.PutUint64(data[i:], random.Uint64()&0xff00ff|dataPage&^0xffffff*uint64(random.IntN(2)))
		}
		r := c.regs
		for _, g := range []*uint64{&r.Rax, &r.Rcx, &r.Rdx, &r.Rbx, &r.Rbp, &r.Rsi, &r.Rdi, &r.R8, &r.R9, &r.R10, &r.R11, &r.R12, &r.R13, &r.R14, &r.R15} {
			*g = dataPage + 0x8000 + uint64(random.IntN(0x1000))&^7
			if random.IntN(4) == 0 {
				*g = uint64(random.IntN(3))
			}
		}
		r.Rsp, r.Eflags = dataPage+0x4000, uint64(random.IntN(2)*0x40|random.IntN(2)|0x202)
		a, err := c.run(code, inPlace, inPlace+uint64(len(code)), r, data)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.run(moved, movedTo, movedTo+uint64(len(moved)), r, data)
		if err != nil {
			t.Fatal(err)
		}
		compared++
		if a.signal != syscall.SIGTRAP {
			faults++
			if a.signal != b.signal {
				t.Errorf("%s %s: signal %v, moved %v", name, p.Describe(), a.signal, b.signal)
			}
			return
		}
		// A call leaves another return address, at the top of the stack.
		if last := q.insts[len(q.insts)-1].in; last.Op == x86.OpCall || last.Op == x86.OpCallInd {
			top := a.regs.Rsp - dataPage
			if top+8 <= dataSize {
				clear(a.data[top:][:8])
				clear(b.data[top:][:8])
			}
		}
		if a.left != b.left || !bytes.Equal(a.data, b.data) {
			t.Errorf("%s %s (% x): goes to %#x, moved to %#x; the same memory: %v", name, p.Describe(), code, a.left, b.left, bytes.Equal(a.data, b.data))
		}
		a.regs.Rip, b.regs.Rip = 0, 0
		if a.regs != b.regs {
			t.Errorf("%s %s (% x): registers %+v, moved %+v", name, p.Describe(), code, a.regs, b.regs)
		}
	}
	for _, s := range cases {
		if b := code(t, s.code); s.err == nil && s.name != "jmp to its start" { // which goes on forever
			if p, err := Cut(b, from, uint64(len(b)), NewTargets(nil, nil)); err == nil {
				check(s.name, p, b)
			}
		}
	}
	for _, p := range openPrograms(t) {
		for range limit / 3 {
			d := &p.file.FDEs[random.IntN(len(p.file.FDEs))]
			b := p.file.Bytes(d.Start)
			if cut, err := Cut(b, d.Start, d.End-d.Start, p.targets); err == nil {
				check(p.name, cut, b)
			}
		}
	}
	t.Logf("%d compared, %d of them faults", compared, faults)
	if compared < limit/2 || faults > compared/2 {
		t.Error("too few are compared")
	}
}
