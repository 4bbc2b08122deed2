package unikraft

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// otherNames are calls that Unikraft has under another name than the kernel (lib/posix-fdio, lib/vfscore).
var otherNames = map[string]string{"pread": "pread64", "pwrite": "pwrite64", "fstatat": "newfstatat"}

// complete adds to the plan's entries those of calls that nothing in the image makes, so that an analysis of
// what can happen need not list them: who can call any address can call them. They are the functions
// uk_syscall_{r,e}_X (lib/syscall_shim/include/uk/syscall.h), by their symbols.
func (s *sealing) complete() {
	known := map[uint64]bool{}
	for _, e := range s.plan.Entries {
		known[e.Addr] = true
	}
	entries := slices.Clone(s.plan.Entries)
	for _, y := range s.code.starts {
		name, errno := strings.CutPrefix(y.Name, "uk_syscall_e_")
		if !errno {
			var ok bool
			if name, ok = strings.CutPrefix(y.Name, "uk_syscall_r_"); !ok {
				continue
			}
		}
		if other, ok := otherNames[name]; ok {
			name = other
		}
		if n, ok := sysno.Number(sysno.X86_64, name); ok && n < 512 && !known[y.Addr] && y.Type == sttFunc {
			entries = append(entries, compartment.Entry{Func: y.Name, Addr: y.Addr, Size: y.Size, Number: n, Errno: errno})
		}
	}
	slices.SortStableFunc(entries, func(a, b compartment.Entry) int { return cmp.Compare(a.Addr, b.Addr) })
	plan := *s.plan
	plan.Entries = entries
	s.plan = &plan
}
