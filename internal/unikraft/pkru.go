package unikraft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/gates"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Compartments that memory keys separate, as FlexOS numbers them: compartment n has key n, and PKRU
// closes all keys in it but that one and the last.
const (
	keyShared = 15
	keyTag    = 14 // of the data of gates, which no compartment has open
	pkruAll   = 0x3fffffff

	pteUser, pteKey, pteNX = 4, 59, 1 << 63
)

// pkru is the value of PKRU in the compartment with number n.
func pkru(n int) uint32 { return pkruAll &^ (3 << (2 * n)) }

// PKRUs are the values of n compartments.
func PKRUs(n int) (values []uint32) {
	for i := range n {
		values = append(values, pkru(i))
	}
	return values
}

// A Sequence is bytes of the image in executable memory that change what memory keys allow when they are executed, be they an
// instruction of the program, or a part of one or of several.
type Sequence struct {
	Addr    uint64
	What    string // the instruction
	Func    string // where it lies, "" if no symbol says so
	Aligned bool   // the program executes it itself: an instruction starts there
	Checked bool   // wrpkru that is followed by a comparison with PKRU's value in a compartment: a gate
	To      int    // that compartment
}

// Sequences returns all such bytes at any offset, by address: wrpkru, xrstor and xrstors, and moves to the registers that
// turn keys, page tables and write protection on and off (Intel SDM volume 2).
func (c *code) sequences(values []uint32) []Sequence {
	var out []Sequence
	nx, _ := c.noExecute()
	for i := range c.f.segments {
		g := &c.f.segments[i]
		if g.typ != ptLoad || g.flags&flagX == 0 && !c.runs(g.vaddr, g.filesz, nx) {
			continue
		}
		data := c.f.elf[g.off:][:g.filesz]
		for at := 0; at+3 <= len(data); at++ {
			if data[at] != 0x0f {
				continue
			}
			what := ""
			switch mod, reg := data[at+2]>>6, data[at+2]>>3&7; {
			case data[at+1] == 0x01 && data[at+2] == 0xef:
				what = "wrpkru"
			case data[at+1] == 0xae && reg == 5 && mod != 3:
				what = "xrstor"
			case data[at+1] == 0xc7 && reg == 3 && mod != 3:
				what = "xrstors"
			case data[at+1] == 0x22 && (reg == 0 || reg == 3 || reg == 4):
				what = fmt.Sprintf("mov to cr%d", reg)
			default:
				continue
			}
			s := Sequence{Addr: g.vaddr + uint64(at), What: what}
			s.Func, s.Aligned = c.within(s.Addr)
			if what == "wrpkru" {
				s.To, s.Checked = checked(data[at+3:], values)
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Sequence) int { return cmp.Compare(a.Addr, b.Addr) })
	return out
}

// noExecute returns the pages of 4 KiB that the boot page table lets nobody execute, and whether it lets pages be both written and executed.
func (c *code) noExecute() (pages map[uint64]bool, both bool) {
	pages = map[uint64]bool{}
	top, ok := c.byName[bootTable]
	if !ok {
		return pages, true
	}
	c.f.walk(top.Addr, func(e pte) {
		switch v := e.value(); {
		case v&ptePresent == 0 || e.isTable():
		case v&pteNX == 0:
			both = both || v&pteWrite != 0
		case e.level == 1:
			pages[e.virtual] = true
		}
	})
	return pages, both
}

// runs reports whether bytes in memory can be executed, some of them.
func (c *code) runs(addr, size uint64, nx map[uint64]bool) bool {
	for p := addr &^ 4095; p < addr+size; p += 4096 {
		if !nx[p] {
			return true
		}
	}
	return false
}

// checked reports whether code behind a wrpkru starts with a comparison of %eax with a compartment's value, and a jump if it is
// another.
func checked(after []byte, values []uint32) (int, bool) {
	if len(after) < 7 || after[0] != 0x3d || after[5] != 0x75 && (after[5] != 0x0f || after[6] != 0x85) {
		return 0, false
	}
	i := slices.Index(values, le.Uint32(after[1:]))
	return max(i, 0), i >= 0
}

// within returns the function around addr, and whether one of its instructions starts there.
func (c *code) within(addr uint64) (name string, aligned bool) {
	i, ok := slices.BinarySearchFunc(c.starts, addr, func(s Symbol, a uint64) int { return cmp.Compare(s.Addr, a) })
	if !ok {
		i--
	}
	if i < 0 || addr-c.starts[i].Addr >= max(c.size(c.starts[i].Addr), 1) {
		return "", false
	}
	c.function(c.starts[i].Addr, func(in *x86.Inst) bool {
		// A prefix belongs to the instruction, so that it is enough that the sequence is the rest of one that has no other.
		if end := in.PC + uint64(in.Len); addr >= in.PC && addr < end {
			b := c.f.Bytes(in.PC)
			aligned = addr-in.PC <= 1 && (addr == in.PC || b[0]&0xf0 == 0x40)
		}
		return in.PC < addr
	})
	return c.starts[i].Name, aligned
}

// keyGaps names the sequences that no gate is: who jumps to one gets the rights of another compartment, or all.
func (s *sealing) keyGaps() {
	if _, both := s.code.noExecute(); both {
		s.gap(s.enforced()&^s.first, 0, "", errors.New("its boot page table lets memory be written and executed: who does so has all keys"))
	}
	values := PKRUs(len(s.plan.Compartments))
	for _, q := range s.code.sequences(values) {
		switch {
		case q.Checked:
			continue
		case q.Aligned:
			s.gap(s.enforced()&^s.first, q.Addr, q.Func, fmt.Errorf("who jumps to its %s has all keys", q.What))
		default:
			s.gap(s.enforced()&^s.first, q.Addr, q.Func, fmt.Errorf("who jumps into its bytes, which are a %s there, has all keys", q.What))
		}
	}
}

// keyStacks returns where gates between compartments take the other's stack: right behind the comparison that follows wrpkru. They
// come back to the first one, and the thread is the same.
func (s *sealing) keyStacks() map[uint64]bool {
	at := map[uint64]bool{}
	for _, q := range s.code.sequences(PKRUs(len(s.plan.Compartments))) {
		if q.Checked {
			jump := s.code.f.Bytes(q.Addr + 8)
			at[q.Addr+8+map[bool]uint64{true: 2, false: 6}[jump[0] == 0x75]] = true
		}
	}
	return at
}

// executes sets, for each entry, the mask of the compartments whose code may call it: those that make the call themselves, and
// those that make one whose code calls it, through functions that it calls directly.
func (s *sealing) executes() map[uint64]uint32 {
	mask := map[uint64]uint32{}
	for _, e := range s.plan.Entries {
		for i := range s.plan.Compartments {
			if c := &s.plan.Compartments[i]; c.Transparent || c.Executes.Has(e.Number) {
				mask[e.Addr] |= 1 << i
			}
		}
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
	for _, e := range s.plan.Entries {
		for _, other := range s.plan.Entries {
			if more := own(other.Number) &^ own(e.Number); other.Addr == e.Addr && more != 0 {
				s.gap(more, e.Addr, e.Func, fmt.Errorf("calls of %s are not told from those of %s by PKRU", callName(e.Number), callName(other.Number)))
			}
		}
		err := error(errCold)
		var h *gates.Hook
		if !cold(e.Func) {
			h, err = s.hook(e.Addr, e.Size, e.Func)
		}
		if err != nil {
			s.gap(s.enforced(), e.Addr, e.Func, fmt.Errorf("calls of %s are not checked by PKRU: %w", callName(e.Number), err))
			continue
		}
		h.Executes, h.Check, h.Errno = allowed[e.Addr], true, e.Errno
		h.Call = cmp.Or(h.Call, callName(e.Number))
		h.NoReturn = h.NoReturn || slices.Contains(mustNotReturn, e.Number)
	}
}

var errKeys = errors.New("its pages have no memory keys")

// mapKeys gives the pages of data the key of the tag, and maps the first of them a second time at alias, for all to read.
func (s *sealing) mapKeys(files []*File, data, alias uint64) error {
	top, ok := s.code.byName[bootTable]
	if !ok {
		return files[0].errorf(errKeys, "has no static boot page table (%s), in which memory keys could be set", bootTable)
	}
	for _, f := range files {
		n := uint64(0)
		var err error
		f.walk(top.Addr, func(e pte) {
			v := e.value()
			key := v >> pteKey & 15
			inside := data < e.virtual+1<<(12+9*(e.level-1)) && e.virtual <= alias
			switch {
			case v&ptePresent == 0:
			case !e.isTable() && !inside && data < e.maps()+1<<(12+9*(e.level-1)) && e.maps() < alias:
				err = f.errorf(errKeys, "maps the memory of the tag a second time, at %#x, with another key", e.virtual)
			case !e.isTable() && key == keyTag:
				err = f.errorf(errKeys, "uses memory key %d itself, at %#x", keyTag, e.virtual)
			case inside && v&pteUser == 0:
				err = f.errorf(errKeys, "has a page table that heeds no memory keys at %#x: the pages are not those of users", e.virtual)
			case inside && !e.isTable() && e.level > 1:
				err = f.errorf(errKeys, "maps %#x by a large page, which memory keys cannot divide", e.virtual)
			case inside && e.level == 1:
				n++
				key, to := uint64(keyTag), e.virtual|v&0xfff
				if e.virtual == alias {
					key, to = keyShared, data|v&0xfff&^pteWrite
				}
				le.PutUint64(e.bytes, to|key<<pteKey)
			}
		})
		if err == nil && n != (alias-data)/4096+1 {
			err = f.errorf(errKeys, "has a boot page table that does not map %#x", data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keyRules adds to the rules what is decided by keys.
func (s *sealing) keyRules(r *rules.Rules) {
	r.Keys = true
	for i := range r.Compartments {
		r.Compartments[i].PKRU = pkru(i)
	}
	for i := range r.Entries {
		if h := s.hooks[r.Entries[i].Addr]; h != nil && h.Check {
			r.Entries[i].Executes = h.Executes
		}
	}
}
