package unikraft

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gofind-dev/gofind/internal/qemu"
	"github.com/gofind-dev/gofind/internal/rules"
)

// What gates and hooks cost, in instructions that the processor executes beyond those of the
// image: a jump to the code, the code, and the jump back. docs/rules.md has these figures.
const (
	costAllowed = 4  // a call that is allowed
	costWithin  = 4  // a gated function, called on behalf of its compartment already
	costEnter   = 53 // a gated function that is entered
	costLeave   = 38 // and returns
)

// single drives one processor through generated code.
type single struct {
	t   *testing.T
	ctx context.Context
	d   *qemu.Debugger
}

// debugged boots an image, and stops before its first instruction.
func debugged(t *testing.T, kernel string) *single {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	m, err := qemu.Start(ctx, qemu.Config{Kernel: kernel, Append: "normal", Memory: 64, Debug: true, Args: []string{"-device", "isa-debug-exit"}})
	if errors.Is(err, qemu.ErrNoQEMU) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	d, err := m.Debugger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &single{t, ctx, d}
}

func (s *single) word(addr uint64) uint64 {
	w, err := s.d.Word(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (s *single) set(r qemu.Regs) {
	for i, v := range r {
		if err := s.d.SetReg(i, v); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *single) regs() qemu.Regs {
	r, err := s.d.Regs()
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *single) setTag(addr uint64, tag uint32) {
	if err := s.d.Write(addr, binary.LittleEndian.AppendUint32(nil, tag)); err != nil {
		s.t.Fatal(err)
	}
}

// steps executes instructions until the next is at addr, and returns how many. Now and then
// QEMU stops without having executed one.
func (s *single) steps(addr uint64) int {
	n := 0
	for at := s.regs()[qemu.RIP]; n < 500; {
		if at == addr {
			return n
		}
		if err := s.d.Step(s.ctx); err != nil {
			s.t.Fatal(err)
		}
		if now := s.regs()[qemu.RIP]; now != at {
			at = now
			n++
		}
	}
	s.t.Fatalf("%#x is not reached, but %#x", addr, s.regs()[qemu.RIP])
	return 0
}

// same compares registers, but for those in except, and the arithmetic flags.
func (s *single) same(what string, got, want qemu.Regs, except ...int) {
	const arithmetic = 0x8d5
	got[qemu.EFLAGS] &^= arithmetic
	want[qemu.EFLAGS] &^= arithmetic
	for _, r := range append(except, qemu.RIP) {
		got[r], want[r] = 0, 0
	}
	if got != want {
		s.t.Errorf("%s: registers %x, before %x", what, got, want)
	}
}

func TestCostAndRegisters(t *testing.T) {
	debugPath, final, rep := seal(t, nil, Options{})
	debug := open(t, debugPath)
	s := debugged(t, final)
	ctx, d := s.ctx, s.d
	gated := addr(t, debug, "plugin_wide")
	if err := errors.Join(d.Break(gated), d.Continue(ctx), d.Clear(gated)); err != nil {
		t.Fatal(err)
	}
	tag, leave := addr(t, debug, "gofind_tag"), addr(t, debug, "gofind_leave")
	var gate, check, checkErrno *uint64
	for i := range rep.Rules.Gates {
		if g := &rep.Rules.Gates[i]; g.Addr == gated && g.Kind == rules.Enter {
			gate = &g.Code
		}
	}
	for i := range rep.Rules.Entries {
		switch e := &rep.Rules.Entries[i]; e.Func {
		case "uk_syscall_r_uname":
			check = &e.Hook
		case "uk_syscall_e_uname":
			checkErrno = &e.Hook
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	at := s.regs()
	ret := s.word(at[qemu.RSP])
	for range 8 {
		r := at
		for _, i := range []int{qemu.RAX, qemu.RBX, qemu.RCX, qemu.RDX, qemu.RSI, qemu.RDI, qemu.RBP, qemu.R8, qemu.R9, qemu.R10, qemu.R11, qemu.R12, qemu.R13, qemu.R14, qemu.R15} {
			r[i] = random.Uint64()
		}
		// Entered from outside. Between the test and the moved instructions are a jump and a call.
		s.setTag(tag, 1)
		s.set(r)
		if n := s.steps(*gate+18) + 1; n != costEnter {
			t.Errorf("entering takes %d instructions, not %d", n, costEnter)
		}
		s.same("enter", s.regs(), r)
		if w := s.word(r[qemu.RSP]); w != leave {
			t.Errorf("it will return to %#x", w)
		}
		if got := uint32(s.word(tag)); got != 1|4 {
			t.Errorf("the tag is %#x inside", got)
		}
		// Returns, with other registers.
		r[qemu.RAX], r[qemu.RDX], r[qemu.R11], r[qemu.RBP] = random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()
		r[qemu.RSP], r[qemu.RIP] = at[qemu.RSP]+8, leave
		s.set(r)
		if n := s.steps(ret); n != costLeave {
			t.Errorf("leaving takes %d instructions, not %d", n, costLeave)
		}
		s.same("leave", s.regs(), r)
		if got := uint32(s.word(tag)); got != 1 {
			t.Errorf("the tag is %#x outside", got)
		}
		// Entered from inside.
		if err := d.Write(at[qemu.RSP], binary.LittleEndian.AppendUint64(nil, ret)); err != nil {
			t.Fatal(err)
		}
		r[qemu.RSP], r[qemu.RIP] = at[qemu.RSP], gated
		s.setTag(tag, 1|4)
		s.set(r)
		if n := s.steps(*gate+18) + 1; n != costWithin {
			t.Errorf("within takes %d instructions, not %d", n, costWithin)
		}
		s.same("within", s.regs(), r)
		if s.word(r[qemu.RSP]) != ret {
			t.Error("the return address has changed")
		}
		// A call that is allowed, and one that is denied.
		for _, e := range []struct {
			name  string
			hook  uint64
			errno bool
		}{{"uk_syscall_r_uname", *check, false}, {"uk_syscall_e_uname", *checkErrno, true}} {
			r[qemu.RIP] = addr(t, debug, e.name)
			s.setTag(tag, 1)
			s.set(r)
			if n := s.steps(e.hook+16) + 1; n != costAllowed {
				t.Errorf("an allowed call takes %d more instructions, not %d", n, costAllowed)
			}
			s.same("allowed", s.regs(), r)
			s.setTag(tag, 1|2)
			s.set(r)
			t.Logf("%s: denied after %d instructions", e.name, s.steps(ret))
			got := s.regs()
			r[qemu.RSP] += 8
			s.same("denied", got, r, qemu.RAX)
			r[qemu.RSP] -= 8
			if got[qemu.RAX] != ^uint64(0) {
				t.Errorf("%s returns %#x", e.name, got[qemu.RAX])
			}
		}
	}
}
