package image

import (
	"bytes"
	"sort"
	"strings"
)

// Go's function table. Its layout is the Go toolchain's own: runtime/symtab.go
// (pcHeader, moduledata), cmd/link/internal/ld/pcln.go and debug/gosym.
const (
	pclnGo12  = 0xfffffffb // Go 1.2 to 1.15
	pclnGo116 = 0xfffffffa // 1.16, 1.17
	pclnGo118 = 0xfffffff0 // 1.18, 1.19
	pclnGo120 = 0xfffffff1 // 1.20 and later; since 1.26 without the text start

	// Offsets in moduledata, the same since Go 1.16.
	modFuncNames, modMinPC, modText = 8, 160, 176
)

// goTab is a validated function table.
type goTab struct {
	n       int
	wide    bool   // entries are addresses of 8 bytes, else offsets of 4 from text
	starts  bool   // functions have the lines where they start (since 1.20)
	mod     uint64 // address of the module data, 0 if it was not found
	text    uint64 // start of the text section, when !wide
	tabAddr uint64 // address of functab
	functab []byte // n+1 pairs but for the last offset: entry, offset of the func struct in funcs
	funcs   []byte
	names   []byte
	f       *File
}

// entry returns the address of function i; i == n: the end of the text.
func (t *goTab) entry(i int) uint64 {
	if !t.wide {
		return t.text + uint64(le32(t.functab[i*8:]))
	}
	if v := le64(t.functab[i*16:]); v != 0 || len(t.f.Relocs) == 0 {
		return v
	}
	v, _ := t.f.pointer(t.tabAddr + uint64(i)*16)
	return v
}

func (t *goTab) name(i int) string {
	var off uint64
	nameAt := uint64(4)
	if t.wide {
		off, nameAt = le64(t.functab[i*16+8:]), 8
	} else {
		off = uint64(le32(t.functab[i*8+4:]))
	}
	b, ok := slice(t.funcs, off, nameAt+4)
	if !ok {
		return ""
	}
	return cstr(t.names, uint64(le32(b[nameAt:])))
}

// find returns the function around addr.
func (t *goTab) find(addr uint64) (i int, ok bool) {
	i = sort.Search(t.n+1, func(i int) bool { return t.entry(i) > addr }) - 1
	return i, i >= 0 && i < t.n
}

func (f *File) gopclntab() *goTab {
	g := &f.goTab
	g.once.Do(func() { g.tab = f.findGoTab() })
	return g.tab
}

func (f *File) findGoTab() *goTab {
	hint := false // a Go program whose table is not a section of its own
	for i := range f.Sections {
		s := &f.Sections[i]
		switch {
		case strings.HasSuffix(s.Name, ".gopclntab"):
			if t := f.parseGoTab(s.Start, f.Bytes(s.Start)); t != nil {
				return t
			}
			hint = true
		case strings.HasPrefix(s.Name, ".go.") || strings.HasPrefix(s.Name, ".note.go.") || s.Name == ".typelink":
			hint = true
		}
	}
	if f.Sections != nil && !hint {
		return nil
	}
	// After the magic's low byte: the rest of it, two zeros, the instruction
	// quantum of x86, the pointer size.
	sig := []byte{0xff, 0xff, 0xff, 0, 0, 1, 8}
	tries := 8 // each may cost a pass over the file; a second look-alike is rare
	for i := range f.loads {
		l := &f.loads[i]
		for p := 1; p < len(l.data); {
			k := bytes.Index(l.data[p:], sig)
			if k < 0 {
				break
			}
			p += k
			if (l.addr+uint64(p)-1)&7 == 0 && l.data[p-1] >= 0xf0 {
				if tries--; tries < 0 {
					return nil
				}
				if t := f.parseGoTab(l.addr+uint64(p)-1, l.data[p-1:]); t != nil {
					return t
				}
			}
			p++
		}
	}
	return nil
}

