package image

// Contract of the package; see doc comments. Shapes may only grow.

// File is one ELF file, parsed and validated once; immutable afterwards, so
// safe for concurrent use. It borrows the mapped bytes until Close.
type File struct {
	Path    string // as given to Open
	Data    []byte // the whole file
	Type    uint16 // ET_EXEC or ET_DYN
	Machine uint16 // always EM_X86_64 after a nil error
	Entry   uint64
	Interp  string // PT_INTERP, "" if none

	Segments  []Segment // PT_LOAD, by address
	Sections  []Section // allocated, non-empty, not TLS bss, by address; nil if the file has no (valid) section headers
	Low, High uint64    // address span of the PT_LOADs

	Soname                             string
	Needed                             []string
	Rpath, Runpath                     string
	Audit, DepAudit, Filter, Auxiliary []string // DT_AUDIT, DT_DEPAUDIT, DT_FILTER, DT_AUXILIARY
	Flags1                             uint64   // DT_FLAGS_1 (DF_1_NODEFLIB, DF_1_PIE ...)
	DynFlags                           uint64   // DT_FLAGS (DF_TEXTREL ...), with DF_TEXTREL set too for DT_TEXTREL, DF_SYMBOLIC for DT_SYMBOLIC
	HasDynamic                         bool
	Init, Fini                         uint64  // DT_INIT, DT_FINI, 0 if none
	InitArray, FiniArray, PreinitArray Range   // file's own addresses; static executables: from the section names .init_array etc.
	TLS                                Segment // PT_TLS, zero if none
	Relro                              Range   // PT_GNU_RELRO
	GotPLT                             uint64  // DT_PLTGOT

	BuildID string // hex, "" if none

	Relocs []Reloc // every relocation (RELA, JMPREL, RELR; static: .rela.* sections or __rela_iplt range), sorted by Addr
	FDEs   []FDE   // .eh_frame, sorted by Start, duplicates removed, may overlap in hostile files

	Verneed []VersionNeed // versions that this file demands of others (for "who needs what" errors)
	// unexported: symbol tables, hash tables, version tables ...
}

// Range is [Start, End) in file addresses.
type Range struct{ Start, End uint64 }

// Segment is a PT_LOAD (or PT_TLS).
type Segment struct {
	Addr, MemSize, Off, FileSize uint64
	R, W, X                      bool
}

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
	LSDA       uint64 // address of the language-specific data area, 0 if none
	Signal     bool   // 'S' augmentation: Start has been left as encoded (one byte early in __restore_rt)
	CFAOffset  int32  // CFA offset from rsp that holds at Start (8 at a normal entry; other values: a cold part), -1 if not rsp-based or unknown
}

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

// Methods to provide (all cheap, allocation-free unless said):
//
//	Open(path string) (*File, error)                    mmap, parse, validate; *FormatError{Path, Where, Problem} on hostile or unsupported input
//	Parse(path string, data []byte) (*File, error)      the same over bytes (tests, fuzzing)
//	(*File) Close() error
//	(*File) SHA256() string                             hex, computed on first use
//	(*File) Bytes(addr uint64) []byte                   file-backed bytes from addr to the end of its segment's file data; nil if none. In DT_TEXTREL
//	                                                    files the returned bytes are of a private copy with relative relocations already applied (link base 0)
//	(*File) Exec(addr uint64) bool                      inside an executable PT_LOAD (and, where sections exist, inside an executable section)
//	(*File) Writable(addr uint64) bool                  in a writable PT_LOAD (relro counts as writable)
//	(*File) Section(addr uint64) *Section
//	(*File) ExecRanges() []Range                        executable sections, or executable segments when there are no sections
//	(*File) RelocsIn(start, end uint64) []Reloc         subslice by binary search
//	(*File) FDEAt(addr uint64) *FDE                     the FDE that covers addr, nil if none; must be fast (page index or binary search)
//	(*File) LandingPads(f *FDE) ([]LandingPad, bool)    parse the LSDA (Itanium C++ ABI exception tables; also Rust, GCC C cleanup); false: unparseable. Allocates
//	(*File) NumSymbols() int                            dynamic symbols (DT_GNU_HASH, DT_HASH, or section header counts)
//	(*File) Symbol(i int) Symbol
//	(*File) SymbolName(i int) string                    unsafe.String over the mapped bytes; no copy
//	(*File) SymbolVersion(i int) (version string, hidden bool)   "" if unversioned; for undefined symbols the needed version
//	(*File) SymbolNeededFile(i int) string              soname from verneed for an undefined symbol, ""
//	(*File) Lookup(name, version string) (int, bool)    what ld.so's do_lookup_x finds in this file alone: GNU hash or SysV hash; a defined symbol; version "" matches the
//	                                                    default (non-hidden) version or, if none, the unversioned/base one as ld.so does (see glibc elf/dl-lookup.c check_match)
//	GNUHash(name string) uint32
//	(*File) LookupHash(hash uint32, name, version string) (int, bool)   same with the hash precomputed
//	(*File) FuncStarts() []uint64                       sorted, deduplicated *proven* function starts: .dynsym and .symtab STT_FUNC/STT_GNU_IFUNC, FDE starts (a Signal FDE:
//	                                                    Start+1 too), Go pclntab, Init, Fini, Entry. Computed once
//	(*File) DataSymbols() []Range                       sorted STT_OBJECT/STT_TLS-excluded extents from .dynsym and .symtab (size > 0)
//	(*File) GoVersion() string / (*File) IsGo() bool    has a Go pclntab (also found without section headers, by its magic)
//	(*File) GoFuncs() []uint64                          pclntab entries
//	(*File) FuncName(addr uint64) (name string, off uint64, ok bool)   best name: .symtab, .dynsym, then pclntab, then the separate debug file by build-id under
//	                                                    /usr/lib/debug/.build-id/xx/yyyy.debug (loaded lazily, once, only if it exists and SetDebugRoot did not disable it)
