// Package gatecode generates the machine code that keeps and checks an origin tag in a
// sealed image.
//
// # The tag
//
// The tag is a set of compartments, a bit each: those on whose behalf the processor
// runs now. Bits are added when a function of a compartment is entered, and taken
// back when it returns, so that the tag is the set of compartments along the chain of calls. A
// call of the system is refused if it is denied to one of them: neither can a deputy be asked to
// make it, nor does it help to call back. The bit of the compartment in which the image starts is always set, but in handlers of interrupts.
//
// # A gate
//
// The first bytes of a gated function are replaced by a jump to its gate. If the
// compartment's bit is set already, the gate goes on with the function: two
// instructions. Otherwise it sets the bit, and sees to its removal: it remembers the
// return address and the tag, and puts the address of leave in place of the return address. Nothing on
// the stack moves, so that arguments there stay where they are. All registers are preserved, those too
// that a function may clobber, since gcc's -fipa-ra knows which a function of the same file does not clobber; only
// arithmetic flags are not, which it takes for clobbered always.
//
// What is remembered is kept in a table by the address of the return address on the
// stack, and not in a second stack: such addresses are distinct on all stacks at all times, so that the
// table needs no order, threads can give way within gates, and what was not returned
// from (a thread ended, a function that does not return) is replaced as soon as the same address is used again. At
// most one entry for a compartment and a thread is live.
//
// A gated function that ends in a jump to another gated function is the one case in which the return
// address is that of leave already: then there is an entry, whose tag is that of before both, and only the bit is added.
//
// # What else changes the flow of control
//
//   - Context switches. The tag belongs to the thread: the gate of the switch pushes it on
//     the stack of the thread that gives way, and pops it when that goes on. A thread that runs for the first
//     time starts with the tag that its creator had when it added it to the scheduler.
//   - Interrupts and traps. Their handlers run on nobody's behalf: the tag is empty for the time
//     of the handler.
//   - longjmp leaves functions without returning from them. Its gate reads
//     the stack pointer that it will set, removes the entries of this thread below it, and
//     restores the tag that the outermost of them had saved.
//
// Tables are changed with interrupts off. One processor and threads that are not
// preempted are assumed, as Unikraft has them.
//
// Not followed are unwinders (an exception through a gate ends the program: leave has
// no unwind table), and code that reads its return address.
//
// # A hook
//
// The entry of a system call is replaced in the same way by a hook, of two
// instructions where the call is allowed: test the tag with the mask of those to whom it
// is denied, jump. The mask is part of the code. With memory keys it looks at PKRU before; see Keys.
//
// # An image that is one compartment
//
// If compartments are virtual machines, with an image each (Input.Alone), rules do not depend on who calls: there is no tag, nothing that is
// written, and a call that is denied is a jump to what refuses it. What calls functions on another image's behalf (Hook.Server)
// compares their address with those that may be called, which are part of the code.
package gatecode

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/relocate"
)

// Denial is what a refused call does.
type Denial uint8

// Denials.
const (
	EPERM  Denial = iota // fails with EPERM
	ENOSYS               // fails with ENOSYS
	Crash                // ends the image, with the names of compartment and call on the console
)

// errno returns the number with which a call fails.
func (d Denial) errno() uint32 {
	if d == ENOSYS {
		return 38
	}
	return 1
}

// A Special is a function that is hooked for what it does to the flow of control.
type Special uint8

// The special functions.
const (
	Plain     Special = iota
	Handler           // of interrupts and traps: runs on nobody's behalf
	Switch            // switches to the context to which its second argument points
	ThreadAdd         // makes a context known, to which its second argument points
	LongJump          // restores a stack pointer, at Offset from its first argument
	SetProt           // maps a page as its second argument says; what gets a key is not to be executed
)

// A Hook is what is put in front of a function. Check comes first, then the gate.
type Hook struct {
	Name     string
	Prologue *relocate.Prologue
	Special  Special
	Offset   int32 // see Special; of a ThreadAdd, where the context lies in what is added
	Pointer  bool  // of a ThreadAdd: a pointer to the context lies there

	Gate bool  // sets Bit
	Bit  uint8 // compartment

	Check    bool
	Denied   uint32 // mask of compartments
	Executes uint32 // with keys: mask of the compartments whose code may call it
	Call     string // name of the system call
	Errno    bool   // a refusal sets errno and returns -1
	NoReturn bool   // a refusal must not return

	Server bool  // not a function, but a call of what Reg holds: only Input.Exports may be called
	Reg    uint8 // as the hardware numbers registers
}

