package seal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
)

// A plan says how a file comes to have a program header for the segment.
type plan struct {
	drop   int // the program header that gives up its slot, -1 if the table grows
	moved  []moved
	stale  bool // what is dropped is the segment of an older seal
	words  []word
	extend bool // the table grows past the end of the file part of the segment that it is in
}

// moved are bytes that make room for the table: they go to the new segment. A program
// header or a section that has them follows.
type moved struct {
	off, vaddr, size, align uint64
	dynamic                 uint64 // offset in the file of the address in the dynamic section that follows too, 0 if none
}

// has reports whether a section moves too.
func (m *moved) has(s *shdr) bool {
	return s.size > 0 && s.flags&shfAlloc != 0 && s.typ != shtNull && s.typ != shtNobits && s.off >= m.off && s.end() <= m.off+m.size
}

// A word is an offset in the file of an address of what moved: in the dynamic section, or of a symbol.
type word struct {
	off   uint64
	moved int // index in plan.moved
}

// findRoom finds a slot for one more program header. The table stays where it is: the kernel
// and the loaders tell a program that its headers are at the start of its first segment,
// and kernels before 5.18 find it in no other place.
//
// In this order: the slot of an older seal; one that is not used; the slot of a PT_NOTE that has what PT_GNU_PROPERTY
// has (nothing reads the note where both exist: glibc's _dl_process_pt_note is for files
// without PT_GNU_PROPERTY); bytes behind the table that nothing uses; the bytes of .interp,
// of notes and of symbol tables behind the table, which move to the new segment. Code does not refer to
// these, it finds them by the program headers and the dynamic section.
func (f *file) findRoom() (*plan, error) {
	if pl, err := f.replace(); pl != nil || err != nil {
		return f.follow(pl), err
	}
	if i := slices.IndexFunc(f.phdrs, func(p phdr) bool { return p.typ == ptNull }); i >= 0 {
		return &plan{drop: i}, nil
	}
	for _, p := range f.phdrs {
		if p.typ != ptGNUProperty {
			continue
		}
		for i, n := range f.phdrs {
			if n.typ == ptNote && n.off == p.off && n.size == p.size && n.vaddr == p.vaddr && f.onlyProperties(&n) {
				return &plan{drop: i}, nil
			}
		}
	}
	pl, err := f.grow()
	return f.follow(pl), err
}

// onlyProperties reports whether a PT_NOTE has nothing but one note of NT_GNU_PROPERTY_TYPE_0.
func (f *file) onlyProperties(p *phdr) bool {
	const header, name, property = 12, 4, 5
	if !f.inFile(p) || p.size < header+name {
		return false
	}
	b := f.Data[p.off:p.end()]
	return le.Uint32(b) == name && le.Uint32(b[8:]) == property && string(b[header:header+name]) == "GNU\x00" &&
		roundUp(header+name+uint64(le.Uint32(b[4:])), 8) >= p.size
}

// grow makes the table longer by one.
func (f *file) grow() (*plan, error) {
	start := f.phoff + uint64(len(f.phdrs))*phdrLen
	end := start + phdrLen
	if end > uint64(len(f.Data)) || (len(f.phdrs)+1)*phdrLen > maxPhdrs {
		return nil, f.noRoom("the table can have no more entries")
	}
	pl := &plan{drop: -1}
	home, err := f.home(start, end)
	if err != nil {
		return nil, err
	}
	pl.extend = home.end() < end

	if pl.moved, err = f.movable(start, end); err != nil {
		return nil, err
	}
	if !f.covers(pl.moved, start, end, 16) {
		return nil, f.noRoom("the bytes behind the table are in use")
	}
	return pl, nil
}

// covers reports whether all bytes in a part of the file are those that move, or padding: zeros,
// which section headers have to confirm where there are as many as unsure in a row.
func (f *file) covers(all []moved, start, end, unsure uint64) bool {
	at := start
	for _, m := range append(slices.Clone(all), moved{off: end}) {
		if m.off > at && (f.sections == nil && m.off-at >= unsure || bytes.Count(f.Data[at:m.off], []byte{0}) != int(m.off-at)) {
			return false
		}
		at = max(at, m.off+m.size)
	}
	return true
}

// movable returns what has bytes in a part of the file, all of which must be able to move.
func (f *file) movable(start, end uint64) ([]moved, error) {
	var out []moved
	for _, p := range f.phdrs {
		if p.typ == ptLoad || p.typ == ptPhdr || p.size == 0 || !f.inFile(&p) || p.off >= end || p.end() <= start {
			continue
		}
		m := moved{off: p.off, vaddr: p.vaddr, size: p.size, align: max(p.align, 4)}
		if p.typ != ptInterp && p.typ != ptNote || p.off < start || p.size != p.memsz || m.align > 64 || m.align&(m.align-1) != 0 || !f.same(&p) {
			return nil, f.noRoom("what program header type %#x stands for is behind the table", p.typ)
		}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ == shtNull || s.off >= end || s.end() <= start || f.ours(s) {
			continue
		}
		if slices.ContainsFunc(out, func(m moved) bool { return s.off >= m.off && s.end() <= m.off+m.size }) {
			continue
		}
		entry := f.tableEntry(s)
		if entry == 0 || s.off < start {
			return nil, f.noRoom("section %q is behind the table", cstring(f.names, s.name))
		}
		out = append(out, moved{s.off, s.addr, s.size, 8, entry})
	}
	slices.SortFunc(out, func(a, b moved) int { return cmp.Compare(a.off, b.off) })
	for i := range out {
		if i > 0 && out[i-1].off+out[i-1].size > out[i].off {
			return nil, f.noRoom("notes behind the table overlap")
		}
	}
	return out, nil
}

