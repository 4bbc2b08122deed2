package unikraft

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// MaxSize is the largest file that is read.
const MaxSize = 1 << 30

// Errors that callers test.
var (
	ErrNotUnikernel = errors.New("not a unikernel image")
	ErrTruncated    = errors.New("truncated")
	ErrNoSymbols    = errors.New("no symbols")
	ErrSealed       = errors.New("already sealed")
)

// FileError says what is wrong with which file. Problem ends with what to do, after a semicolon, if something can be done.
type FileError struct {
	Path, Problem string
	Err           error
}

func (e *FileError) Error() string { return e.Path + ": " + e.Problem }
func (e *FileError) Unwrap() error { return e.Err }

func (f *File) errorf(err error, format string, args ...any) error {
	return &FileError{f.Path, fmt.Sprintf(format, args...), err}
}

// File is an image whose bytes can be changed: an ELF64 file, with or without 32-bit headers around it.
type File struct {
	Path     string
	Wrapped  bool // with 32-bit headers
	elf      []byte
	segments []segment
	sections []section
	shstrndx int
	headers  []byte // as they were read: the ELF header, and behind it the program headers
}

// segment is a program header.
type segment struct {
	typ, flags                               uint32
	off, vaddr, paddr, filesz, memsz, palign uint64
}

// section is a section header.
type section struct {
	name                   string
	nameOff, typ           uint32
	flags, addr, off, size uint64
	link, info             uint32
	addralign, entsize     uint64
}

// Symbol is a symbol of the image's symbol table.
type Symbol struct {
	Name       string
	Addr, Size uint64
	Type       byte // STT_*
	Section    uint16
	Local      bool
}

// Types of headers and symbols (gABI).
const (
	ptLoad, ptTLS                                      = 1, 7
	flagX, flagW, flagR                                = 1, 2, 4
	shtProgbits, shtSymtab, shtStrtab, shtNobits       = 1, 2, 3, 8
	shfWrite, shfAlloc, shfExec                        = 1, 2, 4
	sttNoType, sttObject, sttFunc, sttTLS, sttGNUIFunc = 0, 1, 2, 6, 10
)

