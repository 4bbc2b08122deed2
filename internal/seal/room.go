package seal

import (
	"bytes"
	"cmp"
	"slices"
)

// A plan says how a file comes to have a program header for the segment.
type plan struct {
	drop   int // the program header that gives up its slot, -1 if the table grows
	moved  []moved
	extend bool // the table grows past the end of the file part of the segment that it is in
}

// moved are bytes that make room for the table: they go to the new segment. A program
// header or a section that has them follows.
type moved struct {
	off, vaddr, size, align uint64
	dynamic                 uint64 // offset in the file of the address in the dynamic section that follows too, 0 if none
}

// findRoom finds a slot for one more program header. The table stays where it is: the kernel
// and the loaders tell a program that its headers are at the start of its first segment,
// and kernels before 5.18 find it in no other place.
//
// In this order: a slot that is not used; the slot of a PT_NOTE that has what PT_GNU_PROPERTY
// has (nothing reads the note where both exist: glibc's _dl_process_pt_note is for files
// without PT_GNU_PROPERTY); bytes behind the table that nothing uses; the bytes of .interp,
// of notes and of the symbol hash tables behind the table, which move to the new segment. Code does not refer to
// these, it finds them by the program headers and the dynamic section.
func (f *file) findRoom() (*plan, error) {
	if i := slices.IndexFunc(f.phdrs, func(p phdr) bool { return p.typ == ptNull }); i >= 0 {
		return &plan{drop: i}, nil
	}
	for _, p := range f.phdrs {
		if p.typ != ptGNUProperty {
			continue
		}
		for i, n := range f.phdrs {
			if n.typ == ptNote && n.off == p.off && n.size == p.size && n.vaddr == p.vaddr {
				return &plan{drop: i}, nil
			}
		}
	}
	return f.grow()
}

// grow makes the table longer by one.
func (f *file) grow() (*plan, error) {
	const why = "no room for a program header: "
	start := f.phoff + uint64(len(f.phdrs))*phdrLen
	end := start + phdrLen
	if end > uint64(len(f.Data)) || (len(f.phdrs)+1)*phdrLen > maxPhdrs {
		return nil, f.errorf(why + "the table can have no more entries")
	}
	pl := &plan{drop: -1}
	home, err := f.home(start, end)
	if err != nil {
		return nil, err
	}
	pl.extend = home.end() < end

	// All that has bytes in [start, end) must be able to move.
	for _, p := range f.phdrs {
		if p.typ == ptLoad || p.typ == ptPhdr || p.size == 0 || p.off >= end || p.end() <= start {
			continue
		}
		m := moved{off: p.off, vaddr: p.vaddr, size: p.size, align: max(p.align, 4)}
		if p.typ != ptInterp && p.typ != ptNote || p.off < start || p.size != p.memsz || m.align > 64 || m.align&(m.align-1) != 0 || !f.same(&p) {
			return nil, f.errorf(why+"what program header type %#x stands for is behind the table", p.typ)
		}
		if !slices.Contains(pl.moved, m) {
			pl.moved = append(pl.moved, m)
		}
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ == shtNull || s.off >= end || s.end() <= start {
			continue
		}
		if slices.ContainsFunc(pl.moved, func(m moved) bool { return s.off >= m.off && s.end() <= m.off+m.size }) {
			continue
		}
		entry := f.hashEntry(s)
		if entry == 0 || s.off < start {
			return nil, f.errorf(why+"section %q is behind the table", cstring(f.names, s.name))
		}
		pl.moved = append(pl.moved, moved{s.off, s.addr, s.size, 8, entry})
	}
	slices.SortFunc(pl.moved, func(a, b moved) int { return cmp.Compare(a.off, b.off) })
	// Between them is padding, which section headers have to confirm where it is long.
	at := start
	for _, m := range append(slices.Clone(pl.moved), moved{off: end}) {
		if m.off < at && at != end && m.off != end {
			return nil, f.errorf(why + "notes behind the table overlap")
		}
		if m.off > at && (f.sections == nil && m.off-at >= 16 || bytes.Count(f.Data[at:m.off], []byte{0}) != int(m.off-at)) {
			return nil, f.errorf(why + "the bytes behind the table are in use")
		}
		at = max(at, m.off+m.size)
	}
	return pl, nil
}

// home returns the PT_LOAD that the table is in. It must hold, or be able to grow to hold,
// the table's new end.
func (f *file) home(start, end uint64) (*phdr, error) {
	const why = "no room for a program header: "
	var home *phdr
	for i := range f.phdrs {
		p := &f.phdrs[i]
		switch {
		case p.typ != ptLoad:
		case p.off <= f.phoff && start <= p.end():
			home = p
		case p.off < end && p.end() > start:
			return nil, f.errorf(why + "the next segment begins behind the table")
		}
	}
	if home == nil {
		return nil, f.errorf(why + "the table is in no segment")
	}
	if home.end() < end && (home.size != home.memsz || f.mapped(home.vaddr+home.size, home.vaddr+(end-home.off))) {
		return nil, f.errorf(why + "the segment of the table ends behind it")
	}
	return home, nil
}

// hashEntry returns the offset in the file of the address by which the dynamic section names a
// section, if that is a hash table of symbols; else 0.
func (f *file) hashEntry(s *shdr) uint64 {
	tag := map[uint32]uint64{shtHash: dtHash, shtGNUHash: dtGNUHash}[s.typ]
	p := &phdr{off: s.off, vaddr: s.addr, size: s.size}
	if tag == 0 || s.flags&shfAlloc == 0 || !f.same(p) {
		return 0
	}
	var entry uint64 // the last one counts, as in the loaders
	for _, d := range f.phdrs {
		if d.typ != ptDynamic || !f.same(&d) {
			continue
		}
		for at := d.off; at+16 <= d.end() && le.Uint64(f.Data[at:]) != 0; at += 16 {
			if le.Uint64(f.Data[at:]) == tag {
				entry = at + 8
			}
		}
	}
	if entry == 0 || le.Uint64(f.Data[entry:]) != s.addr {
		return 0
	}
	return entry
}

// mapped reports whether a segment has memory in [from, to).
func (f *file) mapped(from, to uint64) bool {
	for i := range f.Segments {
		if s := &f.Segments[i]; s.Addr < to && s.End() > from {
			return true
		}
	}
	return false
}

// same reports whether the bytes of a header in the file are those in memory.
func (f *file) same(p *phdr) bool {
	b := f.Bytes(p.vaddr)
	return uint64(len(b)) >= p.size && bytes.Equal(b[:p.size], f.Data[p.off:p.end()])
}

// cstring returns a name in a string table.
func cstring(tab []byte, at uint32) string {
	if uint64(at) >= uint64(len(tab)) {
		return ""
	}
	s, _, _ := bytes.Cut(tab[at:], []byte{0})
	return string(s)
}