// follow finds the addresses that have to follow what moved. A symbol moves with its section, and as far, whatever the
// address of that: section headers may contradict the program headers, and what they say of each other stays true.
func (f *file) follow(pl *plan) *plan {
	if pl == nil {
		return nil
	}
	for i, m := range pl.moved {
		if m.dynamic != 0 {
			pl.words = append(pl.words, word{m.dynamic, i})
		}
	}
	for _, s := range f.sections {
		if s.typ != shtSymtab || len(pl.moved) == 0 {
			continue
		}
		for at := s.off; at+symLen <= s.end(); at += symLen {
			section, value := le.Uint16(f.Data[at+symSection:]), le.Uint64(f.Data[at+symValue:])
			if section == 0 || int(section) >= len(f.sections) {
				continue
			}
			of := &f.sections[section]
			if value < of.addr || value-of.addr > of.size {
				continue
			}
			if i := slices.IndexFunc(pl.moved, func(m moved) bool { return m.has(of) }); i >= 0 {
				pl.words = append(pl.words, word{at + symValue, i})
			}
		}
	}
	return pl
}

// ours reports whether a section is one of a seal.
func (f *file) ours(s *shdr) bool {
	name := cstring(f.names, s.name)
	return s.typ == shtProgbits && (name == codeSection || name == dataSection)
}

// replace finds the slot of a seal that is not in force any more: what strip and others make of a sealed
// program gets a new seal in place of the old one. It is nil if there is none.
func (f *file) replace() (*plan, error) {
	for i, p := range f.phdrs {
		if p.typ != ptLoad || p.size < headLen || p.flags&pfX != 0 || string(f.Data[p.off:][:len(magic)]) != magic || le.Uint32(f.Data[p.off+headVersion:]) != Version {
			continue
		}
		own := le.Uint64(f.Data[p.off+headSize:])
		if own < headLen || own > p.size {
			continue
		}
		if sum := sha256.Sum256(f.Data[p.off+headLen : p.off+own]); !bytes.Equal(sum[:], f.Data[p.off+headSum:][:len(sum)]) {
			continue
		}
		all, err := f.movable(p.off+own, p.end())
		if err == nil && f.sections == nil && !f.covers(all, p.off+own, p.end(), page) {
			err = f.errorf("the segment of its older seal has bytes that belong to nothing known; seal the original")
		}
		return &plan{drop: i, moved: all, stale: true}, err
	}
	return nil, nil
}

func (f *file) noRoom(format string, args ...any) error {
	return f.errorf("no room for a program header: "+format+"; linking the program again with -z separate-code makes room", args...)
}

// home returns the PT_LOAD that the table is in. It must hold, or be able to grow to hold,
// the table's new end.
func (f *file) home(start, end uint64) (*phdr, error) {
	var home *phdr
	for i := range f.phdrs {
		p := &f.phdrs[i]
		switch {
		case p.typ != ptLoad:
		case p.off <= f.phoff && start <= p.end():
			home = p
		case p.off < end && p.end() > start:
			return nil, f.noRoom("the next segment begins behind the table")
		}
	}
	if home == nil {
		return nil, f.noRoom("the table is in no segment")
	}
	if home.end() < end && (home.size != home.memsz || f.mapped(home.vaddr+home.size, home.vaddr+(end-home.off))) {
		return nil, f.noRoom("the segment of the table ends behind it")
	}
	return home, nil
}

// tables are the sections that code finds by the dynamic section alone: their types, and the tags.
var tables = map[uint32]uint64{
	shtHash: dtHash, shtGNUHash: dtGNUHash, shtDynsym: dtSymtab, shtGNUVersym: dtVersym,
}

// tableEntry returns the offset in the file of the address by which the dynamic section names a
// section, if that is one of tables; else 0.
func (f *file) tableEntry(s *shdr) uint64 {
	tag := tables[s.typ]
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

// inFile reports whether the bytes of a header are in the file. What has others is nothing that a loader uses.
func (f *file) inFile(p *phdr) bool { return inside(p.off, p.size, uint64(len(f.Data))) }

// same reports whether the bytes of a header in the file are those in memory.
func (f *file) same(p *phdr) bool {
	b := f.Bytes(p.vaddr)
	return uint64(len(b)) >= p.size && f.inFile(p) && bytes.Equal(b[:p.size], f.Data[p.off:p.end()])
}

// cstring returns a name in a string table.
func cstring(tab []byte, at uint32) string {
	if uint64(at) >= uint64(len(tab)) {
		return ""
	}
	s, _, _ := bytes.Cut(tab[at:], []byte{0})
	return string(s)
}
