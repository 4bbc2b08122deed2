package unikraft

import (
	"cmp"
	"slices"

	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/x86"
)

// code is what one pass over the image's text finds.
type code struct {
	f       *File
	texts   []span
	starts  []Symbol          // of code, by address; one for each address
	byName  map[string]Symbol // all
	targets *relocate.Targets
	maybe   []uint64 // values that may be addresses of code

	handlers []uint64          // functions that are called by code that ends in iretq
	stacks   map[uint64]string // instructions that load the stack pointer from memory: address to function
}

// scan reads all code once.
func scan(f *File) *code {
	c := &code{f: f, texts: f.texts(), byName: map[string]Symbol{}, stacks: map[uint64]string{}}
	for _, s := range f.Symbols() {
		if old, ok := c.byName[s.Name]; !ok || old.Type == sttNoType {
			c.byName[s.Name] = s
		}
		if (s.Type == sttFunc || s.Type == sttNoType || s.Type == sttGNUIFunc) && c.exec(s.Addr) {
			c.starts = append(c.starts, s)
		}
	}
	slices.SortStableFunc(c.starts, func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), -cmp.Compare(a.Size, b.Size))
	})
	var addrs []uint64
	skip := c.pageTables()
	for _, s := range c.starts {
		addrs = append(addrs, s.Addr)
	}
	c.starts = slices.CompactFunc(c.starts, func(a, b Symbol) bool { return a.Addr == b.Addr })
	for i := range f.segments {
		s := &f.segments[i]
		if s.typ != ptLoad || s.filesz == 0 {
			continue
		}
		at, end := s.vaddr, s.vaddr+s.filesz
		bytes := func(from, to uint64) []byte { // of this segment: another may overlap with it
			return f.elf[s.off+from-s.vaddr : s.off+to-s.vaddr]
		}
		for _, x := range c.texts { // sorted
			if x.start < at || x.end > end {
				continue
			}
			c.words(bytes(at, x.start), at, skip)
			addrs = c.sweep(addrs, bytes(x.start, x.end), x.start, skip)
			at = x.end
		}
		if at < end {
			c.words(bytes(at, end), at, skip)
		}
	}
	c.targets = relocate.NewTargets(addrs, c.maybe)
	c.maybe = nil
	return c
}

// span is a range of addresses.
type span struct{ start, end uint64 }

