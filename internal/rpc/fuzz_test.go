package rpc

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/unikernel"
	"github.com/gofind-dev/gofind/internal/x86"
)

const (
	fuzzCode = 0x1000
	fuzzWait = 0x9000
)

// FuzzFlow reads any code as that of a function with gates. Whatever it is, what is found is in order; and where the code runs as far as a gate, in the few
// instructions that run below and with jumps taken as paths says, the function that it asks for and the compartment are among those that were found.
func FuzzFlow(f *testing.F) {
	for _, code := range []string{
		"48bf00000008 00000000 48c7471034120000 48b80200000000010000 488907 e8 wait c3",                  // block, f_ptr, state, wait
		"4889fb 488d0510000000 48894310 48b80200000000000000 488903 4889df e9 wait",                      // by registers, at the end
		"85f6 7407 b834120000 eb05 b878560000 48894710 48b90200000000010000 48890f e8 wait c3",           // one of two functions
		"e800000000 4889c7 48c7471034120000 48c70702000000 e8 wait c3",                                   // a block that a call returned
		"b800000080 48894710 b802000000 488907 e8 wait c3", "48c7471000000080 48c70702000000 e8 wait c3", // 32 bits, with a sign or without
		"48894710 48b80200000000010000 488907 e8 wait c3", // a callback
		"488b07 ff5010 c3", "488b4710 ffd0 c3", "488b4710 ffe0", "ff6710", "ff24c510000000", "0f", "", "48c7471034120000 ebf6", // servers, a table, damage, a loop
	} {
		f.Add(assemble(f, code), uint32(5))
	}
	f.Fuzz(func(t *testing.T, code []byte, paths uint32) {
		code = code[:min(len(code), 256)]
		fn := &unikernel.Func{Name: "flexos_vmept_rpc_loop", Addr: fuzzCode, Size: uint64(len(code)), Code: true}
		insts := instructions(code, fuzzCode)
		w := newFlow(fn, insts)
		gates := w.gates(map[uint64]bool{fuzzWait: true})
		for i, g := range gates {
			switch {
			case i > 0 && g.Call <= gates[i-1].Call, g.In != fuzzCode, g.Call < fuzzCode, g.Call >= fn.End(), len(g.To) == 0,
				!slices.IsSorted(g.To), slices.Contains(g.To, Any) && len(g.To) > 1, !slices.IsSorted(g.Targets):
				t.Errorf("gate %+v", g)
			}
		}
		for _, a := range w.private(gates) {
			if !slices.ContainsFunc(gates, func(g Gate) bool { return slices.Contains(g.Targets, a) }) {
				t.Errorf("%#x is private, and no target", a)
			}
		}
		for _, s := range w.servers() {
			if s.Call < fuzzCode || s.Call+s.Size != fn.End() {
				t.Errorf("server %+v", s)
			}
		}
		for p := range uint32(4) {
			m := run(insts, paths^p*0x55555555)
			if m.at == nil {
				continue
			}
			i := slices.IndexFunc(gates, func(g Gate) bool { return g.Call == m.at.PC })
			if i < 0 {
				t.Fatalf("no gate at %#x", m.at.PC)
			}
			g := &gates[i]
			if v, ok := m.memory[m.r[x86.RDI]+functionAt]; ok && !g.Computed && !slices.Contains(g.Targets, v) {
				t.Errorf("%#x asks for %#x: %+v", g.Call, v, g)
			}
			if v, ok := m.memory[m.r[x86.RDI]+stateAt]; ok && uint32(v) == called && !slices.Contains(g.To, Any) && !slices.Contains(g.To, int(v>>40&0xff)) {
				t.Errorf("%#x asks compartment %d: %+v", g.Call, v>>40&0xff, g)
			}
		}
	})
}

