package gatecode

import (
	"fmt"
	"math"

	"github.com/gofind-dev/gofind/internal/relocate"
)

// server compares what a call through a register is to call with the functions that may be, by a search in a tree of comparisons, and
// skips the call if it is none of them: it returns an error then. Only flags change, which are the caller's to lose at a call.
func (g *generator) server(h *Hook, i int) {
	a := g.asm
	allow, refuse, after := fmt.Sprintf("allow%d", i), fmt.Sprintf("forbid%d", i), fmt.Sprintf("after%d", i)
	n := 0
	var search func(list []uint64)
	search = func(list []uint64) {
		for ; len(list) > 3; n++ {
			mid := len(list) / 2
			below := fmt.Sprintf("below%d_%d", i, n)
			g.compare(h.Reg, list[mid])
			a.jcc(ccE, allow)
			a.jcc(ccB, below)
			n++
			search(list[mid+1:])
			a.label(below)
			list = list[:mid]
		}
		for _, e := range list {
			g.compare(h.Reg, e)
			a.jcc(ccE, allow)
		}
		a.jmp(refuse)
	}
	search(g.in.Exports)
	a.label(refuse)
	if g.in.OnDeny == Crash {
		a.op("488d35 @text_asked") // lea text_asked(%rip), %rsi
		a.jmp("panic")
	} else {
		a.op("48c7c0 $", -g.in.OnDeny.errno()) // mov $-errno, %rax
		a.jmp(after)
	}
	a.label(allow)
	a.define(after, a.pc()+uint64(len(h.Prologue.First())))
}

// compare compares a register with an address, which must lie in the first 2 GiB.
func (g *generator) compare(reg uint8, addr uint64) {
	if addr > math.MaxInt32 {
		g.fail(relocate.FarOperand)
	}
	g.op(fmt.Sprintf("%02x 81 %02x $", 0x48|reg>>3&1, 0xf8|reg&7), uint32(addr)) // cmp $addr, %reg
}