// parseGoTab validates a table at addr; b runs to the end of the segment.
func (f *File) parseGoTab(addr uint64, b []byte) *goTab {
	if len(b) < 72 || b[4] != 0 || b[5] != 0 || b[6] != 1 || b[7] != 8 {
		return nil
	}
	magic := le32(b)
	n := le64(b[8:])
	if n == 0 || n > uint64(len(b))/8 {
		return nil
	}
	t := &goTab{n: int(n), f: f}
	from := func(word int) []byte {
		if off := le64(b[8+8*word:]); off < uint64(len(b)) {
			return b[off:]
		}
		return nil
	}
	tab := uint64(0)
	switch magic {
	case pclnGo12:
		t.wide, t.funcs, t.names, tab = true, b, b, 16
	case pclnGo116:
		t.wide, t.funcs, t.names, tab = true, from(6), from(2), le64(b[8+6*8:])
	case pclnGo118, pclnGo120:
		t.starts = magic == pclnGo120
		t.funcs, t.names, tab = from(7), from(3), le64(b[8+7*8:])
	default:
		return nil
	}
	width := uint64(8)
	if t.wide {
		width = 16
	}
	functab, ok := slice(b, tab, n*width+width/2)
	if !ok || t.funcs == nil || t.names == nil {
		return nil
	}
	t.functab, t.tabAddr = functab, addr+tab
	if !t.wide {
		if t.text, ok = f.goText(t, addr, le64(b[8+2*8:]), le64(b[8+3*8:])); !ok {
			return nil
		}
	}
	// Sorted entries in executable memory, or it is not what it seems.
	if f.execSegment(t.entry(0)) == nil || f.execSegment(t.entry(t.n-1)) == nil {
		return nil
	}
	for i, prev := 0, uint64(0); i <= t.n; i++ {
		e := t.entry(i)
		if e < prev {
			return nil
		}
		prev = e
	}
	return t
}

// goText finds the address that the entries of the table at addr are relative
// to: runtime.text. The header has it up to Go 1.25 (zero in position
// independent files, which relocate it), the module data always. With cgo it
// is not where the section .text starts.
func (f *File) goText(t *goTab, addr, header, names uint64) (uint64, bool) {
	first := uint64(le32(t.functab))
	valid := func(text uint64) bool { return text != 0 && f.execSegment(text+first) != nil }
	mod := func(at uint64) (uint64, bool) {
		if p, ok := f.pointer(at); !ok || p != addr {
			return 0, false
		}
		if p, ok := f.pointer(at + modFuncNames); !ok || p != addr+names {
			return 0, false
		}
		text, ok1 := f.pointer(at + modText)
		min, ok2 := f.pointer(at + modMinPC)
		if !ok1 || !ok2 || min != text+first || !valid(text) {
			return 0, false
		}
		t.mod = at
		return text, true
	}
	for i := range f.Relocs {
		if r := &f.Relocs[i]; r.Addend == addr && r.Type == RX8664Relative {
			if text, ok := mod(r.Addr); ok {
				return text, true
			}
		}
	}
	var key [8]byte
	for i := range key {
		key[i] = byte(addr >> (8 * i))
	}
	for i := range f.loads {
		if !f.Segments[i].W {
			continue
		}
		l := &f.loads[i]
		for p := 0; ; p++ {
			k := bytes.Index(l.data[p:], key[:])
			if k < 0 {
				break
			}
			p += k
			if text, ok := mod(l.addr + uint64(p)); ok {
				return text, true
			}
		}
	}
	if valid(header) {
		return header, true
	}
	for i := 0; i < f.fullSym.len(); i++ {
		if s := f.fullSym.at(i); s.typ() == STTFunc && f.fullSym.name(s) == "runtime.text" && valid(s.value) {
			return s.value, true
		}
	}
	if s := f.sectionNamed(".text"); s != nil && valid(s.Start) {
		return s.Start, true
	}
	return 0, false
}