// assemble reads code in hexadecimal; wait is how far it is from there to what gates call.
func assemble(t testing.TB, text string) []byte {
	var out []byte
	for _, w := range strings.Fields(text) {
		if w == "wait" {
			d := uint32(fuzzWait - (fuzzCode + len(out) + 4))
			out = append(out, byte(d), byte(d>>8), byte(d>>16), byte(d>>24))
			continue
		}
		b, err := hex.DecodeString(w)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// machine is a processor that knows what gates are made of.
type machine struct {
	r      [16]uint64
	memory map[uint64]uint64 // what was stored, in words
	at     *x86.Inst         // the gate that it came to, nil if it stopped before
}

// run executes each instruction at most once. It stops where one does what it does not know: loads, stores of parts of words, arithmetic.
func run(insts []x86.Inst, paths uint32) *machine {
	m := &machine{memory: map[uint64]uint64{}}
	fresh := uint64(1) << 56
	for r := range m.r {
		m.r[r] = fresh + uint64(r)<<32
	}
	seen := map[int]bool{}
	for i := 0; i >= 0 && i < len(insts) && !seen[i]; {
		seen[i] = true
		in := &insts[i]
		next := i + 1
		reg := func(r x86.Reg) bool { return r >= 0 && r < 16 }
		plain := in.Flags&(x86.FlagMem|x86.FlagImpMem) == 0
		jump := func() bool {
			if uint64(in.Imm) == fuzzWait {
				m.at = in
				return false
			}
			to, ok := slices.BinarySearchFunc(insts, uint64(in.Imm), func(x x86.Inst, pc uint64) int { return cmp.Compare(x.PC, pc) })
			next = to
			return ok
		}
		switch {
		case in.Op == x86.OpMov && plain && in.Flags&x86.FlagImm != 0 && in.Size >= 4 && reg(in.Dst):
			m.r[in.Dst] = uint64(in.Imm)
			if in.Size == 4 {
				m.r[in.Dst] = uint64(uint32(in.Imm))
			}
		case in.Op == x86.OpMov && plain && in.Flags == 0 && in.Size == 8 && reg(in.Dst) && reg(in.Src):
			m.r[in.Dst] = m.r[in.Src]
		case in.Op == x86.OpLea && in.Base == x86.RIP && in.Size == 8 && in.Flags&x86.FlagAddr32 == 0 && reg(in.Dst):
			m.r[in.Dst] = uint64(in.Disp)
		case in.Op == x86.OpXor && in.Flags == 0 && in.Dst == in.Src && in.Size >= 4 && reg(in.Dst):
			m.r[in.Dst] = 0
		case in.Op == x86.OpMov && in.Flags&(x86.FlagMem|x86.FlagMemIn|x86.FlagMemOut|x86.FlagSeg|x86.FlagAddr32) == x86.FlagMem|x86.FlagMemOut && in.MemSize == 8 &&
			reg(in.Base) && in.Base != x86.RSP && in.Index == x86.RegNone && in.Disp&7 == 0 && m.r[in.Base]&7 == 0:
			v := uint64(in.Imm)
			if in.Flags&x86.FlagImm == 0 {
				if !reg(in.Src) {
					return m
				}
				v = m.r[in.Src]
			}
			m.memory[m.r[in.Base]+uint64(in.Disp)] = v
		case in.Op == x86.OpTest || in.Op == x86.OpCmp || in.Op == x86.OpNop:
			if !plain {
				return m
			}
		case in.Op == x86.OpJmp:
			if !jump() {
				return m
			}
		case in.Op == x86.OpJcc && in.Cond < 16:
			taken := paths&1 != 0
			paths >>= 1
			if taken && !jump() {
				return m
			}
		case in.Op == x86.OpCall:
			if uint64(in.Imm) == fuzzWait {
				m.at = in
				return m
			}
			for _, r := range []x86.Reg{x86.RAX, x86.RCX, x86.RDX, x86.RSI, x86.RDI, x86.R8, x86.R9, x86.R10, x86.R11} {
				fresh += 1 << 40
				m.r[r] = fresh
			}
		default:
			return m
		}
		i = next
	}
	return m
}