// Errno is where an image keeps errno.
type Errno struct {
	Function uint64 // returns its address in %rax; 0 if there is none
	TLS      bool   // or it lies at Offset from the thread pointer
	Offset   int32
	Address  uint64 // or there
}

// Known reports whether there is an errno.
func (e *Errno) Known() bool { return e.Function != 0 || e.TLS || e.Address != 0 }

// Input is what code is generated for.
type Input struct {
	Code, Data uint64   // addresses, a multiple of the page size
	Names      []string // of compartments
	First      uint32   // the tag at start: a mask
	Hooks      []Hook
	Sites      []Site // with Keys
	OnDeny     Denial
	Errno      Errno
	Terminate  uint64 // function that ends the image and never returns; 0 if there is none
	Entries    int    // size of the table; 0 means DefaultEntries
	Keys       *Keys  // nil: the image has no memory keys
	Alone      bool   // the image is one compartment: a check refuses outright, and there is no tag
	Exports    []uint64
}

// DefaultEntries is how many gates can be open at once, in all threads.
const DefaultEntries = 4096

// Layout of the data, which only the code knows but for TagOffset.
const (
	// TagOffset is where in the data the tag is, 4 bytes.
	TagOffset = 0

	genOffset      = 4  // number of the running thread, 4 bytes; with the tag it is the state of a thread
	lastGenOffset  = 8  // last number given, 4 bytes
	onOffset       = 12 // with keys: 1 once they are turned on, 4 bytes
	freeOffset     = 16 // list of free entries
	freshOffset    = 24 // first entry that was never used
	dataInitSize   = 32 // what is not zero at start lies before this
	bucketsOffset  = 64
	bucketCount    = 256
	entriesOffset  = bucketsOffset + 8*bucketCount
	entrySize      = 32 // next, key, return address, state
	crashRequest   = 3  // UKPLAT_CRASH (include/uk/plat/bootstrap.h)
	maxCompartment = 32
)

// Patch is bytes that replace others of the image.
type Patch struct {
	Addr  uint64
	Bytes []byte
}

// Output is generated code.
type Output struct {
	Code    []byte
	Data    []byte   // what the data starts with; the rest is zero
	DataMem uint64   // size of the data in memory
	Patches []Patch  // jumps, and what clears the rest of what a Site has moved, in the order of Input.Hooks, then of Input.Sites
	At      []uint64 // where the code of each starts, in the same order
	Symbols []Symbol // names for parts of the code
	Changes []uint64 // where it changes keys

	leave, leaveEnd, buckets uint64
}

// Symbol names a part of the code.
type Symbol struct {
	Name string
	Addr uint64
	Size uint64
}

