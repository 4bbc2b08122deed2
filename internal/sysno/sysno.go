// Package sysno holds the kernel's tables of system calls for x86 and the facts about
// single calls that the analysis needs: which of them the kernel may restart under
// another number, which ones the vDSO answers, which ones replace the program or make
// memory executable, and which arguments they have.
//
// A 64-bit process can make calls of three ABIs: x86_64 and x32 through the syscall
// instruction (x32 numbers carry bit 30, which this package leaves out), and i386 through
// int 0x80 and sysenter. Each has its own numbers and, in part, its own names. Where the
// kernel knows a call under one name in all three, that name is the key of a fact.
//
// All data are text files in this directory, embedded; each names its sources. They are
// parsed on first use: about nine hundred lines, well under a millisecond.
package sysno

import (
	"math/bits"
	"strconv"
)

// ABI is one of the system call interfaces of an x86-64 kernel.
type ABI uint8

// The ABIs.
const (
	X86_64 ABI = iota // syscall, number without bit 30
	I386              // int 0x80, sysenter
	X32               // syscall, number with X32Bit

	numABI = 3
)

// X32Bit is set in rax by x32 calls. Numbers in this package are without it.
const X32Bit = 0x40000000

// String returns "x86_64", "i386" or "x32".
func (a ABI) String() string {
	switch a {
	case X86_64:
		return "x86_64"
	case I386:
		return "i386"
	case X32:
		return "x32"
	}
	return "abi(" + strconv.Itoa(int(a)) + ")"
}

// ParseABI is the inverse of ABI.String.
func ParseABI(s string) (ABI, bool) {
	for a := range ABI(numABI) {
		if a.String() == s {
			return a, true
		}
	}
	return 0, false
}

// Call is a system call of one ABI.
type Call struct {
	ABI ABI
	Nr  int
}

// String returns the kernel's name, or the number if it has none, with the ABI in
// front unless that is x86_64: "read", "i386:socketcall", "x32:#999".
func (c Call) String() string {
	name, ok := Name(c.ABI, c.Nr)
	if !ok {
		name = "#" + strconv.Itoa(c.Nr)
	}
	if c.ABI == X86_64 {
		return name
	}
	return c.ABI.String() + ":" + name
}

// Name returns the kernel's name of call nr, and false if no such call is known.
func Name(abi ABI, nr int) (string, bool) {
	d := data()
	if abi >= numABI || nr < 0 || nr >= len(d.names[abi]) || d.names[abi][nr] == "" {
		return "", false
	}
	return d.names[abi][nr], true
}

// Number returns the number of the call that the kernel names name, and false if the
// ABI has none.
func Number(abi ABI, name string) (int, bool) {
	if abi >= numABI {
		return 0, false
	}
	return data().number(abi, name)
}

// Max returns the highest known number of the ABI.
func Max(abi ABI) int {
	if abi >= numABI {
		return -1
	}
	return len(data().names[abi]) - 1
}

// Restarts reports whether x86-64 call nr may make the kernel call restart_syscall in
// its place. See restart.txt.
func Restarts(nr int) bool { return Call{X86_64, nr}.Restarts() }

// Restarts is the function Restarts for a call of any ABI; the restarted call is of the
// same ABI.
func (c Call) Restarts() bool { return c.ABI < numABI && data().restart[c.ABI].Has(c.Nr) }

// NoReturn reports whether a call never comes back to the instruction behind it. See noreturn.txt.
func (c Call) NoReturn() bool { return c.ABI < numABI && data().noReturn[c.ABI].Has(c.Nr) }

// SharesStack reports whether a child that a call makes may run on its parent's stack. See sharedstack.txt.
func (c Call) SharesStack() bool { return c.ABI < numABI && data().sharedStack[c.ABI].Has(c.Nr) }

// VDSO reports whether the vDSO normally answers x86-64 call nr. See vdso.txt.
func VDSO(nr int) bool { return data().vdso.Has(nr) }

// VDSOFallback reports whether the vDSO can itself make x86-64 call nr.
func VDSOFallback(nr int) bool { return data().vdsoFallback.Has(nr) }

// VDSOFunction returns the x86-64 call that a function of the vDSO ("__vdso_time") answers.
func VDSOFunction(symbol string) (nr int, ok bool) {
	nr, ok = data().vdsoFunc[symbol]
	return nr, ok
}

// The vsyscall page, [VsyscallStart, VsyscallEnd).
const (
	VsyscallStart = 0xffffffffff600000
	VsyscallEnd   = 0xffffffffff601000
)

// Vsyscall returns the x86-64 call that the kernel makes for code that calls addr. As
// in the kernel, only the three entry points count.
func Vsyscall(addr uint64) (nr int, ok bool) {
	nr, ok = data().vsyscall[addr]
	return nr, ok
}

// Exec reports whether the call replaces the program, and which of its arguments
// (from 0) is the path.
func (c Call) Exec() (pathArg int, ok bool) {
	if c.ABI >= numABI {
		return 0, false
	}
	pathArg, ok = data().exec[c.ABI][c.Nr]
	return pathArg, ok
}

// CodeArg says which argument of a call asks for executable memory.
type CodeArg struct {
	Arg  int    // from 0
	Mask uint64 // it asks for execution if Mask is set in it
}

// MapsCode reports whether the call can make memory executable, and by which argument.
func (c Call) MapsCode() (CodeArg, bool) {
	if c.ABI >= numABI {
		return CodeArg{}, false
	}
	a, ok := data().mapCode[c.ABI][c.Nr]
	return a, ok
}

// IOUring reports whether the call belongs to io_uring, whose operations no later
// system call shows.
func (c Call) IOUring() bool { return c.ABI < numABI && data().uring[c.ABI].Has(c.Nr) }

// SetSize is the number of calls that a Set has room for. The highest number that any
// ABI has given out is x32's 547.
const SetSize = 576

// Set is a set of call numbers 0 to SetSize-1 of one ABI. The zero value is empty.
// Sets are comparable with ==.
type Set [SetSize / 64]uint64

// Add adds nr, and reports whether it fits: a number outside the range stands for no
// call of any kernel, so the caller must decide what it means.
func (s *Set) Add(nr int) bool {
	if nr < 0 || nr >= SetSize {
		return false
	}
	s[nr>>6] |= 1 << (nr & 63)
	return true
}

// Has reports whether nr is in the set.
func (s *Set) Has(nr int) bool {
	return nr >= 0 && nr < SetSize && s[nr>>6]&(1<<(nr&63)) != 0
}

// Len returns the number of elements.
func (s *Set) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Union adds all elements of t, and reports whether s grew.
func (s *Set) Union(t *Set) bool {
	grew := false
	for i, w := range t {
		if w&^s[i] != 0 {
			s[i] |= w
			grew = true
		}
	}
	return grew
}

// Each calls f with each element in ascending order.
func (s *Set) Each(f func(nr int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(i<<6 + bits.TrailingZeros64(w))
		}
	}
}

// IsEmpty reports whether the set has no element.
func (s *Set) IsEmpty() bool { return *s == Set{} }

// All returns the set of all known calls of an ABI, for a site whose number is unknown.
func All(abi ABI) Set {
	var s Set
	if abi < numABI {
		for nr, name := range data().names[abi] {
			if name != "" {
				s.Add(nr)
			}
		}
	}
	return s
}
