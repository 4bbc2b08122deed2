package unikraft

import (
	"errors"
	"testing"

	"github.com/gofind-dev/gofind/internal/qemu"
)

// What is executed in addition where memory keys separate compartments, in instructions, as in TestCostAndRegisters; and what
// the image's own gate between compartments takes, there and back, to compare with.
const (
	costKeyCheck   = 17 // a call that net executes and that the tag denies to nobody, which adds two; so does each compartment before it
	costKeyRefused = 21 // a call that net does not execute, up to the return to its caller
	costKeyEnter   = 106
	costKeyLeave   = 91
	costKeyGate    = 53
)

func TestPKUCost(t *testing.T) {
	img := imagePKU(t)
	debug, final, rep := sealPKU(t, Options{})
	s := debugged(t, final)
	ctx, d := s.ctx, s.d
	to := func(at uint64) {
		t.Helper()
		if err := errors.Join(d.Break(at), d.Continue(ctx), d.Clear(at)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, got, want int) {
		t.Helper()
		if t.Logf("%s: %d", what, got); got != want {
			t.Errorf("%s: %d instructions, not %d", what, got, want)
		}
	}
	moved := (&target{t: t, plain: open(t, img.Debug), debug: debug}).moved
	gate, leave := addr(t, debug, "serve_net"), addr(t, debug, "gofind_leave")
	to(gate)
	back := s.word(s.regs()[qemu.RSP])
	there := s.steps(addr(t, debug, "net_serve"))
	before := s.regs()
	check("enter", s.steps(moved("net_serve"))+1, costKeyEnter)
	s.same("enter", s.regs(), before)

	entry := addr(t, debug, "uk_syscall_r_getpid")
	to(entry)
	before = s.regs()
	check("allowed", s.steps(moved("uk_syscall_r_getpid"))+1, costKeyCheck)
	s.same("allowed", s.regs(), before)

	to(leave)
	for stack := addr(t, debug, "stack_comp1"); s.regs()[qemu.RSP]-stack > 8192; { // a handler's
		to(leave)
	}
	before = s.regs()
	n := 0
	for ; ; n++ { // until it is behind the call in the gate
		at := s.regs()[qemu.RIP]
		if at >= gate && at < gate+256 {
			break
		}
		if n > 300 {
			t.Fatalf("leave does not come back")
		}
		for s.regs()[qemu.RIP] == at {
			if err := d.Step(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	check("leave", n, costKeyLeave)
	before[qemu.RSP] = s.regs()[qemu.RSP] // which TestCostAndRegisters looks at
	s.same("leave", s.regs(), before)
	check("the image's gate", there+s.steps(back), costKeyGate)

	// A call that net does not execute: registers are as before, but for the result.
	for _, e := range rep.Rules.Entries {
		if e.Func != "uk_syscall_r_getppid" {
			continue
		}
		to(entry) // with net's PKRU
		r := s.regs()
		ret := s.word(r[qemu.RSP])
		for _, i := range []int{qemu.RAX, qemu.RCX, qemu.RDX, qemu.RSI, qemu.RDI, qemu.R8, qemu.R9} {
			r[i] = 0x1234567890abcdef + uint64(i)
		}
		r[qemu.RIP] = e.Addr
		s.set(r)
		check("refused", s.steps(ret), costKeyRefused)
		got := s.regs()
		if got[qemu.RAX] != ^uint64(0) {
			t.Errorf("refused with %#x", got[qemu.RAX])
		}
		r[qemu.RSP] += 8
		s.same("refused", got, r, qemu.RAX)
	}
}
