// Package image reads one x86-64 ELF file: its memory, dynamic section,
// symbols, relocations, unwind tables and Go function table.
//
// It promises that a file is validated once, by Open or Parse, and can be
// trusted afterwards: no method fails or panics on a hostile file, every
// Reloc.Sym is a valid symbol index, every Range and Segment lies in the
// address space. What the dynamic loader itself relies on (program headers,
// dynamic section, hash and version tables, relocations) must be well formed,
// or Open returns an error. What a program runs without is optional: section
// headers that contradict the program headers are ignored as a whole
// (Sections is nil), and a broken .eh_frame is kept up to the damage
// (EHFrameProblem says where).
//
// # Cost
//
// Time is linear in the size of the file, plus sorting. Memory is at most 3
// times the file's size for RELR relocations (there may be one for each 8
// bytes of the file, so that a bitmap bomb is refused), twice for RELA, 8
// times for FDEs and their index, of which real files need a tenth, half as
// much again while parsing, and what the lazily built tables need: FuncStarts,
// DataSymbols, FuncName, linear in the symbols. These caps hold, and a file
// that exceeds one is refused: 64 KiB of program headers (as in Linux), 65280
// sections (else they are ignored), 4096 DT_NEEDED entries, hash chains of
// 65536 symbols, addresses below 2^47 (as in Linux). Names are cut at 64 KiB.
//
// The file is mapped, not read. Strings and slices that methods return point
// into the mapping unless said otherwise: they are valid until Close. As with
// any mapping, truncating the file meanwhile is fatal to the process.
//
// # Specifications
//
// System V gABI (2013 edition, chapters 4 and 5) with the RELR proposal;
// x86-64 psABI 1.0; Linux Standard Base 5.0 Core, generic part, "Exception
// Frames" and "Symbol Versioning"; DWARF 5 section 6.4; the Itanium C++ ABI's
// exception handling tables; and where they are silent, what the Linux kernel
// and glibc's ld.so do.
package image

import "sync"

// File is one ELF file, parsed and validated once; immutable afterwards, so
// safe for concurrent use. It borrows the mapped bytes until Close.
type File struct {
	Path    string // as given to Open
	Data    []byte // the whole file
	Type    uint16 // ET_EXEC or ET_DYN
	Machine uint16 // always EM_X86_64 after a nil error
	Entry   uint64
	Interp  string // PT_INTERP, "" if none

	Segments  []Segment // PT_LOAD with memory, by address; they do not overlap
	Sections  []Section // allocated, non-empty, not TLS bss, by address; nil if the file has no (valid) section headers
	Low, High uint64    // address span of the PT_LOADs
	ExecStack bool      // PT_GNU_STACK asks for an executable stack

	Soname                             string
	Needed                             []string
	Rpath, Runpath                     string
	Audit, DepAudit, Filter, Auxiliary []string // DT_AUDIT, DT_DEPAUDIT (split at colons), DT_FILTER, DT_AUXILIARY
	Flags1                             uint64   // DT_FLAGS_1 (DF_1_NODEFLIB, DF_1_PIE ...)
	DynFlags                           uint64   // DT_FLAGS (DF_TEXTREL ...), with DF_TEXTREL set too for DT_TEXTREL, DF_SYMBOLIC for DT_SYMBOLIC
	HasDynamic                         bool
	Init, Fini                         uint64  // DT_INIT, DT_FINI, 0 if none; static executables: start of the sections .init, .fini
	InitArray, FiniArray, PreinitArray Range   // file's own addresses; static executables: from the section names .init_array etc.
	TLS                                Segment // PT_TLS, zero if none
	Relro                              Range   // PT_GNU_RELRO
	GotPLT                             uint64  // DT_PLTGOT

	BuildID string // hex, "" if none

	// Relocs has every relocation: RELA, JMPREL, RELR; of static executables
	// what their allocated SHT_RELA sections hold (.rela.plt: IRELATIVE), so
	// nothing if their section headers are gone, since only their start-up
	// code knows where the table is. By Addr; of equal Addr in table order.
	Relocs []Reloc
	// FDEs is .eh_frame, sorted by Start, then End. Duplicates are removed, as
	// are entries that do not start in an executable segment. Entries may
	// overlap in hostile files.
	FDEs []FDE
	// EHFrameProblem says why .eh_frame could not be read to its end, "" if it
	// could, or if there is none.
	EHFrameProblem string

	// Personalities are the routines that the unwinder calls for frames of this file's
	// functions, without duplicates, in the order of .eh_frame.
	Personalities []Personality

	Verneed []VersionNeed // versions that this file demands of others (for "who needs what" errors)

	// DebugRoot is where FuncName looks for separate debug files
	// (DebugRoot/.build-id/xx/yyyy.debug). Open sets /usr/lib/debug; "" turns
	// the search off. Change it only before the first FuncName.
	DebugRoot string

	mapped  []byte // what Close unmaps
	loads   []load // parallel to Segments
	execs   []Range
	text    Range // the largest of execs
	code    Range // all of them, with what is between
	inText  int   // which of loads it is in
	symtab  symTable
	fullSym symTable // .symtab
	dyn     dynTables
	fdeIdx  fdeIndex

	ehHdr  Range // PT_GNU_EH_FRAME
	notes  []Range
	shdrs  []shdr // all section headers, nil if there are no valid ones
	shstrs []byte

	sha struct {
		once sync.Once
		hex  string
	}
	goTab struct {
		once sync.Once
		tab  *goTab
	}
	goVer struct {
		once sync.Once
		ver  string
	}
	starts struct {
		once sync.Once
		list []uint64
	}
	objects struct {
		once sync.Once
		list []Range
	}
	extents struct {
		once sync.Once
		list []Range
	}
	routines struct {
		once sync.Once
		list []uint64
	}
	names struct {
		once sync.Once
		tab  nameTable
	}
	debug struct {
		once   sync.Once
		tab    nameTable
		mapped []byte
	}
}

