package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

const (
	maxAddr     = 1 << 47 // TASK_SIZE_MAX with 4-level page tables, about
	maxPhdrs    = 65536   // bytes; fs/binfmt_elf.c: load_elf_phdrs
	maxSections = 0xff00  // SHN_LORESERVE
	maxPath     = 4096    // PATH_MAX
)

// load is a PT_LOAD's file-backed part.
type load struct {
	addr uint64
	data []byte
}

type shdr struct {
	name, typ              uint32
	flags, addr, off, size uint64
	link                   uint32
}

// Open maps and parses the file. Errors are *FormatError, *UnsupportedError,
// *ScriptError, or a *fs.PathError from the system.
func Open(path string) (*File, error) {
	data, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(path, data)
	if err != nil {
		unmap(data)
		return nil, err
	}
	f.mapped = data
	return f, nil
}

// mapFile maps a regular file; nil for an empty one.
func mapFile(path string) ([]byte, error) {
	// O_NONBLOCK so that a pipe without a writer does not hang us.
	var fd int
	var err error
	for {
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, &FormatError{Path: path, Where: "file", Problem: ErrNotRegular.Error(), Err: ErrNotRegular}
	}
	if st.Size == 0 {
		return nil, nil
	}
	data, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, &fs.PathError{Op: "mmap", Path: path, Err: err}
	}
	return data, nil
}

func unmap(data []byte) error {
	if data == nil {
		return nil
	}
	return syscall.Munmap(data)
}

// Close unmaps the file. Nothing that the File has returned may be used afterwards.
func (f *File) Close() error {
	err := unmap(f.mapped)
	if e := unmap(f.debug.mapped); err == nil {
		err = e
	}
	f.mapped, f.debug.mapped, f.Data = nil, nil, nil
	return err
}

// Parse is Open over bytes, which it borrows.
func Parse(path string, data []byte) (*File, error) {
	f := &File{Path: path, Data: data, DebugRoot: "/usr/lib/debug"}
	for _, step := range []func() error{f.parseHeader, f.parsePhdrs, f.parseSections, f.parseNotes, f.parseDynamic, f.parseRelocs, f.parseSymbols, f.parseEHFrame} {
		if err := step(); err != nil {
			if onlyDebug(data) {
				err = f.unsupported("a separate debug file (it holds no code)")
			}
			return nil, err
		}
	}
	return f, nil
}

var machines = map[uint16]string{
	2: "SPARC (EM_SPARC)", em386: "32-bit x86 (EM_386)", 8: "MIPS (EM_MIPS)", 20: "PowerPC (EM_PPC)", 21: "64-bit PowerPC (EM_PPC64)", 22: "S/390 (EM_S390)",
	40: "32-bit ARM (EM_ARM)", 43: "SPARC V9 (EM_SPARCV9)", 50: "IA-64 (EM_IA_64)", 183: "AArch64 (EM_AARCH64)", 243: "RISC-V (EM_RISCV)", 247: "BPF (EM_BPF)", 258: "LoongArch (EM_LOONGARCH)",
}

