package gofind

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// originRank orders the origins of sites, the strongest reason for a call first.
var originRank = map[string]int{"program": 1, "dlopen": 2, "libc-start": 3, "loader": 4, "vdso": 5, "kernel": 6}

// calls lists the system calls with their sites and the chain to one of them.
func (a *assembly) calls() {
	type key struct {
		abi sysno.ABI
		nr  int
	}
	by := map[key][]number.Call{}
	var keys []key
	for _, c := range a.ans.Calls {
		k := key{c.ABI, c.Nr}
		if by[k] == nil {
			keys = append(keys, k)
		}
		by[k] = append(by[k], c)
	}
	slices.SortFunc(keys, func(x, y key) int { return cmp.Or(cmp.Compare(x.abi, y.abi), cmp.Compare(x.nr, y.nr)) })
	restarts := ""
	for _, k := range keys {
		name, _ := sysno.Name(k.abi, k.nr)
		s := Syscall{Name: name, Number: k.nr, ABI: k.abi.String(), Sites: a.sites(by[k]), Via: a.via(by[k])}
		a.res.Syscalls = append(a.res.Syscalls, s)
		if k.abi == sysno.X86_64 && restarts == "" && sysno.Restarts(k.nr) {
			restarts = name
		}
	}
	if nr, ok := sysno.Number(sysno.X86_64, "restart_syscall"); ok && restarts != "" {
		s := Syscall{Name: "restart_syscall", Number: nr, ABI: "x86_64", Via: []Step{},
			Sites: []Site{{Image: "kernel", Function: "after " + restarts + " is interrupted", Origin: "kernel"}}}
		i, known := slices.BinarySearchFunc(a.res.Syscalls, s, func(x, y Syscall) int {
			return cmp.Or(cmp.Compare(abiRank(x.ABI), abiRank(y.ABI)), cmp.Compare(x.Number, y.Number))
		})
		if known { // the program makes it itself
			a.res.Syscalls[i].Sites = append(a.res.Syscalls[i].Sites, s.Sites...)
			return
		}
		a.res.Syscalls = slices.Insert(a.res.Syscalls, i, s)
	}
}

func abiRank(s string) int { return slices.Index([]string{"x86_64", "i386", "x32"}, s) }

// sites lists the instructions that make the calls. One that several entries
// lead to has the strongest of their origins.
func (a *assembly) sites(calls []number.Call) []Site {
	sites := make([]Site, 0, len(calls))
	for _, c := range calls {
		sites = append(sites, a.site(c))
	}
	slices.SortFunc(sites, func(x, y Site) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), compareHex(x.Address, y.Address), cmp.Compare(originRank[x.Origin], originRank[y.Origin]))
	})
	return slices.CompactFunc(sites, func(x, y Site) bool { return x.Image == y.Image && x.Address == y.Address })
}

func (a *assembly) site(c number.Call) Site {
	img := a.g.Unit(c.In).Image
	return Site{Image: a.g.Members[img].Path, Address: hex(c.Site), Function: a.function(img, c.Site), Origin: a.origin(c)}
}

// origin says what makes a call.
func (a *assembly) origin(c number.Call) string {
	m := a.g.Members[a.g.Unit(c.In).Image]
	switch {
	case c.ABI == sysno.X86_64 && sysno.VDSO(c.Nr):
		return "vdso"
	case c.ABI == sysno.X86_64 && a.returnsFromSignal(c):
		return "kernel"
	case m.Origin == process.OriginLoader && a.p.Libc != "musl":
		return "loader"
	}
	root, late := a.chains.root(a.g, c.Unit)
	switch {
	case root != 0 && a.g.Members[a.g.Unit(root).Image].Origin == process.OriginLoader:
		return "loader" // musl's is the C library too
	case late || loadedLate(a.g, c.In):
		return "dlopen"
	case a.phases.Start[c.In] || a.phases.Start[c.Unit]:
		return "libc-start"
	}
	return "program"
}

// Signal restorers are two instructions: the kernel, unwinders and debuggers
// know them by their bytes.
var restorers = [][]byte{
	{0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05}, // mov $15,%rax; syscall
	{0xb8, 15, 0, 0, 0, 0x0f, 0x05},             // mov $15,%eax; syscall
}

// returnsFromSignal reports whether a call is that of a signal restorer, which
// the kernel returns to, and nobody calls.
func (a *assembly) returnsFromSignal(c number.Call) bool {
	if nr, _ := sysno.Number(sysno.X86_64, "rt_sigreturn"); c.Nr != nr {
		return false
	}
	u := a.g.Unit(c.In)
	m := a.g.Members[u.Image]
	if f := m.FDEAt(c.Site); f != nil && f.Signal {
		return true
	}
	code := m.Bytes(u.Entry)
	return slices.ContainsFunc(restorers, func(b []byte) bool { return bytes.HasPrefix(code, b) })
}

func hex(a uint64) string { return fmt.Sprintf("%#x", a) }

// compareHex compares two numbers as hex writes them.
func compareHex(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) }

// callsOf returns the x86-64 calls of a number.
func (a *assembly) callsOf(nr int) []number.Call {
	var calls []number.Call
	for _, c := range a.ans.Calls {
		if c.ABI == sysno.X86_64 && c.Nr == nr {
			calls = append(calls, c)
		}
	}
	return calls
}

// sinceMain leaves what can happen after startup in the answer. A number may be
// kept in memory by startup code and used later, so a call stays if its number
// comes from a unit that leads to one that stores what it got.
func (a *assembly) sinceMain() {
	after, keeps := a.phases.After, a.keepers()
	stays := func(unit, in reach.UnitID) bool { return after[in] && (after[unit] || keeps[unit]) }
	ans := &number.Answer{Sites: a.ans.Sites, Known: a.ans.Known}
	for _, c := range a.ans.Calls {
		if stays(c.Unit, c.In) {
			ans.Calls = append(ans.Calls, c)
		}
	}
	for _, u := range a.ans.Unknown {
		if stays(u.Unit, u.In) {
			ans.Unknown = append(ans.Unknown, u)
		}
	}
	a.ans = ans
}

// keepers finds the units that lead to one that stores an argument.
func (a *assembly) keepers() []bool {
	keeps := make([]bool, a.g.NumUnits())
	var queue []reach.UnitID
	for id := range a.g.NumUnits() {
		if s := a.g.Unit(reach.UnitID(id)).Sum; s != nil && len(s.More().Kept) > 0 {
			keeps[id] = true
			queue = append(queue, reach.UnitID(id))
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, e := range a.g.Callers(id) {
			if !keeps[e.Unit] {
				keeps[e.Unit] = true
				queue = append(queue, e.Unit)
			}
		}
	}
	return keeps
}