// Range is [Start, End) in file addresses.
type Range struct{ Start, End uint64 }

// Contains reports whether addr is in r.
func (r Range) Contains(addr uint64) bool { return addr >= r.Start && addr < r.End }

// Segment is a PT_LOAD (or PT_TLS).
type Segment struct {
	Addr, MemSize, Off, FileSize uint64
	R, W, X                      bool
}

// End is the address after the segment's memory.
func (s *Segment) End() uint64 { return s.Addr + s.MemSize }

// Section is an allocated section.
type Section struct {
	Name       string
	Start, End uint64
	W, X       bool
	NoBits     bool
	Type       uint32
}

// Reloc is one relocation. For R_X86_64_RELATIVE, IRELATIVE and RELR entries
// Sym is 0 and Addend is the target address (for RELR read from the file).
type Reloc struct {
	Addr   uint64
	Addend uint64
	Type   uint32
	Sym    uint32
}

// FDE is one frame description entry of .eh_frame.
type FDE struct {
	Start, End uint64
	LSDA       uint64 // address of the language-specific data area, 0 if none, NoLSDA if its encoding is unknown
	Signal     bool   // 'S' augmentation: Start has been left as encoded (one byte early in __restore_rt)
	CFAOffset  int32  // CFA offset from rsp that holds at Start (8 at a normal entry; other values: a cold part), -1 if not rsp-based or unknown
}

// Personality is a routine that unwind information names ('P' augmentation).
type Personality struct {
	Addr     uint64
	Indirect bool // Addr is that of a word that points to it
}

// NoLSDA stands for a language-specific data area whose address could not be
// decoded. LandingPads says false for it.
const NoLSDA = ^uint64(0)

// Symbol is one dynamic symbol.
type Symbol struct {
	Value, Size uint64
	Type        uint8 // STT_*
	Bind        uint8 // STB_*
	Other       uint8
	Shndx       uint16 // 0 = undefined
}

// VersionNeed is one DT_VERNEED record.
type VersionNeed struct {
	File     string
	Versions []string
}

// LandingPad is one row of an LSDA call-site table.
type LandingPad struct {
	Start, End uint64 // call sites [Start, End)
	Pad        uint64 // landing pad address; rows without one are left out
}
