package seal

import (
	"errors"
	"fmt"

	"github.com/gofind-dev/gofind/internal/image"
)

// From the gABI's chapters 4 and 5, and glibc's elf.h for the GNU program headers.
const (
	ehdrLen, phdrLen, shdrLen = 64, 56, 64

	ehEntry, ehPhoff, ehShoff       = 24, 32, 40
	ehPhnum, ehShnum, ehShstrndx    = 56, 60, 62
	ptNull, ptLoad, ptDynamic       = 0, 1, 2
	ptInterp, ptNote, ptPhdr        = 3, 4, 6
	ptGNUProperty                   = 0x6474e553
	pfX, pfR                        = 1, 4
	shtNull, shtProgbits, shtStrtab = 0, 1, 3
	shtHash, shtNobits              = 5, 8
	shtSymtab                       = 2
	shtDynsym, shtGNUHash           = 11, 0x6ffffff6
	shtGNUVersym                    = 0x6fffffff
	dtHash, dtSymtab                = 4, 6
	dtGNUHash, dtVersym             = 0x6ffffef5, 0x6ffffff0
	shfAlloc, shfExec               = 2, 4
	symLen, symSection, symValue    = 24, 6, 8
	shnLoReserve                    = 0xff00
	df1PIE                          = 0x8000000

	page     = 4096
	maxPhdrs = 65536 // bytes of program headers: fs/binfmt_elf.c, load_elf_phdrs
)

// phdr is a program header, with its fields in the file's order.
type phdr struct {
	typ, flags                            uint32
	off, vaddr, paddr, size, memsz, align uint64
}

func (p *phdr) end() uint64 { return p.off + p.size }

func readPhdr(b []byte) phdr {
	return phdr{le.Uint32(b), le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])}
}

func (p *phdr) append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(b, p.typ), p.flags)
	for _, v := range []uint64{p.off, p.vaddr, p.paddr, p.size, p.memsz, p.align} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// shdr is a section header.
type shdr struct {
	name, typ              uint32
	flags, addr, off, size uint64
	link, info             uint32
	align, entsize         uint64
}

func (s *shdr) end() uint64 {
	if s.typ == shtNobits || s.typ == shtNull {
		return s.off
	}
	return s.off + s.size
}

func readShdr(b []byte) shdr {
	return shdr{le.Uint32(b), le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]),
		le.Uint32(b[40:]), le.Uint32(b[44:]), le.Uint64(b[48:]), le.Uint64(b[56:])}
}

func (s *shdr) append(b []byte) []byte {
	b = le.AppendUint32(le.AppendUint32(b, s.name), s.typ)
	for _, v := range []uint64{s.flags, s.addr, s.off, s.size} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, s.link), s.info)
	return le.AppendUint64(le.AppendUint64(b, s.align), s.entsize)
}

// file is what has to be known of an ELF file to add a segment.
type file struct {
	*image.File
	phoff    uint64
	phdrs    []phdr
	sections []shdr // nil if there are none that tools can read
	names    []byte // of sections
	strndx   int
	end      uint64 // of the ELF file: what follows was appended to it
}

// parse reads the tables of a file that image has found well-formed.
func parse(path string, data []byte) (*file, error) {
	img, err := image.Parse(path, data)
	if err != nil {
		return nil, err
	}
	f := &file{File: img, phoff: le.Uint64(data[ehPhoff:])}
	size := uint64(len(data))
	for i := range uint64(le.Uint16(data[ehPhnum:])) {
		f.phdrs = append(f.phdrs, readPhdr(data[f.phoff+i*phdrLen:]))
	}
	f.end = f.phoff + uint64(len(f.phdrs))*phdrLen
	for i := range f.phdrs {
		p := &f.phdrs[i]
		if p.size > 0 && inside(p.off, p.size, size) {
			f.end = max(f.end, p.end())
		}
	}
	f.readSections()
	return f, nil
}

// readSections reads the section headers, if they are well-formed. It need not agree with
// the program headers: tools that rewrite files judge for themselves.
func (f *file) readSections() {
	size := uint64(len(f.Data))
	off, n, str := le.Uint64(f.Data[ehShoff:]), uint64(le.Uint16(f.Data[ehShnum:])), int(le.Uint16(f.Data[ehShstrndx:]))
	if off == 0 || le.Uint16(f.Data[ehShnum-2:]) != shdrLen || n < 2 || n+2 >= shnLoReserve || str == 0 || str >= int(n) || !inside(off, n*shdrLen, size) {
		return
	}
	var all []shdr
	end := off + n*shdrLen
	for i := range n {
		s := readShdr(f.Data[off+i*shdrLen:])
		if s.typ != shtNobits && s.typ != shtNull {
			if !inside(s.off, s.size, size) {
				return
			}
			if s.size > 0 {
				end = max(end, s.end())
			}
		}
		all = append(all, s)
	}
	s := &all[str]
	if s.typ != shtStrtab || s.flags&shfAlloc != 0 || s.size == 0 {
		return
	}
	f.sections, f.strndx, f.names = all, str, f.Data[s.off:s.end()]
	f.end = max(f.end, end)
}

// inside reports whether [off, off+n) is within size bytes.
func inside(off, n, size uint64) bool { return off <= size && n <= size-off }

// roundUp returns the next multiple of a power of two.
func roundUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// An Error says why a file cannot be sealed, or a sealed file cannot be read.
type Error struct {
	Path    string
	Problem string // what is wrong; after a semicolon, what to do
	Err     error  // ErrNotSealed or nil
}

// ErrNotSealed is what Read's error wraps for a file without a seal.
var ErrNotSealed = errors.New("it is not sealed")

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string { return e.Path + ": " + e.Problem }

func (f *file) errorf(format string, args ...any) error {
	return &Error{Path: f.Path, Problem: fmt.Sprintf(format, args...)}
}