// texts returns where code lies, sorted: executable segments, or, of one that has data in it, too, its executable sections.
func (f *File) texts() []span {
	var out []span
	for i := range f.segments {
		s := &f.segments[i]
		if s.typ != ptLoad || s.flags&flagX == 0 || s.filesz == 0 {
			continue
		}
		n := len(out)
		for j := range f.sections {
			c := &f.sections[j]
			if s.flags&flagW != 0 && c.flags&(shfAlloc|shfExec) == shfAlloc|shfExec && c.typ != shtNobits && c.size > 0 &&
				c.addr >= s.vaddr && c.addr < s.vaddr+s.filesz && c.size <= s.vaddr+s.filesz-c.addr {
				out = append(out, span{c.addr, c.addr + c.size})
			}
		}
		if len(out) == n {
			out = append(out, span{s.vaddr, s.vaddr + s.filesz})
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	clean := out[:0]
	for _, x := range out { // sections of a damaged file may overlap
		if len(clean) == 0 || x.start >= clean[len(clean)-1].end {
			clean = append(clean, x)
		}
	}
	return clean
}

// exec reports whether addr is in code.
func (c *code) exec(addr uint64) bool {
	i, _ := slices.BinarySearchFunc(c.texts, addr, func(x span, a uint64) int {
		if x.end <= a {
			return -1
		}
		return 1
	})
	return i < len(c.texts) && addr >= c.texts[i].start
}

// words notes the aligned words of data that may be entries of a table of addresses of code: at least
// one of the words beside it is another. Page tables are left out.
func (c *code) words(data []byte, base uint64, skip map[uint64]bool) {
	before := false
	for at := -base & 7; at+8 <= uint64(len(data)); at += 8 {
		v := le.Uint64(data[at:])
		is := c.exec(v) && !skip[(base+at)&^4095]
		if is && (before || at+16 <= uint64(len(data)) && c.exec(le.Uint64(data[at+8:]))) {
			c.maybe = append(c.maybe, v)
		}
		before = is
	}
}

// maxTable is how many entries of a table of relative addresses are read.
const maxTable = 4096

// sweep decodes the code of one segment, from each symbol to the next, and appends the targets of branches.
func (c *code) sweep(addrs []uint64, data []byte, base uint64, skip map[uint64]bool) []uint64 {
	next, _ := slices.BinarySearchFunc(c.starts, base, func(s Symbol, a uint64) int { return cmp.Compare(s.Addr, a) })
	var in x86.Inst
	var calls []uint64 // of the current function
	name, start := "", base
	for at := uint64(0); at < uint64(len(data)); {
		pc := base + at
		if skip[pc&^4095] {
			at = pc&^4095 + 4096 - base
			continue
		}
		limit := uint64(len(data))
		for next < len(c.starts) && c.starts[next].Addr <= pc {
			name, start, calls = c.starts[next].Name, c.starts[next].Addr, calls[:0]
			next++
		}
		if next < len(c.starts) && c.starts[next].Addr-base < limit {
			limit = c.starts[next].Addr - base
		}
		if !x86.Decode(data[at:limit], pc, &in) {
			at++
			continue
		}
		switch in.Op {
		case x86.OpCall:
			addrs = append(addrs, uint64(in.Imm))
			calls = append(calls, uint64(in.Imm))
		case x86.OpJmp, x86.OpJcc:
			addrs = append(addrs, uint64(in.Imm))
		case x86.OpRet:
			if data[at+uint64(in.Len)-1] == 0xcf {
				c.handlers = append(c.handlers, calls...)
			}
		default:
			if in.Base == x86.RIP && in.Flags&x86.FlagMem != 0 {
				if to := uint64(in.Disp); to >= start && to < base+limit {
					c.maybe = append(c.maybe, to)
				} else if in.Op == x86.OpLea && !c.exec(to) {
					c.table(to)
				}
			}
			if to := uint64(in.Imm); in.Flags&x86.FlagImm != 0 && to >= start && to < base+limit { // of a label
				c.maybe = append(c.maybe, to)
			}
			if loadsStack(&in) {
				c.stacks[pc] = name
			}
		}
		at += uint64(in.Len)
	}
	return addrs
}

// loadsStack reports whether an instruction sets the stack pointer to what was another one before. What a function
// has in its own frame is no such value, and neither is the stack of a processor (%gs), which system calls take that
// need their caller's registers: both are left in the order in which they were entered.
func loadsStack(in *x86.Inst) bool {
	if in.Op == x86.OpXchg {
		return in.Def&(1<<x86.RSP) != 0
	}
	return in.Op == x86.OpMov && in.Dst == x86.RSP && in.Flags&x86.FlagMemIn != 0 && in.Flags&x86.FlagSeg == 0 && in.Base != x86.RBP && in.Base != x86.RSP
}

// table notes the addresses of code in a table of words of 4 bytes that are relative to its start.
func (c *code) table(start uint64) {
	data := c.f.Bytes(start)
	for i := 0; i < maxTable && len(data) >= 4; i++ {
		to := start + uint64(int64(int32(le.Uint32(data))))
		if !c.exec(to) {
			break
		}
		c.maybe = append(c.maybe, to)
		data = data[4:]
	}
}

// size returns the size of the function at addr: that of its symbol, or the distance to the next.
func (c *code) size(addr uint64) uint64 {
	i, ok := slices.BinarySearchFunc(c.starts, addr, func(s Symbol, a uint64) int { return cmp.Compare(s.Addr, a) })
	if ok && c.starts[i].Size > 0 {
		return c.starts[i].Size
	}
	if ok {
		i++
	}
	end := addr + uint64(len(c.f.Bytes(addr)))
	if i < len(c.starts) {
		end = min(end, c.starts[i].Addr)
	}
	return end - addr
}

// name returns the symbol at addr, "" if there is none.
func (c *code) name(addr uint64) string {
	if i, ok := slices.BinarySearchFunc(c.starts, addr, func(s Symbol, a uint64) int { return cmp.Compare(s.Addr, a) }); ok {
		return c.starts[i].Name
	}
	return ""
}

// cut decides what to move of the function at addr.
func (c *code) cut(addr, size uint64) (*relocate.Prologue, error) {
	if !c.exec(addr) {
		return nil, relocate.Outside
	}
	if size == 0 {
		size = c.size(addr)
	}
	b := c.f.Bytes(addr)
	return relocate.Cut(b[:min(uint64(len(b)), max(size, relocate.JumpSize))], addr, size, c.targets)
}

// function decodes the function at addr as far as it is known, until visit returns false.
// It reports whether all of it was decoded.
func (c *code) function(addr uint64, visit func(in *x86.Inst) bool) bool {
	b := c.f.Bytes(addr)
	b = b[:min(uint64(len(b)), c.size(addr))]
	var in x86.Inst
	for at := 0; at < len(b); at += int(in.Len) {
		if !x86.Decode(b[at:], addr+uint64(at), &in) {
			return false
		}
		if !visit(&in) {
			return false
		}
	}
	return len(b) > 0
}

// leaf reports whether a function certainly calls nothing and goes nowhere else: on whose behalf it
// runs makes no difference.
func (c *code) leaf(addr uint64) bool {
	end := addr + c.size(addr)
	return c.function(addr, func(in *x86.Inst) bool {
		switch in.Op {
		case x86.OpJmp, x86.OpJcc:
			return uint64(in.Imm) >= addr && uint64(in.Imm) < end
		case x86.OpCall:
			return false
		}
		return plain(in)
	})
}

// plain reports whether an instruction that is no direct jump or call leads nowhere else.
func plain(in *x86.Inst) bool {
	switch in.Op {
	case x86.OpCallInd, x86.OpJmpInd, x86.OpSyscall, x86.OpSysenter, x86.OpInt80:
		return false
	case x86.OpMov, x86.OpPop, x86.OpXchg, x86.OpOther:
		return in.Def&(1<<x86.RSP) == 0 // it could return elsewhere
	}
	return true
}

// readsReturn reports whether a function looks at its return address before its first call or jump, as
// setjmp does, or a system call that a new thread returns from, too: with a gate it would see that of the gate.
func (c *code) readsReturn(addr uint64) bool {
	// known is what registers point to, relative to where the return address is.
	known := map[x86.Reg]int64{x86.RSP: 0}
	found := false
	c.function(addr, func(in *x86.Inst) bool {
		const load = x86.FlagMem | x86.FlagMemIn
		if in.Flags&(load|x86.FlagMemOut|x86.FlagSeg) == load && in.Index == x86.RegNone { // not lock orq $0, (%rsp), a barrier
			if at, ok := known[in.Base]; ok && at+in.Disp == 0 {
				found = true
			}
		}
		sp, spKnown := known[x86.RSP]
		switch in.Op {
		case x86.OpPush:
			sp -= 8
		case x86.OpPop:
			found = found || spKnown && sp == 0
			sp += 8
		case x86.OpSub, x86.OpAdd:
			if in.Dst == x86.RSP && in.Flags&x86.FlagImm != 0 {
				if in.Op == x86.OpSub {
					sp -= in.Imm
				} else {
					sp += in.Imm
				}
				known[x86.RSP] = sp
				return true
			}
		case x86.OpMov:
			if at, ok := known[in.Src]; ok && in.Size == 8 && in.Dst != x86.RegNone {
				known[in.Dst] = at
				return true
			}
		case x86.OpLea:
			if at, ok := known[in.Base]; ok && in.Size == 8 && in.Index == x86.RegNone {
				known[in.Dst] = at + in.Disp
				return true
			}
		case x86.OpCall, x86.OpCallInd, x86.OpJmp, x86.OpJmpInd, x86.OpRet:
			return false
		}
		if spKnown {
			known[x86.RSP] = sp
		}
		for r := range x86.Reg(16) {
			if in.Def&(1<<r) != 0 {
				delete(known, r)
			}
		}
		return !found
	})
	return found
}

// stackOffset returns where longjmp at addr finds the stack pointer that it sets, from its first argument on.
func (c *code) stackOffset(addr uint64) (int32, bool) {
	offset, found := int32(0), false
	c.function(addr, func(in *x86.Inst) bool {
		if in.Op == x86.OpMov && in.Dst == x86.RSP && in.Flags&x86.FlagMemIn != 0 {
			if in.Base == x86.RDI && in.Index == x86.RegNone && in.Flags&x86.FlagSeg == 0 && in.Disp >= 0 && in.Disp < 4096 {
				offset, found = int32(in.Disp), true
			}
			return false
		}
		return in.Def&(1<<x86.RDI) == 0 && in.Op != x86.OpCall && in.Op != x86.OpCallInd
	})
	return offset, found
}

// goesTo reports whether a function jumps to or calls another.
func (c *code) goesTo(addr, to uint64) bool {
	found := false
	c.function(addr, func(in *x86.Inst) bool {
		found = found || (in.Op == x86.OpJmp || in.Op == x86.OpCall) && uint64(in.Imm) == to
		return true
	})
	return found
}
