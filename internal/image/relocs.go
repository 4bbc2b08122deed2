package image

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sort"
)

func (f *File) parseRelocs() error {
	t := &f.dyn
	var tabs [][]byte
	add := func(where string, tb table) error {
		if tb.size == 0 || tb.addr == 0 {
			return nil
		}
		b := f.Bytes(tb.addr)
		if tb.size > uint64(len(b)) {
			return f.truncated(where, fmt.Sprintf("%#x bytes at %#x are not in the file", tb.size, tb.addr))
		}
		tabs = append(tabs, b[:tb.size-tb.size%relaSize])
		return nil
	}
	if f.HasDynamic {
		// DT_RELASZ may include the PLT's part when that comes last.
		rela, plt := t.rela, t.jmprel
		if plt.addr >= rela.addr && plt.addr-rela.addr < rela.size && plt.size <= rela.size-(plt.addr-rela.addr) {
			plt.size = 0
		}
		if err := add("DT_RELA", rela); err != nil {
			return err
		}
		if err := add("DT_JMPREL", plt); err != nil {
			return err
		}
	} else {
		for i := range f.Sections {
			if s := &f.Sections[i]; s.Type == shtRela {
				if err := add(s.Name, table{s.Start, s.End - s.Start}); err != nil {
					return err
				}
			}
		}
	}
	n := 0
	for _, b := range tabs {
		n += len(b) / relaSize
	}
	// RELR entries are counted before they are expanded, so that a bomb costs nothing.
	var relr []byte
	if f.HasDynamic && t.relr.size != 0 {
		b := f.Bytes(t.relr.addr)
		if t.relr.size > uint64(len(b)) {
			return f.truncated("DT_RELR", fmt.Sprintf("%#x bytes at %#x are not in the file", t.relr.size, t.relr.addr))
		}
		relr = b[:t.relr.size-t.relr.size%8]
		m := countRelr(relr)
		if m > len(f.Data)/8 {
			return f.bad("DT_RELR", "%d relocations, more than the file has words", m)
		}
		n += m
	}
	if n == 0 {
		return nil
	}
	rs := make([]Reloc, 0, n)
	for _, b := range tabs {
		for ; len(b) >= relaSize; b = b[relaSize:] {
			info := le64(b[8:])
			rs = append(rs, Reloc{Addr: le64(b), Addend: le64(b[16:]), Type: uint32(info), Sym: uint32(info >> 32)})
		}
	}
	rs, bad := f.expandRelr(rs, relr)
	if bad != 0 {
		return f.bad("DT_RELR", "the word at %#x is not in the file", bad&^1)
	}
	sortByAddr(rs, func(r *Reloc) uint64 { return r.Addr })
	f.Relocs = rs
	if f.DynFlags&DFTextrel != 0 {
		f.applyTextrel()
	}
	return nil
}

func countRelr(b []byte) (n int) {
	for ; len(b) >= 8; b = b[8:] {
		if e := le64(b); e&1 == 0 {
			n++
		} else {
			n += bits.OnesCount64(e >> 1)
		}
	}
	return n
}

// expandRelr appends the relocations of a RELR table (gABI proposal "Relative
// relocation table": an even word is an address, an odd one a bitmap of the 63
// words that follow). bad is an address that is not file-backed.
func (f *File) expandRelr(rs []Reloc, b []byte) (out []Reloc, bad uint64) {
	var base uint64
	var mem []byte // bytes from memAt
	var memAt uint64
	add := func(a uint64) bool {
		o := a - memAt
		if o >= uint64(len(mem)) || uint64(len(mem))-o < 8 {
			mem, memAt, o = f.Bytes(a), a, 0
			if len(mem) < 8 {
				return false
			}
		}
		rs = append(rs, Reloc{Addr: a, Addend: le64(mem[o:]), Type: RX8664Relative})
		return true
	}
	for ; len(b) >= 8; b = b[8:] {
		e := le64(b)
		if e&1 == 0 {
			if !add(e) {
				return nil, e | 1
			}
			base = e + 8
			continue
		}
		for a := base; e > 1; a += 8 {
			e >>= 1
			if e&1 != 0 && !add(a) {
				return nil, a | 1
			}
		}
		base += 63 * 8
	}
	return rs, 0
}

// applyTextrel replaces the segments' bytes by copies in which the relative
// relocations have been made, as code in them is only then what will run.
func (f *File) applyTextrel() {
	for i := range f.loads {
		l := &f.loads[i]
		l.data = slices.Clone(l.data)
	}
	for i := range f.Relocs {
		r := &f.Relocs[i]
		if r.Type != RX8664Relative {
			continue
		}
		if b := f.Bytes(r.Addr); len(b) >= 8 {
			binary.LittleEndian.PutUint64(b, r.Addend)
		}
	}
}

// RelocsIn returns the relocations at addresses in [start, end).
func (f *File) RelocsIn(start, end uint64) []Reloc {
	rs := f.Relocs
	i := sort.Search(len(rs), func(i int) bool { return rs[i].Addr >= start })
	rs = rs[i:]
	if len(rs) == 0 || rs[0].Addr >= end {
		return nil
	}
	j := sort.Search(len(rs), func(i int) bool { return rs[i].Addr >= end })
	return rs[:j]
}

// pointer returns the address that the word at addr holds once relocated at
// link base 0, as far as this file alone can tell.
func (f *File) pointer(addr uint64) (uint64, bool) {
	if rs := f.RelocsIn(addr, addr+1); len(rs) > 0 {
		r := rs[len(rs)-1]
		switch r.Type {
		case RX8664Relative:
			return r.Addend, true
		case RX866464:
			if s := f.Symbol(int(r.Sym)); s.Shndx != 0 {
				return s.Value + r.Addend, true
			}
		}
		return 0, false
	}
	if b := f.Bytes(addr); len(b) >= 8 {
		return le64(b), true
	}
	return 0, false
}
