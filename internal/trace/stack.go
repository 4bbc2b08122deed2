package trace

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// A Stack is what is needed to find the callers of a call: registers, the top of
// the stack, and where code was.
type Stack struct {
	regs   [image.NumRegs]uint64
	memory []byte // from the stack pointer on
	code   []mapping
	frames []Frame // of a log, which has them
}

// A Frame is one function of a stack.
type Frame struct {
	Image    string
	Address  uint64 // in the file's own addresses: for the first frame the instruction, for others where the call returns to
	Function string // "" if not known
	How      string // how it was found: How* below
}

// How the caller of a frame was found.
const (
	HowCall     = "syscall"       // it made the call
	HowEHFrame  = "eh_frame"      // by the file's unwind tables
	HowPointer  = "frame-pointer" // rbp seemed to point to a frame
	HowGuess    = "guess"         // the nearest word on the stack that a call could have pushed
	HowRecorded = "log"           // the log says so
)

const (
	stackBytes = 16 << 10 // kept of each stack
	maxFrames  = 48
)

// capture keeps what is needed to unwind the stack of a stopped thread; nil if it
// cannot be read.
func (t *tracer) capture(th *thread) *Stack {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(th.tid, &regs) != nil {
		return nil
	}
	buf := make([]byte, stackBytes)
	n := 0
	// The end of the stack may come first: pages are read one by one.
	for n < len(buf) {
		at := regs.Rsp + uint64(n)
		size := min(len(buf)-n, int(4096-at&4095))
		got, err := peek(th.tid, at, buf[n:n+size])
		n += max(got, 0)
		if err != nil || got < size {
			break
		}
	}
	return &Stack{
		regs: [image.NumRegs]uint64{regs.Rax, regs.Rdx, regs.Rcx, regs.Rbx, regs.Rsi, regs.Rdi, regs.Rbp, regs.Rsp,
			regs.R8, regs.R9, regs.R10, regs.R11, regs.R12, regs.R13, regs.R14, regs.R15, regs.Rip},
		memory: slices.Clip(slices.Clone(buf[:n])),
		code:   th.space.code,
	}
}

// Frames unwinds the stack: by the unwind tables of each file, else by frame
// pointers, else by guessing. It is empty only if nothing is known.
func (s *Stack) Frames(l *Locator) []Frame {
	if s == nil || s.frames != nil {
		return s.recorded(l)
	}
	var out []Frame
	regs, how, interrupted := s.regs, HowCall, false
	for len(out) < maxFrames {
		pc := regs[image.RegRA]
		m := find(s.code, pc)
		if m == nil {
			break
		}
		at := pc // where to look: the instruction itself, or the call before the return address
		switch {
		case len(out) == 0:
			at = pc - 2
			pc = at
		case !interrupted:
			at = pc - 1
		}
		p := m.place(at)
		addr, f := l.Address(p)
		fr := Frame{Image: p.Image, Address: addr + pc - at, How: how}
		if f != nil {
			fr.Function = functionName(f, addr)
		}
		out = append(out, fr)
		next, nextHow, signal := s.caller(l, f, addr, regs, len(out) == 1)
		// vfork keeps its return address in a register: its frame is empty.
		if nextHow == "" || next[image.RegRSP] < regs[image.RegRSP] && !signal {
			break
		}
		regs, how, interrupted = next, nextHow, signal
	}
	return out
}

// recorded returns the frames of a log, which have offsets in files.
func (s *Stack) recorded(l *Locator) []Frame {
	if s == nil {
		return nil
	}
	out := slices.Clone(s.frames)
	for i := range out {
		out[i].Address, _ = l.Address(Place{Image: out[i].Image, Offset: out[i].Address})
	}
	return out
}

// word reads the stack.
func (s *Stack) word(addr uint64) (uint64, bool) {
	off := addr - s.regs[image.RegRSP]
	if off > uint64(len(s.memory)) || uint64(len(s.memory))-off < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(s.memory[off:]), true
}

// caller returns the registers of the caller of a frame, and how they were found, "" if they were not.
func (s *Stack) caller(l *Locator, f *image.File, addr uint64, regs [image.NumRegs]uint64, leaf bool) (next [image.NumRegs]uint64, how string, signal bool) {
	if f != nil {
		if fr, ok := f.Frame(addr); ok {
			if next, ok := fr.Caller(regs, s.word); ok {
				return next, HowEHFrame, fr.Signal
			}
		}
	}
	next = regs
	// Functions that only enter the kernel push nothing, and rbp is their caller's.
	if ra, ok := s.word(regs[image.RegRSP]); leaf && ok && s.afterCall(l, ra) {
		next[image.RegRSP], next[image.RegRA] = regs[image.RegRSP]+8, ra
		return next, HowGuess, false
	}
	if rbp := regs[image.RegRBP]; rbp >= regs[image.RegRSP] && rbp&7 == 0 {
		saved, ok1 := s.word(rbp)
		ra, ok2 := s.word(rbp + 8)
		if ok1 && ok2 && s.afterCall(l, ra) {
			next[image.RegRBP], next[image.RegRSP], next[image.RegRA] = saved, rbp+16, ra
			return next, HowPointer, false
		}
	}
	for sp := regs[image.RegRSP]; ; sp += 8 {
		ra, ok := s.word(sp)
		if !ok {
			return next, "", false
		}
		if s.afterCall(l, ra) {
			next[image.RegRSP], next[image.RegRA] = sp+8, ra
			return next, HowGuess, false
		}
	}
}

// afterCall reports whether a call instruction ends at an address.
func (s *Stack) afterCall(l *Locator, addr uint64) bool {
	m := find(s.code, addr)
	if m == nil {
		return false
	}
	const longest = 7 // a call through memory with SIB byte and displacement
	a, f := l.Address(m.place(addr))
	if f == nil || a < longest {
		return false
	}
	for n := uint64(2); n <= longest; n++ {
		var in x86.Inst
		if code := f.Bytes(a - n); len(code) >= int(n) && f.Exec(a-n) && x86.Decode(code, a-n, &in) && uint64(in.Len) == n &&
			(in.Op == x86.OpCall || in.Op == x86.OpCallInd) {
			return true
		}
	}
	return false
}