// osabis are those whose system calls are not Linux's. Linux itself ignores the field.
var osabis = map[byte]string{2: "NetBSD", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD"}

func (f *File) parseHeader() error {
	d := f.Data
	if len(d) >= 2 && d[0] == '#' && d[1] == '!' {
		return scriptError(f.Path, d)
	}
	if len(d) < 4 || string(d[:4]) != "\x7fELF" {
		return &FormatError{Path: f.Path, Where: "header", Problem: ErrNotELF.Error(), Err: ErrNotELF}
	}
	if len(d) < 20 {
		return f.truncated("header", "truncated")
	}
	class, order := d[4], d[5]
	typ, mach := le16(d[16:]), le16(d[18:])
	if order == 2 {
		typ, mach = typ>>8|typ<<8, mach>>8|mach<<8
	}
	switch {
	case class != 1 && class != 2:
		return f.bad("header", "unknown class %d", class)
	case order != 1 && order != 2:
		return f.bad("header", "unknown byte order %d", order)
	case mach == emX86_64 && class == 1:
		return f.unsupported("the x32 ABI (32-bit EM_X86_64)")
	case mach != emX86_64:
		what := machines[mach]
		if what == "" {
			what = fmt.Sprintf("machine type %d", mach)
		}
		if order == 2 {
			what = "big-endian " + what
		}
		return f.unsupported("%s", what)
	case order == 2:
		return f.unsupported("big-endian x86-64")
	case d[6] != 1:
		return f.bad("header", "unknown ELF version %d", d[6])
	case osabis[d[7]] != "":
		return f.unsupported("%s (EI_OSABI %d)", osabis[d[7]], d[7])
	}
	switch typ {
	case etExec, etDyn:
	case etRel:
		return f.unsupported("a relocatable object (ET_REL)")
	case etCore:
		return f.unsupported("a core dump (ET_CORE)")
	default:
		return f.bad("header", "unknown file type %d", typ)
	}
	if len(d) < ehdrSize {
		return f.truncated("header", "truncated")
	}
	f.Type, f.Machine, f.Entry = typ, mach, le64(d[24:])
	return nil
}

func (f *File) parsePhdrs() error {
	d := f.Data
	off, size, n := le64(d[32:]), uint64(le16(d[54:])), uint64(le16(d[56:]))
	if n == 0 {
		return f.bad("program headers", "there are none")
	}
	if size != phdrSize {
		return f.bad("program headers", "entry size %d, not %d", size, phdrSize)
	}
	if n*phdrSize > maxPhdrs {
		return f.bad("program headers", "%d of them, more than Linux accepts", n)
	}
	tab, ok := slice(d, off, n*phdrSize)
	if !ok {
		return f.truncated("program headers", "outside of the file")
	}
	var dynamic *Range
	for i := 0; i < len(tab); i += phdrSize {
		p := tab[i:]
		typ, flags := le32(p), le32(p[4:])
		s := Segment{Addr: le64(p[16:]), MemSize: le64(p[40:]), Off: le64(p[8:]), FileSize: le64(p[32:]), R: flags&pfR != 0, W: flags&pfW != 0, X: flags&pfX != 0}
		where := fmt.Sprintf("program header %d", i/phdrSize)
		switch typ {
		case ptLoad, ptDynamic, ptTLS, ptGNURelro, ptGNUEHFrame:
			if s.Addr >= maxAddr || s.MemSize >= maxAddr-s.Addr {
				if s.Addr>>47 == 1<<17-1 {
					return f.unsupported("a kernel image (addresses in the upper half)")
				}
				return f.bad(where, "address %#x, size %#x: outside of the address space", s.Addr, s.MemSize)
			}
		}
		switch typ {
		case ptLoad:
			if s.FileSize > s.MemSize {
				return f.bad(where, "more bytes in the file (%#x) than in memory (%#x)", s.FileSize, s.MemSize)
			}
			if s.MemSize == 0 {
				continue
			}
			if _, ok := slice(d, s.Off, s.FileSize); !ok {
				return f.truncated(where, fmt.Sprintf("bytes [%#x, +%#x) of a PT_LOAD are outside of the file", s.Off, s.FileSize))
			}
			if s.FileSize > 0 && (s.Off^s.Addr)&0xfff != 0 {
				return f.bad(where, "offset %#x and address %#x differ within a page", s.Off, s.Addr)
			}
			f.Segments = append(f.Segments, s)
		case ptDynamic:
			dynamic = &Range{s.Addr, s.Addr + s.MemSize} // the last one counts, as in ld.so
		case ptInterp:
			if f.Interp != "" {
				continue // the first one counts, as in the kernel
			}
			b, ok := slice(d, s.Off, s.FileSize)
			if !ok {
				return f.truncated(where, "PT_INTERP is outside of the file")
			}
			if len(b) < 2 || len(b) > maxPath || b[len(b)-1] != 0 {
				return f.bad(where, "PT_INTERP is not a terminated path")
			}
			f.Interp = strings.Clone(cstr(b, 0))
		case ptNote:
			if _, ok := slice(d, s.Off, s.FileSize); ok {
				f.notes = append(f.notes, Range{s.Off, s.Off + s.FileSize})
			}
		case ptTLS:
			if s.FileSize > s.MemSize {
				return f.bad(where, "PT_TLS has more bytes in the file than in memory")
			}
			f.TLS = s
		case ptGNURelro:
			f.Relro = Range{s.Addr, s.Addr + s.MemSize}
		case ptGNUStack:
			f.ExecStack = s.X
		case ptGNUEHFrame:
			f.ehHdr = Range{s.Addr, s.Addr + s.MemSize}
		}
	}
	if len(f.Segments) == 0 {
		return f.bad("program headers", "nothing to load")
	}
	slices.SortFunc(f.Segments, func(a, b Segment) int { return cmpU64(a.Addr, b.Addr) })
	for i := range f.Segments {
		s := &f.Segments[i]
		if i > 0 && f.Segments[i-1].End() > s.Addr {
			return f.bad("program headers", "segments overlap at %#x", s.Addr)
		}
		f.loads = append(f.loads, load{s.Addr, d[s.Off : s.Off+s.FileSize : s.Off+s.FileSize]})
	}
	f.Low, f.High = f.Segments[0].Addr, f.Segments[len(f.Segments)-1].End()
	if dynamic != nil {
		f.HasDynamic = true
		f.dyn.at = *dynamic
	}
	return nil
}

// parseSections reads the section headers, which are a help, never a need: if
// anything in them contradicts the program headers, all are ignored.
func (f *File) parseSections() error {
	f.readSections()
	if f.shdrs == nil {
		f.Sections = nil
		f.fullSym = symTable{}
	} else if onlyDebug(f.Data) {
		return f.unsupported("a separate debug file (it holds no code)")
	}
	for i := range f.Sections {
		if s := &f.Sections[i]; s.X {
			f.execs = append(f.execs, Range{s.Start, s.End})
		}
	}
	if f.Sections == nil {
		for i := range f.Segments {
			if s := &f.Segments[i]; s.X {
				f.execs = append(f.execs, Range{s.Addr, s.End()})
			}
		}
	}
	for i, r := range f.execs {
		if i == 0 {
			f.code = r
		}
		f.code = Range{min(f.code.Start, r.Start), max(f.code.End, r.End)}
		if r.End-r.Start > f.text.End-f.text.Start {
			f.text, f.inText = r, f.loadAt(r.Start)
		}
	}
	return nil
}

// onlyDebug recognises what "objcopy --only-keep-debug" leaves: every
// executable section without contents.
func onlyDebug(data []byte) bool {
	if len(data) < ehdrSize {
		return false
	}
	hs, _, _ := readShdrs(data)
	n := 0
	for i := range hs {
		if h := &hs[i]; h.flags&shfExecinstr != 0 {
			if h.typ != shtNobits {
				return false
			}
			n++
		}
	}
	return n > 0
}

func readShdrs(d []byte) (hs []shdr, strs []byte, ok bool) {
	off, size, n, str := le64(d[40:]), le16(d[58:]), uint64(le16(d[60:])), uint64(le16(d[62:]))
	if off == 0 || size != shdrSize {
		return nil, nil, false
	}
	first, ok := slice(d, off, shdrSize)
	if !ok {
		return nil, nil, false
	}
	if n == 0 { // extended numbering
		n = le64(first[32:])
	}
	if str == 0xffff {
		str = uint64(le32(first[40:]))
	}
	if n < 2 || n > maxSections || str >= n {
		return nil, nil, false
	}
	tab, ok := slice(d, off, n*shdrSize)
	if !ok {
		return nil, nil, false
	}
	hs = make([]shdr, n)
	for i := range hs {
		h := tab[i*shdrSize:]
		hs[i] = shdr{le32(h), le32(h[4:]), le64(h[8:]), le64(h[16:]), le64(h[24:]), le64(h[32:]), le32(h[40:])}
	}
	strs, ok = slice(d, hs[str].off, hs[str].size)
	return hs, strs, ok && hs[str].typ == shtStrtab
}

// findSymtab returns the symbol table of the given type (the first one).
func findSymtab(d []byte, hs []shdr, typ uint32) (t symTable, addr uint64, ok bool) {
	for i := range hs {
		h := &hs[i]
		if h.typ != typ {
			continue
		}
		syms, ok1 := slice(d, h.off, h.size-h.size%symSize)
		if !ok1 || uint64(h.link) >= uint64(len(hs)) || hs[h.link].typ != shtStrtab {
			continue
		}
		strs, ok2 := slice(d, hs[h.link].off, hs[h.link].size)
		if ok2 {
			return symTable{syms, strs}, h.addr, true
		}
	}
	return symTable{}, 0, false
}

func (f *File) readSections() {
	hs, strs, ok := readShdrs(f.Data)
	if !ok {
		return
	}
	secs := make([]Section, 0, 40)
	entry := false
	for i := range hs {
		h := &hs[i]
		if h.flags&shfAlloc == 0 || h.size == 0 || (h.flags&shfTLS != 0 && h.typ == shtNobits) {
			continue
		}
		seg := f.segment(h.addr)
		if seg == nil || h.size > seg.End()-h.addr {
			return
		}
		nobits := h.typ == shtNobits
		if !nobits && (h.addr-seg.Addr+h.size > seg.FileSize || h.off-seg.Off != h.addr-seg.Addr) {
			return
		}
		if h.flags&shfExecinstr != 0 && !seg.X {
			return
		}
		name := shortStr(strs, uint64(h.name))
		s := Section{Name: name, Start: h.addr, End: h.addr + h.size, W: h.flags&shfWrite != 0, X: h.flags&shfExecinstr != 0, NoBits: nobits, Type: h.typ}
		if s.X && f.Entry >= s.Start && f.Entry < s.End {
			entry = true
		}
		secs = append(secs, s)
	}
	if len(secs) == 0 {
		return
	}
	slices.SortStableFunc(secs, func(a, b Section) int { return cmpU64(a.Start, b.Start) })
	for i := 1; i < len(secs); i++ {
		if secs[i-1].End > secs[i].Start {
			return
		}
	}
	// A program that starts outside of all executable sections has headers made to mislead.
	if f.Entry != 0 && !entry && f.execSegment(f.Entry) != nil {
		return
	}
	f.shdrs, f.shstrs, f.Sections = hs, strs, secs
	f.fullSym, _, _ = findSymtab(f.Data, hs, shtSymtab)
}

// section finds an allocated section by name.
func (f *File) sectionNamed(name string) *Section {
	for i := range f.Sections {
		if f.Sections[i].Name == name {
			return &f.Sections[i]
		}
	}
	return nil
}

// parseNotes finds the build id (NT_GNU_BUILD_ID) in the PT_NOTEs.
func (f *File) parseNotes() error {
	for _, r := range f.notes {
		b := f.Data[r.Start:r.End]
		for len(b) >= 12 {
			nsz, dsz, typ := uint64(le32(b)), uint64(le32(b[4:])), le32(b[8:])
			doff := 12 + (nsz+3)&^3
			if doff > uint64(len(b)) || dsz > uint64(len(b))-doff {
				break
			}
			if typ == 3 && nsz == 4 && string(b[12:16]) == "GNU\x00" && dsz > 0 && dsz <= 64 {
				f.BuildID = hex.EncodeToString(b[doff : doff+dsz])
				return nil
			}
			// GNU property notes are padded to 8 bytes, but come with a descriptor of such a size.
			b = b[min(doff+(dsz+3)&^3, uint64(len(b))):]
		}
	}
	return nil
}

// SHA256 returns the hash of the file's bytes, in hex. Computed on first use.
func (f *File) SHA256() string {
	f.sha.once.Do(func() {
		h := sha256.New()
		for part := range slices.Chunk(f.Data, 1<<22) {
			for some := range slices.Chunk(part, 1<<15) { // nothing stops the hashing of a piece, which garbage collection may wait for
				h.Write(some)
			}
			if f.mapped != nil && len(f.Data) > 8<<20 {
				evict(part)
			}
		}
		f.sha.hex = hex.EncodeToString(h.Sum(nil))
	})
	return f.sha.hex
}

// Evict tells the kernel that the bytes of the file are not needed for now:
// they do not count as memory of this process until they are used again.
func (f *File) Evict() {
	if f.mapped != nil {
		evict(f.mapped)
	}
}

// Resident returns how many bytes of memory this process has, and how many of them are pages of files that can be
// evicted, its program's own among them.
func Resident() (all, files uint64, err error) {
	f, err := statm()
	if err != nil {
		return 0, 0, err
	}
	var b [128]byte
	if n, err := f.ReadAt(b[:], 0); n == 0 {
		return 0, 0, err
	}
	var size uint64
	if _, err = fmt.Sscan(string(b[:]), &size, &all, &files); err == nil && files == 0 { // pages: proc_pid_statm(5)
		err = errors.New("/proc/self/statm: pages of files are not counted") // gVisor; the program's own are there
	}
	page := uint64(os.Getpagesize())
	return all * page, files * page, err
}

// statm stays open: it is read often.
var statm = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/statm") })

// evict is Evict for a part of a mapping that starts at a page.
func evict(b []byte) {
	_ = syscall.Madvise(b, syscall.MADV_DONTNEED) // a hint
}

// Bytes returns the file-backed bytes from addr to the end of its segment's
// file data, nil if there are none. Of a DT_TEXTREL file it is a copy with the
// relative relocations applied (link base 0).
func (f *File) Bytes(addr uint64) []byte {
	if i := f.loadAt(addr); i >= 0 {
		return f.loads[i].data[addr-f.loads[i].addr:]
	}
	return nil
}

// Code is Bytes where there is executable memory (Exec), nil elsewhere.
func (f *File) Code(addr uint64) []byte {
	if f.text.Contains(addr) && f.inText >= 0 {
		if l := &f.loads[f.inText]; addr-l.addr < uint64(len(l.data)) {
			return l.data[addr-l.addr:]
		}
	}
	if f.Exec(addr) {
		return f.Bytes(addr)
	}
	return nil
}

// loadAt returns which of loads has file data at addr, -1 if none has.
func (f *File) loadAt(addr uint64) int {
	lo, hi := 0, len(f.loads)
	for hi-lo > 8 { // few files have as many
		if h := (lo + hi) / 2; f.loads[h].addr <= addr {
			lo = h
		} else {
			hi = h
		}
	}
	for ; lo < hi; lo++ {
		if l := &f.loads[lo]; addr-l.addr < uint64(len(l.data)) {
			return lo
		}
	}
	return -1
}

// maxText is the length of the longest text that Text returns.
const maxText = 4097

// Text returns the zero-terminated text at addr, of printable ASCII characters, tabs and newlines;
// "" if there is none. It is part of the file's memory: clone what is to be kept.
func (f *File) Text(addr uint64) string {
	b := f.Bytes(addr)
	// Its end first: in Go files nothing ends a text before the limit.
	if n := bytes.IndexByte(b[:min(len(b), maxText+1)], 0); n > 0 && printable(b[:n]) == n {
		return unsafe.String(unsafe.SliceData(b), n)
	}
	return ""
}

// printable returns how many of the first bytes are printable ASCII characters, tabs or newlines.
// It takes eight at a time.
func printable(b []byte) int {
	const each = 0x0101010101010101 // in each byte
	for i := 0; i < len(b); {
		for len(b)-i >= 8 {
			w := le64(b[i:])
			if (w|(w+each)|(w-0x20*each)&^w)&(0x80*each) != 0 { // at least 0x7f, or below a space
				break
			}
			i += 8
		}
		for end := min(i+8, len(b)); i < end; i++ {
			if ch := b[i]; (ch < ' ' || ch > '~') && ch != '\n' && ch != '\t' {
				return i
			}
		}
	}
	return len(b)
}

func (f *File) segment(addr uint64) *Segment {
	ss := f.Segments
	for len(ss) > 8 {
		if h := len(ss) / 2; ss[h].Addr <= addr {
			ss = ss[h:]
		} else {
			ss = ss[:h]
		}
	}
	for i := range ss {
		if s := &ss[i]; addr-s.Addr < s.MemSize {
			return s
		}
	}
	return nil
}

// execSegment returns the executable segment around addr.
func (f *File) execSegment(addr uint64) *Segment {
	if s := f.segment(addr); s != nil && s.X {
		return s
	}
	return nil
}

// inMemory reports whether r lies in one segment.
func (f *File) inMemory(r Range) bool {
	s := f.segment(r.Start)
	return s != nil && r.End >= r.Start && r.End <= s.End()
}

// Exec reports whether addr is in an executable PT_LOAD and, where sections
// exist, in an executable section. Memory beyond the segment's file data
// counts: Bytes has nothing there, so code would be made at run time.
func (f *File) Exec(addr uint64) bool {
	return f.text.Contains(addr) || f.code.Contains(addr) && f.inExecs(addr)
}

func (f *File) inExecs(addr uint64) bool {
	i := sort.Search(len(f.execs), func(i int) bool { return f.execs[i].End > addr })
	return i < len(f.execs) && f.execs[i].Start <= addr
}

// Writable reports whether addr is in a writable PT_LOAD. Relro counts as writable.
func (f *File) Writable(addr uint64) bool {
	s := f.segment(addr)
	return s != nil && s.W
}

// Section returns the allocated section around addr, nil if none.
func (f *File) Section(addr uint64) *Section {
	i := sort.Search(len(f.Sections), func(i int) bool { return f.Sections[i].End > addr })
	if i < len(f.Sections) && f.Sections[i].Start <= addr {
		return &f.Sections[i]
	}
	return nil
}

// ExecRange returns the one of ExecRanges that addr is in.
func (f *File) ExecRange(addr uint64) (r Range, ok bool) {
	for _, r := range f.execs {
		if r.Contains(addr) {
			r.End = min(r.End, r.Start+uint64(len(f.Bytes(r.Start))))
			return r, r.Contains(addr)
		}
	}
	return Range{}, false
}

// ExecRanges returns the file-backed executable sections, or the file-backed
// parts of the executable segments when there are no sections. Allocates.
func (f *File) ExecRanges() []Range {
	out := make([]Range, 0, len(f.execs))
	for _, r := range f.execs {
		n := uint64(len(f.Bytes(r.Start)))
		if n == 0 {
			continue
		}
		out = append(out, Range{r.Start, min(r.End, r.Start+n)})
	}
	return out
}

func cmpU64(a, b uint64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}