// Open reads an image.
func Open(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &FileError{path, "is not a regular file", ErrNotUnikernel}
	}
	if info.Size() > MaxSize {
		return nil, &FileError{path, fmt.Sprintf("is larger than %d bytes", MaxSize), ErrNotUnikernel}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse is Open over bytes, which it keeps and later changes.
func Parse(path string, data []byte) (*File, error) {
	f := &File{Path: path, elf: data}
	if inner, ok := unwrap(data); ok {
		f.elf, f.Wrapped = inner, true
	}
	switch {
	case len(data) < 4 || string(data[:4]) != "\x7fELF":
		return nil, f.errorf(ErrNotUnikernel, "is not an ELF file; give the image that a build of Unikraft leaves")
	case len(f.elf) < ehdr64:
		return nil, f.errorf(ErrTruncated, "ends within its ELF header")
	case wrappedSize(data) > uint64(len(data)):
		return nil, f.errorf(ErrTruncated, "is cut or damaged: by its 32-bit headers it has %d bytes, and there are %d", wrappedSize(data), len(data))
	case f.elf[4] != 2 || le.Uint16(f.elf[18:]) != 62:
		return nil, f.errorf(ErrNotUnikernel, "is not for x86-64, and has no 64-bit image in it")
	case le.Uint16(f.elf[16:]) != 2:
		return nil, f.errorf(ErrNotUnikernel, "is not linked to a fixed address (ELF type %d), so it is no unikernel, or one that moves at boot, which is not supported; give the image that a build of Unikraft leaves", le.Uint16(f.elf[16:]))
	}
	phoff, phnum, shoff, shnum, err := tables64(f.elf)
	if err != nil {
		return nil, f.errorf(ErrTruncated, "is cut or damaged: %v", err)
	}
	f.headers = slices.Concat(f.elf[:ehdr64], f.elf[phoff:][:phnum*phdr64])
	size := uint64(len(f.elf))
	for i := range phnum {
		p := f.elf[phoff+uint64(i)*phdr64:]
		s := segment{le.Uint32(p), le.Uint32(p[4:]), le.Uint64(p[8:]), le.Uint64(p[16:]), le.Uint64(p[24:]), le.Uint64(p[32:]), le.Uint64(p[40:]), le.Uint64(p[48:])}
		if s.typ == ptLoad {
			if s.off > size || size-s.off < s.filesz {
				return nil, f.errorf(ErrTruncated, "is cut: segment %d is to have %d bytes at %#x of the file, which has %d", i, s.filesz, s.off, size)
			}
			if s.filesz > s.memsz || s.vaddr >= 1<<47 || s.memsz > 1<<40 {
				return nil, f.errorf(ErrTruncated, "is damaged: segment %d has impossible sizes", i)
			}
		}
		f.segments = append(f.segments, s)
	}
	if f.sections, f.shstrndx = readSections(f.elf, shoff, shnum); f.sections == nil {
		f.shstrndx = 0
	}
	if !slices.ContainsFunc(f.segments, func(s segment) bool { return s.typ == ptLoad && s.memsz > 0 }) {
		return nil, f.errorf(ErrNotUnikernel, "loads nothing")
	}
	return f, nil
}

// check reports whether a file is an image of Unikraft with symbols.
func (f *File) check() error {
	if i, _ := f.symtab(); i == 0 {
		return f.errorf(ErrNoSymbols, "has no symbols; give the file with symbols that the build left (IMAGE.dbg)")
	}
	for _, y := range f.Symbols() {
		if strings.HasPrefix(y.Name, "ukplat_") || strings.HasPrefix(y.Name, "_ukplat_") || strings.HasPrefix(y.Name, "uk_syscall_") {
			return nil
		}
	}
	return f.errorf(ErrNotUnikernel, "has no function of Unikraft (ukplat_*, uk_syscall_*); give the image that a build of it leaves")
}

// readSections reads section headers; those that contradict the file are taken for none at all.
func readSections(elf []byte, shoff uint64, shnum int) ([]section, int) {
	size := uint64(len(elf))
	var out []section
	for i := range shnum {
		p := elf[shoff+uint64(i)*shdr64:]
		s := section{nameOff: le.Uint32(p), typ: le.Uint32(p[4:]), flags: le.Uint64(p[8:]), addr: le.Uint64(p[16:]), off: le.Uint64(p[24:]),
			size: le.Uint64(p[32:]), link: le.Uint32(p[40:]), info: le.Uint32(p[44:]), addralign: le.Uint64(p[48:]), entsize: le.Uint64(p[56:])}
		if s.typ != shtNobits && (s.off > size || size-s.off < s.size) {
			return nil, 0
		}
		out = append(out, s)
	}
	ndx := int(le.Uint16(elf[62:]))
	if ndx >= len(out) || out[ndx].typ != shtStrtab {
		return nil, 0
	}
	names := elf[out[ndx].off:][:out[ndx].size]
	for i := range out {
		out[i].name = cString(names, out[i].nameOff)
	}
	return out, ndx
}

// cString returns the string at an offset, "" if there is none.
func cString(b []byte, at uint32) string {
	if uint64(at) >= uint64(len(b)) {
		return ""
	}
	s, _, ok := strings.Cut(string(b[at:min(len(b), int(at)+4096)]), "\x00")
	if !ok {
		return ""
	}
	return s
}

// section returns the section of a name, nil if there is none.
func (f *File) section(name string) *section {
	for i := range f.sections {
		if f.sections[i].name == name {
			return &f.sections[i]
		}
	}
	return nil
}

// symtab returns the index of the symbol table and of its strings, 0 if there are none.
func (f *File) symtab() (syms, strs int) {
	for i := range f.sections {
		s := &f.sections[i]
		if s.typ == shtSymtab && s.entsize == 24 && int(s.link) < len(f.sections) && f.sections[s.link].typ == shtStrtab {
			return i, int(s.link)
		}
	}
	return 0, 0
}

// Symbols returns the defined symbols in the order of the table. Allocates.
func (f *File) Symbols() []Symbol {
	i, j := f.symtab()
	if i == 0 {
		return nil
	}
	table, names := f.contents(&f.sections[i]), f.contents(&f.sections[j])
	out := make([]Symbol, 0, len(table)/24)
	for ; len(table) >= 24; table = table[24:] {
		shndx := le.Uint16(table[6:])
		if shndx == 0 || table[4]&15 == 3 || table[4]&15 == 4 {
			continue
		}
		if name := cString(names, le.Uint32(table)); name != "" {
			out = append(out, Symbol{name, le.Uint64(table[8:]), le.Uint64(table[16:]), table[4] & 15, shndx, table[4]>>4 == 0})
		}
	}
	return out
}

// contents returns the bytes of a section.
func (f *File) contents(s *section) []byte {
	if s.typ == shtNobits {
		return nil
	}
	return f.elf[s.off:][:s.size:s.size]
}

// Bytes returns the bytes of the file from addr to the end of what its segment has there, nil if there are none.
func (f *File) Bytes(addr uint64) []byte {
	for i := range f.segments {
		if s := &f.segments[i]; s.typ == ptLoad && addr >= s.vaddr && addr-s.vaddr < s.filesz {
			return f.elf[s.off+addr-s.vaddr : s.off+s.filesz : s.off+s.filesz]
		}
	}
	return nil
}

// End returns the address behind all that is loaded by segments.
func (f *File) End() uint64 {
	var end uint64
	for i := range f.segments {
		if s := &f.segments[i]; s.typ == ptLoad {
			end = max(end, s.vaddr+s.memsz)
		}
	}
	return end
}

// A part is what is added to an image: a segment with a section of its own.
type part struct {
	name   string // of the section
	flags  uint32 // of the segment
	addr   uint64
	bytes  []byte
	memory uint64 // 0: the bytes alone
}

func (p *part) size() uint64 { return max(p.memory, uint64(len(p.bytes))) }

// add appends parts, which must lie behind all that is loaded, and symbols, if the
// file has a symbol table. Headers are rewritten in place where there is room, and
// at the end of the file otherwise; section headers go to the end of the file.
func (f *File) add(parts []part, symbols []Symbol, frames func(offset uint32) []byte) error {
	phoff := le.Uint64(f.headers[32:])
	if table := f.headers[ehdr64:]; !bytes.HasPrefix(f.elf, f.headers[:ehdr64]) || !bytes.HasPrefix(f.elf[phoff:], table) {
		return f.errorf(ErrTruncated, "is damaged: its code or its .uk_bootinfo lies where its headers do")
	}
	k, err := kludge{}, error(nil)
	if f.isKludge() {
		if k, err = f.kludge(); err != nil {
			return err
		}
		f.addKludge(k, parts)
		parts = nil
	}
	for _, p := range parts {
		f.pad(4096)
		off := uint64(len(f.elf))
		f.elf = append(f.elf, p.bytes...)
		f.segments = append(f.segments, segment{typ: ptLoad, flags: p.flags, off: off, vaddr: p.addr, paddr: p.addr,
			filesz: uint64(len(p.bytes)), memsz: p.size(), palign: 4096})
		if f.sections != nil {
			s := p.section(off, p.size())
			// A section that is partly in the file must be two.
			if n := uint64(len(p.bytes)); n < s.size {
				rest := s
				rest.name, rest.typ, rest.addr, rest.off, rest.size, rest.addralign = p.name+"_bss", shtNobits, s.addr+n, off+n, s.size-n, 1
				s.size = n
				f.sections = append(f.sections, s, rest)
			} else {
				f.sections = append(f.sections, s)
			}
		}
	}
	if f.sections != nil {
		f.addSymbols(symbols)
		f.addFrames(frames)
		f.addNames()
		f.pad(8)
		le.PutUint64(f.elf[40:], uint64(len(f.elf)))
		le.PutUint16(f.elf[60:], uint16(len(f.sections)))
		for i := range f.sections {
			f.elf = f.sections[i].append(f.elf)
		}
	}
	f.writeSegments()
	return nil
}

// writeSegments writes the program headers where they are if nothing follows too close, and at the end otherwise.
func (f *File) writeSegments() {
	at, size := le.Uint64(f.elf[32:]), uint64(len(f.elf))
	need := uint64(len(f.segments)) * phdr64
	room := at >= ehdr64 && at <= size && size-at >= need
	for i := range f.segments {
		if s := &f.segments[i]; s.filesz > 0 && s.off+s.filesz > at && s.off < at+need {
			// The headers may be part of a segment that is loaded; then nothing else may be behind them.
			room = room && s.off <= at && f.sections != nil
		}
	}
	for i := range f.sections {
		if s := &f.sections[i]; s.typ != shtNobits && s.size > 0 && s.off+s.size > at && s.off < at+need {
			room = false
		}
	}
	if !room {
		f.pad(8)
		at = uint64(len(f.elf))
		f.elf = append(f.elf, make([]byte, need)...)
		le.PutUint64(f.elf[32:], at)
	}
	le.PutUint16(f.elf[56:], uint16(len(f.segments)))
	for i := range f.segments {
		s, p := &f.segments[i], f.elf[at+uint64(i)*phdr64:]
		le.PutUint32(p, s.typ)
		le.PutUint32(p[4:], s.flags)
		for j, v := range []uint64{s.off, s.vaddr, s.paddr, s.filesz, s.memsz, s.palign} {
			le.PutUint64(p[8+8*j:], v)
		}
	}
}

func (s *section) append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(b, s.nameOff), s.typ)
	for _, v := range []uint64{s.flags, s.addr, s.off, s.size} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, s.link), s.info)
	return le.AppendUint64(le.AppendUint64(b, s.addralign), s.entsize)
}

