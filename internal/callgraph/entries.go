package callgraph

import (
	"strings"

	"github.com/gofind-dev/gofind/internal/sysno"
)

// Form says what a function that makes a call is.
type Form uint8

// Forms.
const (
	NoEntry Form = iota
	EntryR       // uk_syscall_r_X: returns -errno
	EntryE       // uk_syscall_e_X: sets errno and returns -1
	Body         // a body of one of them that stands as a function of its own, or a part of one
	Inline       // no entry: a function that has a body inlined (only of DeadEntry; see Graph.Inlined)
)

// Entry is a function that makes a system call.
type Entry struct {
	Form   Form
	Number int
	Errno  bool // sets errno and returns -1
}

// entryOf recognises a function that makes a call by its symbol (Unikraft 0.17,
// lib/syscall_shim/include/uk/syscall.h): uk_syscall_r_X and uk_syscall_e_X are the entries;
// their bodies have underscores in front. Those of calls that take the caller's context have
// "u_" or "e_" before the name. GCC appends .constprop, .isra and .part to copies and parts.
// A .cold part is none: control comes to it from its function alone.
func entryOf(symbol string) (Entry, bool) {
	name := strings.TrimLeft(symbol, "_")
	bare := len(name) == len(symbol)
	name, ok := strings.CutPrefix(name, "uk_syscall_")
	if !ok || strings.Contains(symbol, ".cold") {
		return Entry{}, false
	}
	name, _, cloned := strings.Cut(name, ".")
	if len(name) < 3 || name[1] != '_' {
		return Entry{}, false
	}
	form := Body
	switch kind := name[0]; {
	case kind != 'r' && kind != 'e' && kind != 'u' && kind != 'd':
		return Entry{}, false
	case bare && !cloned && kind == 'r':
		form = EntryR
	case bare && !cloned && kind == 'e':
		form = EntryE
	}
	name = name[2:]
	for {
		if nr, ok := sysno.Number(sysno.X86_64, kernelName(name)); ok {
			return Entry{form, nr, symbol[strings.Index(symbol, "uk_syscall_")+len("uk_syscall_")] == 'e'}, true
		}
		if len(name) < 3 || name[1] != '_' {
			return Entry{}, false
		}
		name = name[2:] // u_, e_: the caller's context is an argument
	}
}

// kernelName is the kernel's name of a call: Unikraft has a few by another one.
func kernelName(name string) string {
	switch name {
	case "pread", "pwrite":
		return name + "64"
	case "fstatat":
		return "newfstatat"
	}
	return name
}