// IsGo reports whether the file has a Go function table. Without section
// headers the table is found by its magic number.
func (f *File) IsGo() bool { return f.gopclntab() != nil }

// GoFunc returns the extent of the function around addr in the Go function table: of Go, of its
// assembly, or of C that Go's own linker linked. What another linker added is outside of it.
func (f *File) GoFunc(addr uint64) (r Range, ok bool) {
	t := f.gopclntab()
	if t == nil {
		return r, false
	}
	i, ok := t.find(addr)
	if !ok {
		return r, false
	}
	return Range{Start: t.entry(i), End: t.entry(i + 1)}, true
}

// GoCode reports whether addr is in a function of the Go function table.
func (f *File) GoCode(addr uint64) bool {
	_, ok := f.GoFunc(addr)
	return ok
}

// GoFuncs returns the entries of the Go function table, sorted. Allocates.
func (f *File) GoFuncs() []uint64 {
	t := f.gopclntab()
	if t == nil {
		return nil
	}
	out := make([]uint64, 0, t.n)
	for i := 0; i < t.n; i++ {
		if e := t.entry(i); len(out) == 0 || e != out[len(out)-1] {
			out = append(out, e)
		}
	}
	return out
}

// GoFunctions calls f for each function of the Go function table with its name, in the order of entries.
func (f *File) GoFunctions(each func(entry uint64, name string)) {
	if t := f.gopclntab(); t != nil {
		for i := range t.n {
			each(t.entry(i), t.name(i))
		}
	}
}

// GoText returns the address that code offsets in Go's type data are relative
// to; false for tables of whole addresses (before Go 1.18), which do not say.
func (f *File) GoText() (uint64, bool) {
	t := f.gopclntab()
	if t == nil || t.wide {
		return 0, false
	}
	return t.text, true
}

// GoVersion returns the version of the Go toolchain that built the file, e.g.
// "go1.26.8", or "" if it is not known (debug/buildinfo describes the format).
func (f *File) GoVersion() string {
	f.goVer.once.Do(func() { f.goVer.ver = f.findGoVersion() })
	return f.goVer.ver
}

func (f *File) findGoVersion() string {
	magic := []byte("\xff Go buildinf:")
	try := func(addr uint64, b []byte) string {
		for p := 0; ; {
			k := bytes.Index(b[p:], magic)
			if k < 0 {
				return ""
			}
			p += k
			if h := b[p:]; len(h) >= 32 && (addr+uint64(p))%16 == 0 {
				if v := f.buildInfoVersion(addr+uint64(p), h); v != "" {
					return v
				}
			}
			p++
		}
	}
	if s := f.sectionNamed(".go.buildinfo"); s != nil && !s.NoBits {
		return try(s.Start, f.Bytes(s.Start)[:s.End-s.Start])
	}
	if !f.IsGo() {
		return ""
	}
	for i := range f.loads {
		if f.Segments[i].W {
			if v := try(f.loads[i].addr, f.loads[i].data); v != "" {
				return v
			}
		}
	}
	return ""
}

func (f *File) buildInfoVersion(addr uint64, h []byte) string {
	var s string
	if h[15]&2 != 0 { // since Go 1.18: the string follows, with its length
		r := ehReader{b: h, pos: 32}
		n := r.uleb()
		if b, ok := slice(h, uint64(r.pos), n); ok && !r.bad {
			s = string(b[:min(len(b), 100)])
		}
	} else if p, ok := f.pointer(addr + 16); ok { // a pointer to a string header
		data, ok1 := f.pointer(p)
		n, ok2 := f.pointer(p + 8)
		if b := f.Bytes(data); ok1 && ok2 && n <= uint64(len(b)) {
			s = string(b[:min(n, 100)])
		}
	}
	if !strings.HasPrefix(s, "go") && !strings.HasPrefix(s, "devel") {
		return ""
	}
	return s
}