// addNames gives the new sections names: the table of names is written once more, at the end.
func (f *File) addNames() {
	names := append([]byte(nil), f.contents(&f.sections[f.shstrndx])...)
	for i := range f.sections {
		if s := &f.sections[i]; strings.HasPrefix(s.name, ".gofind") || s.name != "" && s.nameOff == 0 {
			s.nameOff = uint32(len(names))
			names = append(append(names, s.name...), 0)
		}
	}
	s := &f.sections[f.shstrndx]
	s.off, s.size = uint64(len(f.elf)), uint64(len(names))
	f.elf = append(f.elf, names...)
}

// addFrames appends to .debug_frame of a file with symbols; if it has none, it gets one.
func (f *File) addFrames(frames func(offset uint32) []byte) {
	if i, _ := f.symtab(); i == 0 {
		return
	}
	const name = ".debug_frame"
	s := f.section(name)
	if s == nil {
		f.sections = append(f.sections, section{name: name, typ: shtProgbits, addralign: 8, off: uint64(len(f.elf))})
		s = &f.sections[len(f.sections)-1]
	} else if s.typ != shtProgbits || s.flags != 0 || s.size > 1<<31 {
		return // compressed, or not what it is called
	}
	b := append([]byte(nil), f.contents(s)...)
	if len(b)%8 != 0 {
		return // its end is not that of an entry
	}
	b = append(b, frames(uint32(len(b)))...)
	f.pad(8)
	s.off, s.size = uint64(len(f.elf)), uint64(len(b))
	f.elf = append(f.elf, b...)
}

