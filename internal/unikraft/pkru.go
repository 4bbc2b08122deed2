package unikraft

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/pku"
	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Bits of an entry of a page table.
const pteKey, pteNX = 59, 1 << 63

// A Sequence is bytes of the image in executable memory that change what memory keys allow when they are executed, be they an
// instruction of the program, or a part of one or of several.
type Sequence struct {
	Addr    uint64
	What    string // the instruction
	Func    string // where it lies, "" if no symbol says so
	Aligned bool   // the program executes it itself
	Start   uint64 // of that instruction, which may have a prefix
	Checked bool   // wrpkru that is followed by a comparison with PKRU's value in a compartment: a gate
	To      int    // that compartment
}

// sequences returns all such bytes at any offset, by address, in an image with n compartments.
func (c *code) sequences(n int) []Sequence {
	var out []Sequence
	for i := range c.f.segments {
		g := &c.f.segments[i]
		if g.typ != ptLoad {
			continue
		}
		data := c.f.elf[g.off:][:g.filesz]
		for at := range data {
			what := pku.Match(data[at:])
			if what == "" || c.keyed(g.vaddr+uint64(at)) {
				continue
			}
			s := Sequence{Addr: g.vaddr + uint64(at), What: what}
			s.Func, s.Start, s.Aligned = c.within(s.Addr)
			if what == "wrpkru" {
				s.To, _, s.Checked = pku.Gate(data, g.vaddr, at, n)
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Sequence) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}

// keyed reports whether an address lies in a section that gets a key, and so is not executed (FlexOS, plat/kvm/x86/link64.lds.S).
func (c *code) keyed(addr uint64) bool {
	for i := range c.f.sections {
		if x := &c.f.sections[i]; x.flags&shfAlloc != 0 && addr >= x.addr && addr-x.addr < x.size {
			for _, name := range []string{".data_comp", ".bss_comp", ".data_shared", ".intrstack"} {
				if strings.HasPrefix(x.name, name) && !strings.HasPrefix(x.name, name+"0") {
					return true
				}
			}
		}
	}
	return false
}

// own names bytes in the code that is added, and in what leads there, which change keys and are none of its instructions.
func (s *sealing) own(in *gatecode.Input, out *gatecode.Output) {
	for _, p := range out.Patches {
		b := s.code.f.Bytes(p.Addr)
		b = slices.Clone(b[:min(len(b), len(p.Bytes)+2)])
		copy(b, p.Bytes)
		before := s.code.f.Bytes(p.Addr - 2)
		n := 0 // of bytes before it
		if len(before) >= 2 {
			b, n = append(slices.Clone(before[:2]), b...), 2
		}
		for at := range b[:min(len(p.Bytes)+n, len(b))] {
			if what := pku.Match(b[at:]); what != "" {
				s.gap(s.enforced()&^s.first, p.Addr+uint64(at-n), s.code.name(p.Addr), fmt.Errorf("who jumps into its bytes, which are a %s there now, has all keys", what))
			}
		}
	}
	for at := range out.Code {
		if what := pku.Match(out.Code[at:]); what != "" && !slices.Contains(out.Changes, in.Code+uint64(at)) {
			s.gap(s.enforced()&^s.first, in.Code+uint64(at), "gofind_runtime", fmt.Errorf("who jumps into its bytes, which are a %s there, has all keys", what))
		}
	}
}

// within returns the function around addr, the instruction of it that has the byte there, and whether that starts it, but for a REX prefix.
func (c *code) within(addr uint64) (name string, start uint64, aligned bool) {
	i, ok := slices.BinarySearchFunc(c.starts, addr, func(s Symbol, a uint64) int { return cmp.Compare(s.Addr, a) })
	if !ok {
		i--
	}
	if i < 0 || addr-c.starts[i].Addr >= max(c.size(c.starts[i].Addr), 1) {
		return "", 0, false
	}
	c.function(c.starts[i].Addr, func(in *x86.Inst) bool {
		// A prefix belongs to the instruction, so that it is enough that the sequence is the rest of one that has no other.
		if end := in.PC + uint64(in.Len); addr >= in.PC && addr < end {
			start = in.PC
			b := c.f.Bytes(in.PC)
			aligned = addr-in.PC <= 1 && (addr == in.PC || b[0]&0xf0 == 0x40)
		}
		return in.PC < addr
	})
	return c.starts[i].Name, start, aligned
}

// keySites replaces what changes keys outside of gates, and names what it cannot replace: who jumps to that gets the rights of another compartment, or all.
//
// What the image executes only as it starts is overwritten as keys are turned on.
func (s *sealing) keySites(debug *File) error {
	others := s.enforced() &^ s.first
	once, area := map[string]bool{}, map[string]bool{}
	var prot, setKey, tables uint64
	for _, r := range roles() {
		y, ok := s.code.byName[r.symbol]
		switch {
		case !ok:
		case r.kind == "once":
			once[s.code.name(y.Addr)] = true
		case r.kind == "area":
			area[s.code.name(y.Addr)] = true
		case r.kind == "prot":
			prot = y.Addr
		case r.kind == "setkey":
			setKey = y.Addr
		case r.kind == "tables":
			tables = y.Addr
		}
	}
	s.offset = tables
	if _, ok := s.code.byName[bootTable]; !ok && tables == 0 {
		return debug.errorf(errKeys, "has no page table that is known, in which memory could get keys")
	}
	if prot != 0 && s.code.goesTo(setKey, prot) {
		h, err := s.hook(prot, 0, s.code.name(prot))
		if err != nil {
			s.gap(others, prot, s.code.name(prot), fmt.Errorf("memory with keys can be executed, so that who writes code there has all keys: %w", err))
		} else {
			h.Special = gatecode.SetProt
		}
	} else {
		s.gap(others, 0, "", errors.New("what gives memory its keys is not known, so that it may be executed, too: who writes code there has all keys"))
	}
	data := s.code.dataPages()
	gives := false // up rights
	sequences := s.code.sequences(len(s.plan.Compartments))
	early := s.code.early(sequences, once)
	for _, q := range sequences {
		err := error(nil)
		switch {
		case q.Checked:
			continue
		case !q.Aligned && within(data, q.Addr):
			continue // it is not executed
		case !q.Aligned && s.moved(q.Addr):
			continue
		case !q.Aligned:
			err = errors.New("no instruction that is known has them")
			if once[q.Func] || early[q.Func] || area[q.Func] {
				err = errors.New("they may run as the image starts, when what is added is not mapped or known")
			} else if q.Start != 0 {
				err = s.site(q)
			}
			if err != nil {
				s.gap(others, q.Addr, q.Func, fmt.Errorf("who jumps into its bytes, which are a %s there, has all keys; they cannot be changed: %w", q.What, err))
			}
			continue
		case once[q.Func]:
			s.wipes = append(s.wipes, q.Addr)
			continue
		case q.What == "wrpkru" || q.What == "xrstor":
			err = s.site(q)
		default:
			err = errors.New("it runs more than once, or that is not known")
		}
		if err != nil {
			s.gap(others, q.Addr, q.Func, fmt.Errorf("who jumps to its %s has all keys; it cannot be replaced: %w", q.What, err))
		}
		gives = gives || err == nil && q.What == "wrpkru"
	}
	if !gives {
		return debug.errorf(errKeys, "never gives up keys that could be seen, so no memory keys separate its compartments")
	}
	return nil
}

// site replaces the instruction at which a sequence is.
func (s *sealing) site(q Sequence) error {
	end := uint64(0)
	for _, y := range s.code.starts {
		if y.Addr <= q.Addr && q.Addr < y.Addr+s.code.size(y.Addr) {
			end = y.Addr + s.code.size(y.Addr)
		}
	}
	if end <= q.Start {
		return errors.New("where its function ends is not known")
	}
	p, err := s.code.cut(q.Start, end-q.Start)
	if err != nil {
		return err
	}
	var in x86.Inst
	if b := p.First(); q.Aligned && (!x86.Decode(b, q.Start, &in) || in.Base == x86.RIP || q.What == "wrpkru" && len(b) != 3) {
		return errors.New("it is not encoded as compilers do it")
	}
	for at, b := len(p.First()), s.code.f.Bytes(q.Start); q.Aligned && at < p.Size; at++ {
		if pku.Match(b[at:]) != "" {
			return errors.New("another follows it")
		}
	}
	for _, h := range s.hooks {
		if h.Prologue.Addr < p.Resume() && p.Addr < h.Prologue.Addr+uint64(max(h.Prologue.Size, relocate.JumpSize)) {
			return errors.New("the start of its function, right before, is replaced itself")
		}
	}
	for _, x := range s.sites { // by address
		if end := x.At.Addr + uint64(max(x.At.Size, relocate.JumpSize)); end > p.Addr {
			return errors.New("what is right before it is replaced itself")
		}
	}
	s.sites = append(s.sites, gatecode.Site{Name: q.Func, At: p, Load: q.Aligned && q.What == "xrstor", Move: !q.Aligned})
	return nil
}

// early returns the functions that may run while the image makes its page table, in which what is added is not mapped at first: those that are called, at any
// depth, by who loads CR3 as the image starts.
func (c *code) early(sequences []Sequence, once map[string]bool) map[string]bool {
	out := map[string]bool{}
	var queue []uint64
	add := func(to uint64) {
		if name := c.name(to); name != "" && !out[name] {
			out[name] = true
			queue = append(queue, to)
		}
	}
	for _, q := range sequences {
		if y, ok := c.byName[q.Func]; ok && q.What == "mov to cr3" && once[q.Func] {
			c.function(y.Addr, func(in *x86.Inst) bool {
				if in.Op == x86.OpCall {
					add(uint64(in.Imm))
				}
				return true
			})
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		c.function(queue[0], func(in *x86.Inst) bool {
			if in.Op == x86.OpCall || in.Op == x86.OpJmp || in.Op == x86.OpJcc {
				add(uint64(in.Imm))
			}
			return true
		})
	}
	return out
}

// replaces reports whether the instructions at addr are moved elsewhere.
func (s *sealing) replaces(addr uint64) bool {
	in := func(p *relocate.Prologue) bool {
		return addr >= p.Addr && addr < p.Addr+uint64(max(p.Size, relocate.JumpSize))
	}
	for _, h := range s.hooks {
		if in(h.Prologue) {
			return true
		}
	}
	return slices.ContainsFunc(s.sites, func(x gatecode.Site) bool { return in(x.At) })
}

// moved reports whether the byte at addr is of instructions that are moved, and is another one then, or nowhere in the code where it was: what
// the image has in the end is looked at by own.
func (s *sealing) moved(addr uint64) bool {
	for _, h := range s.hooks {
		if addr >= h.Prologue.Addr && addr-h.Prologue.Addr < relocate.JumpSize {
			return true
		}
	}
	return slices.ContainsFunc(s.sites, func(x gatecode.Site) bool {
		return addr >= x.At.Addr && (addr-x.At.Addr < relocate.JumpSize || x.Move && addr-x.At.Addr < uint64(x.At.Size))
	})
}

// within reports whether an address is in one of some spans, which are sorted.
func within(spans []span, addr uint64) bool {
	return slices.ContainsFunc(spans, func(x span) bool { return addr >= x.start && addr < x.end })
}

// dataPages returns the pages of the image on which no code lies. Nothing on them is executed once keys are on.
func (c *code) dataPages() []span {
	var all []span
	for i := range c.f.segments {
		if g := &c.f.segments[i]; g.typ == ptLoad && g.memsz > 0 && g.memsz < MaxSize {
			all = append(all, span{g.vaddr &^ 4095, (g.vaddr + g.memsz + 4095) &^ 4095})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var out []span
	at := uint64(0)
	for _, x := range all {
		start := max(x.start, at)
		for _, text := range c.texts {
			if from, to := text.start&^4095, (text.end+4095)&^4095; to > start && from < x.end {
				if from > start {
					out = append(out, span{start, from})
				}
				start = to
			}
		}
		if start < x.end {
			out = append(out, span{start, x.end})
		}
		at = max(at, x.end)
	}
	return out
}

// keys is what the generator must know of keys; the addresses of what is added are yet to be filled in.
func (s *sealing) keys() *gatecode.Keys {
	return &gatecode.Keys{PKRU: pku.Values(len(s.plan.Compartments)), Key: pku.Tag, Offset: s.offset, Wipe: s.wipes}
}

// keyPages sets what becomes of pages as keys are turned on: those of the data get keys, and with --protect-rules, text, code of gates and rules
// are not written any more. How many there are does not depend on addresses of what is added.
func (s *sealing) keyPages(k *gatecode.Keys, in *gatecode.Input, code int, at uint64, size int) {
	const key = 15 << pteKey
	k.End = (at + uint64(size) + 4095) &^ 4095
	page := func(start, end uint64, set uint64) gatecode.Pages {
		return gatecode.Pages{Start: start, End: (end + 4095) &^ 4095, And: ^uint64(key), Or: set | pteNX}
	}
	k.Pages = []gatecode.Pages{page(in.Data, k.Alias, pku.Tag<<pteKey),
		{Start: k.Descriptors, End: k.Descriptors + 2*4096, And: ^uint64(key | pteWrite), Or: pku.Shared<<pteKey | pteNX}}
	for i := range k.PKRU {
		at := k.Pass + 4096*uint64(i)
		k.Pages = append(k.Pages, page(at, at+4096, uint64(i)<<pteKey))
	}
	for _, x := range s.code.dataPages() {
		k.Pages = append(k.Pages, gatecode.Pages{Start: x.start, End: x.end, And: ^uint64(0), Or: pteNX, Optional: true})
	}
	write := ^uint64(0)
	if s.opts.Protect {
		write = ^uint64(pteWrite)
	}
	k.Pages = append(k.Pages, gatecode.Pages{Start: at, End: k.End, And: write, Or: pteNX}) // of the rules
	if !s.opts.Protect {
		return
	}
	readOnly := func(start, end uint64) {
		k.Pages = append(k.Pages, gatecode.Pages{Start: start, End: (end + 4095) &^ 4095, And: ^uint64(pteWrite)})
	}
	for _, x := range s.code.textPages() {
		readOnly(x.start, x.end)
	}
	readOnly(in.Code, in.Code+uint64(code))
}

// textPages returns the pages that have code and no data that is written.
func (c *code) textPages() []span {
	pages := map[uint64]bool{}
	each := func(start, size uint64, set bool) {
		for p := start &^ 4095; p < start+size; p += 4096 {
			if set {
				pages[p] = true
			} else {
				delete(pages, p)
			}
		}
	}
	for _, x := range c.texts {
		each(x.start, x.end-x.start, true)
	}
	written := false
	for i := range c.f.sections {
		if g := &c.f.sections[i]; g.flags&shfAlloc != 0 && g.flags&(shfWrite|shfExec) == shfWrite && g.size < MaxSize {
			each(g.addr, g.size, false)
			written = true
		}
	}
	for i := range c.f.segments {
		if g := &c.f.segments[i]; g.typ == ptLoad && g.flags&(flagW|flagX) == flagW && !written && g.memsz < MaxSize {
			each(g.vaddr, g.memsz, false)
		}
	}
	var out []span
	for _, p := range slices.Sorted(maps.Keys(pages)) {
		if n := len(out); n > 0 && out[n-1].end == p {
			out[n-1].end = p + 4096
		} else {
			out = append(out, span{p, p + 4096})
		}
	}
	return out
}

var errKeys = errors.New("its pages have no memory keys")

// executes sets, for each entry, the mask of the compartments whose code may call it: those that make the call themselves, and
// those that make one whose code calls it, through functions that it calls directly. A function that has bodies inlined makes all of its calls, so that
// who may call it executes all of them.
func (s *sealing) executes() map[uint64]uint32 {
	mask := map[uint64]uint32{}
	inline := map[uint64]bool{}
	for _, e := range s.plan.Entries {
		inline[e.Addr] = inline[e.Addr] || e.Inline
	}
	for _, e := range s.plan.Entries {
		m := uint32(0)
		for i := range s.plan.Compartments {
			if c := &s.plan.Compartments[i]; c.Transparent || c.Executes.Has(e.Number) {
				m |= 1 << i
			}
		}
		if old, ok := mask[e.Addr]; ok && inline[e.Addr] {
			m &= old
		} else {
			m |= old
		}
		mask[e.Addr] = m
	}
	start := map[uint64]uint32{}
	for addr, m := range mask {
		start[addr] = m
	}
	for addr, m := range start {
		seen := map[uint64]bool{addr: true}
		for queue := []uint64{addr}; len(queue) > 0; queue = queue[1:] {
			s.code.function(queue[0], func(in *x86.Inst) bool {
				if to := uint64(in.Imm); (in.Op == x86.OpCall || in.Op == x86.OpJmp || in.Op == x86.OpJcc) && !seen[to] && s.code.name(to) != "" {
					seen[to] = true
					queue = append(queue, to)
				}
				return true
			})
		}
		for to := range seen {
			if _, ok := s.entryAt[to]; ok {
				mask[to] |= m
			}
		}
	}
	return mask
}

// keyEntries hooks all entries, since PKRU can have a value that no compartment has.
func (s *sealing) keyEntries() {
	s.entryAt = map[uint64]int{}
	for _, e := range s.plan.Entries {
		s.entryAt[e.Addr] = e.Number
	}
	allowed := s.executes()
	own := func(n int) (mask uint32) {
		for i := range s.plan.Compartments {
			if s.plan.Compartments[i].Executes.Has(n) {
				mask |= 1 << i
			}
		}
		return mask
	}
	inline := map[uint64]bool{}
	for _, e := range s.plan.Entries {
		inline[e.Addr] = inline[e.Addr] || e.Inline
	}
	for _, e := range s.plan.Entries {
		for _, other := range s.plan.Entries {
			if more := own(other.Number) &^ own(e.Number); other.Addr == e.Addr && more != 0 && !inline[e.Addr] {
				s.gap(more, e.Addr, e.Func, fmt.Errorf("calls of %s are not told from those of %s by PKRU", callName(e.Number), callName(other.Number)))
			}
		}
		err := error(errCold)
		var h *gatecode.Hook
		if !cold(e.Func) {
			h, err = s.hook(e.Addr, e.Size, e.Func)
		}
		if err != nil {
			s.gap(s.enforced(), e.Addr, e.Func, fmt.Errorf("calls of %s are not checked by PKRU: %w", callName(e.Number), err))
			continue
		}
		h.Executes, h.Check, h.Errno = allowed[e.Addr], true, e.Errno
		h.Call = cmp.Or(h.Call, callName(e.Number))
		h.NoReturn = h.NoReturn || e.Inline || slices.Contains(mustNotReturn, e.Number)
	}
}

// keyRules adds to the rules what is decided by keys.
func (s *sealing) keyRules(r *rules.Rules) {
	r.Keys = true
	for i := range r.Compartments {
		r.Compartments[i].PKRU = pku.Value(i)
	}
	for i := range r.Entries {
		if h := s.hooks[r.Entries[i].Addr]; h != nil && h.Check {
			r.Entries[i].Executes = h.Executes
		}
	}
}

// keyNotes says what was done, and what remains.
func (s *sealing) keyNotes() {
	add := func(format string, args ...any) {
		s.rep.Protected = append(s.rep.Protected, fmt.Sprintf(format, args...))
	}
	for _, x := range s.sites {
		switch {
		case x.Move:
			add("moved: the instruction at %#x, in %s, whose bytes change keys if control comes into their middle", x.At.Addr, x.Name)
		case x.Load:
			add("replaced: the xrstor at %#x, in %s", x.At.Addr, x.Name)
		default:
			add("replaced: the wrpkru at %#x, in %s", x.At.Addr, x.Name)
		}
	}
	for _, at := range s.wipes {
		name, _, _ := s.code.within(at)
		add("overwritten as keys are turned on: the instruction at %#x, in %s", at, name)
	}
	if s.opts.Protect {
		add("writable with memory key %d: the tag and the table of open gates", pku.Tag)
		add("writable by the compartment in which the image starts: page tables, which change as it runs")
	}
}
