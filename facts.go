package gofind

import (
	"fmt"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// assumptions are the conditions under which every answer holds.
func assumptions(opts Options) []Assumption {
	l := []Assumption{
		{"memory-safety", "The program's own code runs, with memory safety: no code is injected, and no pointer leaves the object that it was derived from. What an attacker who broke this could call is what a filter made from this answer still allows."},
		{"calling-convention", "Functions return values in the registers that the psABI, LLVM or Go use for it, and indirect calls pass no addresses in registers that the psABI makes the callee preserve."},
		{"noreturn-at-end", "A call that is the last instruction of a function's unwind range does not return."},
		{"unwind-ranges", "Unwind information, where a file has it, starts where functions start; a table of 32-bit code offsets holds function starts."},
	}
	if opts.HostNone {
		l = append(l, Assumption{"host-none", "The host's configuration (nsswitch.conf, pam.d, ld.so.preload) was not read: glibc's defaults were taken for NSS, and no PAM module."})
	} else {
		l = append(l, Assumption{"host-configuration", "The configuration files in inputs are those of the machine that the program runs on."})
	}
	return l
}

const (
	protExec = 4
)

// notes are facts that a reader must know.
func (a *assembly) notes() []Note {
	var out []Note
	for _, m := range a.p.Images {
		for _, s := range m.Segments {
			if s.W && s.X {
				out = append(out, Note{"wx-segment", m.Path, fmt.Sprintf("the segment at %#x is writable and executable: code can be made there at run time", s.Addr)})
			}
		}
	}
	for _, name := range []string{"mprotect", "pkey_mprotect", "mmap"} {
		nr, _ := sysno.Number(sysno.X86_64, name)
		if calls := a.callsOf(nr); len(calls) > 0 && name != "mmap" {
			found, known := number.Arguments(a.g, calls, 2)
			for _, f := range found {
				if f.Value.Kind == summary.Const && f.Value.N&protExec != 0 {
					known = false
				}
			}
			if !known {
				out = append(out, Note{"jit", "", name + " may make memory executable: calls of code made at run time are not in this answer"})
			}
		}
	}
	if nr, ok := sysno.Number(sysno.X86_64, "io_uring_setup"); ok && len(a.callsOf(nr)) > 0 {
		out = append(out, Note{"io_uring", "", "io_uring is reachable: operations that are submitted through it pass no filter of syscalls"})
	}
	return out
}
