package image

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// SectionData returns the bytes of a section by name, whether or not it is
// loaded (debug information is not): nil if there is none with contents, or if
// it is compressed. Of several the first.
func (f *File) SectionData(name string) []byte {
	for i := range f.shdrs {
		h := &f.shdrs[i]
		if h.typ == shtNobits || h.typ == 0 || h.flags&shfCompressed != 0 || shortStr(f.shstrs, uint64(h.name)) != name {
			continue
		}
		b, _ := slice(f.Data, h.off, h.size)
		return b
	}
	return nil
}

// HasSymtab reports whether the file has the symbols that stripping removes.
func (f *File) HasSymtab() bool { return f.fullSym.len() > 1 }

// FullSymbol is an entry of .symtab.
type FullSymbol struct {
	Name        string
	Value, Size uint64
	Type, Bind  uint8
	Shndx       uint16
}

// FullSymbols calls yield with the entries of .symtab in their order (in which an
// STT_FILE comes before the local symbols of its file) until it returns false.
func (f *File) FullSymbols(yield func(FullSymbol) bool) { f.fullSym.each(yield) }

func (t *symTable) each(yield func(FullSymbol) bool) {
	for i, n := 1, t.len(); i < n; i++ {
		s := t.at(i)
		if !yield(FullSymbol{shortStr(t.strs, uint64(s.name)), s.value, s.size, s.typ(), s.bind(), s.shndx}) {
			return
		}
	}
}

// InFunc reports whether addr is inside of a function that a symbol gives an extent
// to, and not at its start.
func (f *File) InFunc(addr uint64) bool {
	f.extents.once.Do(func() { f.extents.list = f.funcExtents() })
	l := f.extents.list
	i := sort.Search(len(l), func(i int) bool { return l[i].Start >= addr }) - 1
	return i >= 0 && addr < l[i].End
}

// FuncExtent returns the extent of the function around addr that a symbol gives, an
// empty one if there is none.
func (f *File) FuncExtent(addr uint64) Range {
	f.extents.once.Do(func() { f.extents.list = f.funcExtents() })
	l := f.extents.list
	i := sort.Search(len(l), func(i int) bool { return l[i].Start > addr }) - 1
	if i < 0 || addr >= l[i].End {
		return Range{}
	}
	return l[i]
}

// funcExtents returns the extents of functions, each cut where the next begins.
func (f *File) funcExtents() []Range {
	var out []Range
	for _, t := range []*symTable{&f.symtab, &f.fullSym} {
		for i, n := 0, t.len(); i < n; i++ {
			if s := t.at(i); s.shndx != 0 && s.typ() == STTFunc && s.size > 0 && s.size < maxAddr && f.Exec(s.value) {
				out = append(out, Range{s.value, s.value + s.size})
			}
		}
	}
	slices.SortFunc(out, func(a, b Range) int { return cmp.Or(cmpU64(a.Start, b.Start), cmpU64(b.End, a.End)) })
	out = slices.CompactFunc(out, func(a, b Range) bool { return a.Start == b.Start })
	for i := range out[:max(len(out)-1, 0)] {
		out[i].End = min(out[i].End, out[i+1].Start)
	}
	return out
}

// Object is a relocatable object (ET_REL) as the linker reads it: its sections and
// symbols. What it is used for needs no relocations.
type Object struct {
	Path     string
	Sections []ObjectSection // by index
	data     []byte
	mapped   []byte
	symtab   symTable
}

// ObjectSection is a section of an object.
type ObjectSection struct {
	Name     string
	Size     uint64
	Alloc, X bool
}

// OpenObject maps and reads an object. Errors are *FormatError,
// *UnsupportedError, or a *fs.PathError from the system.
func OpenObject(path string) (*Object, error) {
	data, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	o, err := ParseObject(path, data)
	if err != nil {
		unmap(data)
		return nil, err
	}
	o.mapped = data
	return o, nil
}

// ParseObject is OpenObject over bytes, which it borrows.
func ParseObject(path string, data []byte) (*Object, error) {
	f := &File{Path: path, Data: data} // for its errors
	if len(data) < ehdrSize || string(data[:4]) != "\x7fELF" {
		return nil, f.truncated("header", "truncated, or no ELF file")
	}
	if data[4] != 2 || data[5] != 1 || le16(data[18:]) != emX86_64 {
		return nil, f.unsupported("another machine than x86-64")
	}
	if le16(data[16:]) != etRel {
		return nil, f.bad("header", "file type %d is not that of a relocatable object", le16(data[16:]))
	}
	hs, strs, ok := readShdrs(data)
	if !ok {
		return nil, f.truncated("section headers", "truncated or broken")
	}
	o := &Object{Path: path, data: data}
	for i := range hs {
		h := &hs[i]
		o.Sections = append(o.Sections, ObjectSection{
			Name: shortStr(strs, uint64(h.name)), Size: h.size,
			Alloc: h.flags&shfAlloc != 0, X: h.flags&shfExecinstr != 0,
		})
	}
	if o.symtab, _, ok = findSymtab(data, hs, shtSymtab); !ok {
		return nil, f.bad("symbols", "there are none: the object is stripped")
	}
	return o, nil
}

// Symbols is FullSymbols of an object: values are offsets in their sections.
func (o *Object) Symbols(yield func(FullSymbol) bool) { o.symtab.each(yield) }

// Close unmaps the object. No name that it returned may be used afterwards.
func (o *Object) Close() error {
	err := unmap(o.mapped)
	o.mapped, o.data, o.symtab = nil, nil, symTable{}
	return err
}

// IsMultiboot32 reports whether data is an ELF32 i386 executable that holds a
// 64-bit kernel, as boot loaders want it.
func IsMultiboot32(path string) (bool, error) {
	data, err := mapFile(path)
	if err != nil {
		return false, err
	}
	defer unmap(data)
	if len(data) < 52 || !strings.HasPrefix(string(data[:4]), "\x7fELF") || data[4] != 1 || le16(data[18:]) != em386 {
		return false, nil
	}
	// Multiboot 0.6.96, section 3.1.1: in the first 8192 bytes, on a boundary of four; magic, flags and checksum are 0 in sum.
	for head := data[:min(len(data), 8192)&^3]; len(head) >= 12; head = head[4:] {
		if m := le32(head); m == 0x1badb002 && m+le32(head[4:])+le32(head[8:]) == 0 {
			return true, nil
		}
	}
	return false, nil
}