// Generate writes the code of all hooks. The only errors are a hook that is too far away, which is a relocate.Reason, and
// what a caller must not ask for.
func Generate(in *Input) (*Output, error) {
	n := in.Entries
	if n == 0 {
		n = DefaultEntries
	}
	a := newAsm(in.Code)
	end := in.Data + entriesOffset + uint64(n)*entrySize
	for name, at := range map[string]uint64{"tag": TagOffset, "gen": genOffset, "state": TagOffset, "lastgen": lastGenOffset,
		"free": freeOffset, "fresh": freshOffset, "buckets": bucketsOffset, "entries": entriesOffset} {
		a.define(name, in.Data+at)
	}
	alias := in.Data
	if in.Keys != nil {
		alias = in.Keys.Alias
	}
	a.define("tagread", alias+TagOffset)
	if k := in.Keys; k != nil {
		a.define("on", alias+onOffset)
		a.define("onset", in.Data+onOffset)
		for i := range k.PKRU {
			a.define(fmt.Sprintf("pass%d", i), k.Pass+4096*uint64(i))
			a.define(fmt.Sprintf("sitepass%d", i), k.Pass+4096*uint64(i)+8) // of sites, which interrupts may interrupt
		}
		a.define("pass", k.Pass+4096*uint64(bits.TrailingZeros32(in.First))+8)
		a.define("offset", k.Offset)
		a.define("on_end", k.End)
		a.define("idt", k.Descriptors)
		a.define("gdt", k.Descriptors+4096)
		a.define("tss", k.Descriptors+4096+maxGDT)
	}
	a.define("end", end)
	a.define("errno", in.Errno.Address)
	a.define("errnofn", in.Errno.Function)
	a.define("terminate", in.Terminate)

	g := &generator{asm: a, in: in}
	if in.Alone {
		a.label("leave")
		a.label("leave_end")
	} else {
		g.table()
		g.enter()
		g.leave()
	}
	g.refusals()
	if in.Keys != nil {
		g.turnOn()
	}
	out := &Output{DataMem: end - in.Data, leave: a.syms["leave"], leaveEnd: a.syms["leave_end"], buckets: in.Data + bucketsOffset}
	out.Symbols = append(out.Symbols, Symbol{"gofind_runtime", in.Code, uint64(len(a.code))},
		Symbol{"gofind_leave", a.syms["leave"], a.syms["leave_end"] - a.syms["leave"]})
	patch := func(name string, p *relocate.Prologue, clear bool, write func()) error {
		a.align(16)
		at := a.pc()
		write()
		if a.err != nil {
			return a.err
		}
		d := int64(at) - int64(p.Addr) - relocate.JumpSize
		if d != int64(int32(d)) {
			return relocate.FarOperand
		}
		jump := []byte{0xe9, byte(d), byte(d >> 8), byte(d >> 16), byte(d >> 24)}
		for clear && len(jump) < p.Size {
			jump = append(jump, 0xcc)
		}
		out.Patches = append(out.Patches, Patch{p.Addr, jump})
		out.At = append(out.At, at)
		out.Symbols = append(out.Symbols, Symbol{name, at, a.pc() - at})
		return nil
	}
	for i := range in.Hooks {
		h := &in.Hooks[i]
		if err := patch("gofind_hook_"+h.Name, h.Prologue, false, func() { g.hook(h, i) }); err != nil {
			return nil, err
		}
	}
	for i := range in.Sites {
		s := &in.Sites[i]
		if err := patch(fmt.Sprintf("gofind_site_%x_%s", s.At.Addr, s.Name), s.At, s.Move, func() { g.site(s) }); err != nil {
			return nil, err
		}
	}
	g.texts()
	if in.Keys != nil {
		g.tables()
	}
	code, err := a.finish()
	if err != nil {
		return nil, err
	}
	out.Code, out.Changes = code, a.changes
	if in.Alone {
		out.DataMem, out.Symbols = 0, slices.DeleteFunc(out.Symbols, func(y Symbol) bool { return y.Name == "gofind_leave" })
		return out, nil
	}
	out.Data = make([]byte, dataInitSize)
	put64 := func(at int, v uint64) {
		for i := range 8 {
			out.Data[at+i] = byte(v >> (8 * i))
		}
	}
	put64(TagOffset, uint64(in.First))
	put64(freshOffset, in.Data+entriesOffset)
	return out, nil
}

// hook writes the code in front of one function, and the instructions that it replaces.
func (g *generator) hook(h *Hook, i int) {
	a := g.asm
	if h.Check && g.in.Alone {
		a.jmp(g.refusal(h, i, false))
		return
	}
	if h.Server {
		g.server(h, i)
	}
	if h.Check && g.in.Keys != nil {
		g.executes(h, i)
	}
	if h.Check && h.Denied != 0 {
		a.op("f7 05 @tagread $", h.Denied) // test $denied, tag
		a.jcc(ccNE, g.refusal(h, i, false))
	}
	if h.Gate {
		if h.Bit >= maxCompartment {
			a.fail(fmt.Errorf("compartment %d", h.Bit))
		}
		moved := fmt.Sprintf("moved%d", i)
		a.op(fmt.Sprintf("f6 05 @tagbyte%d %02x", h.Bit/8, 1<<(h.Bit%8))) // testb $bit, tag
		a.jcc(ccNE, moved)
		a.call(fmt.Sprintf("enter_bit%d", h.Bit))
		a.label(moved)
	}
	switch h.Special {
	case Handler:
		a.call("enter_handler")
	case Switch:
		g.contextSwitch(i)
	case ThreadAdd:
		g.threadAdd(h.Offset, h.Pointer)
	case LongJump:
		g.longjmp(h.Offset)
	case SetProt:
		g.setProt()
	}
	code, err := h.Prologue.AppendTo(a.code, a.pc())
	if err != nil {
		a.fail(fmt.Errorf("%s: %w", h.Name, err))
		return
	}
	a.code = code
}

// refusal returns the label of the code that refuses a call.
func (g *generator) refusal(h *Hook, i int, byKey bool) string {
	switch {
	case h.NoReturn || g.in.OnDeny == Crash:
		name, denied := fmt.Sprintf("crash%d", i), h.Denied
		if byKey {
			name, denied = fmt.Sprintf("keycrash%d", i), 0
		}
		g.crashes = append(g.crashes, crash{name, h.Call, denied})
		return name
	case h.Errno:
		return "refuse_errno"
	}
	return "refuse"
}

// cleanText keeps what a console shows as it is.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
