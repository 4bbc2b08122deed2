package gofind

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/number"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// vdsoName is the name of a function of the vDSO that live code refers to.
type vdsoName struct {
	img  int
	addr uint64
	nr   int // the call that the function makes where it cannot answer
	unit reach.UnitID
}

// vdsoNames collects the names of functions of the vDSO that make calls themselves: a program that
// finds the vDSO in its auxiliary vector asks for them by name.
type vdsoNames []vdsoName

func (l *vdsoNames) text(p *process.Process, img int, addr uint64, s string, from reach.UnitID) {
	nr, ok := sysno.VDSOFunction(s)
	if !ok || !sysno.VDSOFallback(nr) {
		return
	}
	// The C library makes the call itself where the vDSO does not answer.
	if m := p.Images[img]; m.Origin == process.OriginLoader || p.Libc == "glibc" && m.Soname == "libc.so.6" {
		return
	}
	*l = append(*l, vdsoName{img, addr, nr, from})
}

// vdso adds the calls of the functions of the vDSO that the program may call.
// Where it only keeps the address of one in variables that nothing reads it
// does not (as glibc does in static programs).
func (a *assembly) vdso() {
	for _, n := range a.vdsoNames {
		if len(a.callsOf(n.nr)) == 0 && a.calledThere(n) {
			entry := a.g.Unit(n.unit).Entry
			a.ans.Calls = append(a.ans.Calls, number.Call{ABI: sysno.X86_64, Nr: n.nr, Unit: n.unit, PC: entry, Site: entry, In: n.unit})
		}
	}
}

// calledThere reports whether what a lookup of n returns may be called.
func (a *assembly) calledThere(n vdsoName) bool {
	if n.unit == 0 || !a.g.Live(n.unit) {
		return true
	}
	found := false
	for _, r := range a.g.Unit(n.unit).Sum.Refs {
		if r.A != n.addr {
			continue
		}
		if r.Kind != summary.RefPass || r.Off != 0 {
			return true
		}
		for _, p := range a.g.Query(n.unit, r.B, dataflow.Param{Kind: summary.Arg, Reg: r.Reg &^ summary.Back}) {
			if !slices.ContainsFunc(p.Values, func(v summary.Value) bool { return v.Kind == summary.Addr && uint64(v.N) == n.addr }) {
				continue
			}
			found = true
			slots, ok := a.keptIn(n.img, p.PC)
			if !ok || slices.ContainsFunc(slots, func(s uint64) bool { return a.g.Reads(n.img, s) }) {
				return true
			}
		}
	}
	return !found
}

// keptIn follows what the call at pc returns until it is overwritten, and lists the words of
// the file that it is stored in; ok is false if it goes anywhere else.
func (a *assembly) keptIn(img int, pc uint64) (slots []uint64, ok bool) {
	const limit = 500
	m := a.g.Members[img]
	var in x86.Inst
	decode := func(pc uint64) bool { code := m.Bytes(pc); return len(code) > 0 && x86.Decode(code, pc, &in) }
	if !decode(pc) || in.Op != x86.OpCall {
		return nil, false
	}
	seen := map[uint64]bool{}
	const rax = 1 << x86.RAX
	for todo := []uint64{pc + uint64(in.Len)}; len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for !seen[pc] {
			seen[pc] = true
			if len(seen) > limit || !decode(pc) {
				return nil, false
			}
			pc += uint64(in.Len)
			mem := in.Flags&x86.FlagMem != 0
			through := mem && (in.Base == x86.RAX || in.Index == x86.RAX)
			switch {
			case in.Op == x86.OpJmp:
				pc = uint64(in.Imm)
				continue
			case in.Op == x86.OpJcc:
				todo = append(todo, uint64(in.Imm))
				continue
			case in.Op == x86.OpXor && in.Dst == x86.RAX && in.Src == x86.RAX:
			case in.Op == x86.OpCall && !through || in.Op == x86.OpTrap:
				// (A C function takes no argument in rax but a number of vector registers.)
			case in.Op == x86.OpTest || in.Op == x86.OpCmp || in.Op == x86.OpNop:
				continue
			case in.Op == x86.OpMov && in.Src == x86.RAX && mem && in.Base == x86.RIP && in.Size == 8:
				slots = append(slots, uint64(in.Disp))
				continue
			case (in.Op == x86.OpAdd || in.Op == x86.OpMov) && in.Dst == x86.RAX && in.Size == 8 && (in.Op == x86.OpAdd || through):
				continue // the file's address, and the symbol's in it
			case in.Use&rax != 0 || through || in.Op == x86.OpRet || in.Op == x86.OpCallInd || in.Op == x86.OpJmpInd || in.Op == x86.OpSyscall:
				return nil, false
			case in.Def&rax == 0:
				continue
			}
			break
		}
	}
	return slots, true
}
