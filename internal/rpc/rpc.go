// Package rpc finds, in the image of one compartment of a unikernel whose compartments are virtual machines (FlexOS's
// vmept), which functions of other machines its code calls, and where it calls what others ask for.
//
// # How such images call each other
//
// FlexOS builds an image for each compartment, all of the same libraries, so that a function has the same address in
// each (lib/flexos-core: vmept.c, impl/vmept.h). A gate is inlined where it is used. It writes the address
// of a function, f_ptr, to a control block that all machines share, then how many arguments there are and the arguments, and
// last the state, in which is who is called:
//
//	control block    0  state: 2 for "called" in 32 bits, from << 32, to << 40
//	                16  f_ptr
//	                24  f_info
//	                32  six arguments
//	                80  the result
//
// Then it calls flexos_vmept_wait_for_rpc. There, and in flexos_vmept_rpc_loop, a machine that finds
// the state "called" with its own number calls f_ptr (flexos_vmept_eval_func), whatever it is.
//
// # Algorithm
//
// Constant propagation in each function that calls flexos_vmept_wait_for_rpc: a register holds one of at most eight
// values, each a constant or what a certain instruction left in it. A control block is what is in %rdi at the
// call. Stores to it, of 8 bytes at offset 16, give f_ptr; the last one at offset 0 before the call gives the state.
//
// # When it is sound
//
// If the pointer to a control block stays in registers from the store to the call, or comes from the stack (then any
// store at the offset counts), and is not loaded a second time from elsewhere in between. A function with a jump table, an
// f_ptr that is not constant (a callback) and a state that is not are no guesses: Gate says so, and who reads it must
// take all functions whose address is visible, or all compartments.
//
// Cost: linear in the code of such functions, times the values that a register can have.
package rpc

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/facts"
	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

//go:embed rpc.txt
var text string

var names = read(text)

func read(text string) map[string]string {
	out := map[string]string{}
	facts.MustParse("rpc.txt", text, 2, func(f []string) error {
		if f[0] != "wait" && f[0] != "serve" {
			return fmt.Errorf("no role %q", f[0])
		}
		out[f[1]] = f[0]
		return nil
	})
	return out
}

// Layout of a control block.
const (
	stateAt    = 0
	functionAt = 16
	called     = 2
)

// Any in Gate.To says that any compartment may be called.
const Any = -1

// Gate is a place where another compartment is called.
type Gate struct {
	Call     uint64 // address of the call of flexos_vmept_wait_for_rpc
	In       uint64 // the function that it is in
	To       []int  // numbers of compartments, or Any
	Targets  []uint64
	Computed bool // it may call other functions than those, whose address it has from elsewhere
}

// Server is a place where what another compartment asks for is called.
type Server struct {
	Call  uint64 // address of the call
	In    uint64
	Size  uint64  // bytes from the call to the end of its function
	Reg   x86.Reg // what holds the address of what is called; x86.RegNone if it is read from the control block in the call itself
	Whose string  // name of the function
}

// Found is what there is in an image.
type Found struct {
	Gates   []Gate   // by address
	Servers []Server // by address
	// Private has, by function, the targets of its gates that it uses for nothing else: it hands their addresses to other images
	// alone, so that nothing in this one comes to them that way.
	Private map[uint64][]uint64
}

// Find reads an image.
func Find(m *unikernel.Image) *Found {
	out := &Found{Private: map[uint64][]uint64{}}
	waits := map[uint64]bool{}
	for i := range m.Funcs {
		if f := &m.Funcs[i]; names[Plain(f.Name)] == "wait" && f.Name == Plain(f.Name) {
			waits[f.Addr] = true
		}
	}
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if !f.Code {
			continue
		}
		code := decode(m, f)
		if slices.ContainsFunc(code, func(in x86.Inst) bool { return direct(&in) && waits[uint64(in.Imm)] }) {
			w := newFlow(f, code)
			gates := w.gates(waits)
			out.Gates = append(out.Gates, gates...)
			if p := w.private(gates); len(p) > 0 {
				out.Private[f.Addr] = p
			}
		}
		if names[Plain(f.Name)] != "" {
			out.Servers = append(out.Servers, newFlow(f, code).servers()...)
		}
	}
	// A part of a function that lies elsewhere is one unit with it for others, so that what it uses counts.
	all := map[string]int{}
	for i := range m.Funcs {
		all[Plain(m.Funcs[i].Name)]++
	}
	for a := range out.Private {
		if all[Plain(m.At(a).Name)] > 1 {
			delete(out.Private, a)
		}
	}
	return out
}

// Visible are the functions whose address code or data of an image may hold: every value in it that is the address of one.
func Visible(m *unikernel.Image) []uint64 {
	start := map[uint64]bool{}
	for i := range m.Funcs {
		if m.Funcs[i].Code {
			start[m.Funcs[i].Addr] = false
		}
	}
	see := func(a uint64) {
		if _, ok := start[a]; ok {
			start[a] = true
		}
	}
	for i := range m.Funcs {
		for _, in := range decode(m, &m.Funcs[i]) {
			switch {
			case direct(&in):
			case in.Flags&x86.FlagImm != 0:
				see(uint64(in.Imm))
				fallthrough
			case in.Op == x86.OpLea:
				see(uint64(in.Disp))
			}
		}
	}
	for _, s := range m.File.Sections {
		if s.X || s.NoBits || s.Start >= s.End {
			continue
		}
		b := m.File.Bytes(s.Start)
		b = b[:min(uint64(len(b)), s.End-s.Start)]
		for at := 0; at+8 <= len(b); at++ {
			if b[at+4] == 0 && b[at+5] == 0 && b[at+6] == 0 && b[at+7] == 0 {
				see(uint64(b[at]) | uint64(b[at+1])<<8 | uint64(b[at+2])<<16 | uint64(b[at+3])<<24)
			}
		}
	}
	var out []uint64
	for a, seen := range start {
		if seen {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return out
}

// Plain is a function's name without what gcc appends to that of a part or a copy.
func Plain(name string) string {
	name, _, _ = strings.Cut(name, ".")
	return name
}

func direct(in *x86.Inst) bool {
	return in.Op == x86.OpCall || in.Op == x86.OpJmp || in.Op == x86.OpJcc
}

// decode returns the instructions of a function. A byte that starts none is left out.
func decode(m *unikernel.Image, f *unikernel.Func) []x86.Inst {
	code := m.File.Bytes(f.Addr)
	return instructions(code[:min(uint64(len(code)), f.Size)], f.Addr)
}

func instructions(code []byte, addr uint64) []x86.Inst {
	var out []x86.Inst
	var in x86.Inst
	for at := 0; at < len(code); at += int(in.Len) {
		if !x86.Decode(code[at:], addr+uint64(at), &in) {
			in = x86.Inst{PC: addr + uint64(at), Op: x86.OpBad, Def: 0xffff, Len: 1}
		}
		out = append(out, in)
	}
	return out
}