// addSymbols appends global symbols.
func (f *File) addSymbols(symbols []Symbol) {
	i, j := f.symtab()
	if i == 0 || len(symbols) == 0 {
		return
	}
	table := append([]byte(nil), f.contents(&f.sections[i])...)
	names := append([]byte(nil), f.contents(&f.sections[j])...)
	for _, s := range symbols {
		shndx := 0
		for k := range f.sections {
			if c := &f.sections[k]; c.flags&shfAlloc != 0 && s.Addr >= c.addr && s.Addr < c.addr+c.size {
				shndx = k
			}
		}
		table = le.AppendUint32(table, uint32(len(names)))
		table = append(table, 1<<4|s.Type, 0)
		table = le.AppendUint16(table, uint16(shndx))
		table = le.AppendUint64(le.AppendUint64(table, s.Addr), s.Size)
		names = append(append(names, s.Name...), 0)
	}
	for _, t := range []struct {
		at    int
		bytes []byte
	}{{i, table}, {j, names}} {
		f.pad(8)
		f.sections[t.at].off, f.sections[t.at].size = uint64(len(f.elf)), uint64(len(t.bytes))
		f.elf = append(f.elf, t.bytes...)
	}
}

func (f *File) pad(n int) {
	for len(f.elf)%n != 0 {
		f.elf = append(f.elf, 0)
	}
}

// Encode returns the file, with 32-bit headers if it had them.
func (f *File) Encode() ([]byte, error) {
	if !f.Wrapped {
		return f.elf, nil
	}
	out, err := wrap(f.elf)
	if err != nil {
		return nil, f.errorf(nil, "%v", err)
	}
	return out, nil
}
