// Package unikernel reads the image of a unikernel that Unikraft's build made:
// which function and which data belong to which micro-library.
//
// # Theory
//
// A Unikraft image is one statically linked ELF file without an operating system
// below it. Its build directory has an object for each micro-library
// (lib<name>.o, app<name>.o: linked with -r), the commands that made each file,
// and the linked image with symbols (<image>.dbg). What boots is that image
// without symbols and wrapped for a boot loader; here the .dbg is read.
//
// Functions come from .symtab; one extends to its size, an assembly label to
// the next symbol. Their library is known in one of these ways (Source), the first that answers:
//
//   - a link map (-Wl,-Map) beside the image: ranges of input sections, exact;
//   - symbols of the objects in the recorded link command: exact for a name that one library has,
//     and for a local name that several have, by the STT_FILE symbol before it and its size, both of
//     which the linker keeps; if that leaves two, by the neighbours in the image, of which an input
//     section's functions are contiguous;
//   - the source file that DWARF names for the compilation unit (DW_AT_name; DW_AT_comp_dir is the build directory for all).
//
// What none of them answers has no library; it is counted, in bytes.
//
// # Specifications
//
// System V gABI; DWARF 5; Unikraft 0.17 support/build/Makefile.rules (addlib, the
// link of libraries), lib/uklibid (_uk_libid_self_<library>: one symbol for each library).
package unikernel

import (
	"cmp"
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gofind-dev/gofind/internal/image"
)

// Source says how it is known which library something is in.
type Source uint8

// Sources.
const (
	Nowhere Source = iota
	Map            // a link map
	Objects        // symbols of the libraries' objects
	Near           // between two functions of the same library
	Debug          // the name of the source file in DWARF
)

func (s Source) String() string {
	return [...]string{"unknown", "map", "objects", "neighbours", "dwarf"}[s]
}

// Func is a function, or an object of data.
type Func struct {
	Addr, Size uint64
	Name       string
	Lib        int // index of Image.Libs, -1 if not known
	Source     Source
	Local      bool

	Code bool // a function, or an assembly label with an extent; not a label that may be one of data

	file string // of the STT_FILE before it
}

// End is the address after it.
func (f *Func) End() uint64 { return f.Addr + f.Size }

// Lib is a micro-library.
type Lib struct {
	Name  string // as the build has it: libvfscore, appnginx
	Funcs int
	Code  uint64 // bytes of its functions
	Data  uint64 // bytes of its data
}

// Image is an image that was read.
type Image struct {
	File  *image.File
	Path  string // of the .dbg
	Build string // the directory that it is in
	Libs  []Lib
	Funcs []Func // by address; they do not overlap, and cover every byte of code that a symbol names
	Data  []Func // by address

	Unknown      uint64   // bytes of code whose library is not known
	UnknownFuncs []string // names of those functions
	How          Source   // the best source that there was
	ModTime      time.Time
	byName       map[string]uint64
	CompileUnits []CompileUnit // what DWARF says of the source files, by address
}

// Error says what is wrong with an image or its build directory.
type Error struct{ Path, Problem string }

func (e *Error) Error() string { return e.Path + ": " + e.Problem }

func errorf(path, format string, args ...any) error {
	return &Error{path, fmt.Sprintf(format, args...)}
}

// Locate finds the .dbg image for a path: the file itself, that beside a final
// image, or the only one of a build directory. name, if not "", is that of the
// application, which the image's name begins with if there are several.
func Locate(path, name string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		if strings.HasSuffix(path, ".dbg") {
			return path, nil
		}
		if st, err := os.Stat(path + ".dbg"); err == nil && st.Mode().IsRegular() {
			return path + ".dbg", nil
		}
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join(globQuote(path), "*.dbg"))
	if err != nil {
		return "", err
	}
	if len(found) > 1 && name != "" {
		if own := slices.DeleteFunc(slices.Clone(found), func(p string) bool {
			return !strings.HasPrefix(filepath.Base(p), name+"_") || !strings.Contains(filepath.Base(p), "x86_64")
		}); len(own) > 0 {
			found = own
		}
	}
	if len(found) > 1 { // what gofind kraft seal left there is not what the build did
		if built := slices.DeleteFunc(slices.Clone(found), sealed); len(built) > 0 {
			found = built
		}
	}
	switch len(found) {
	case 0:
		return "", errorf(path, "there is no image (*.dbg) in this directory; build it first")
	case 1:
		return found[0], nil
	}
	return "", errorf(path, "there are several images; name one: %s", strings.Join(found, ", "))
}

// Is reports whether a file is the image of a unikernel, with symbols or as it boots: by the sections of Unikraft's linker scripts, or
// by the 32-bit headers in front of it.
func Is(path string) bool {
	if wrapped, err := image.IsMultiboot32(path); err == nil && wrapped {
		return true
	}
	f, err := image.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return Marked(f)
}

// Marked is Is for a file that was read.
func Marked(f *image.File) bool {
	return f.Type == image.ETExec && f.Interp == "" && slices.ContainsFunc(f.Sections, func(s image.Section) bool { return strings.HasPrefix(s.Name, ".uk_") })
}

// rulesSection is what a sealed image has (package unikraft).
const rulesSection = ".gofind_rules"

// sealed reports whether a file is a sealed image.
func sealed(path string) bool {
	f, err := image.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return hasRules(f)
}

func hasRules(f *image.File) bool {
	return slices.ContainsFunc(f.Sections, func(s image.Section) bool { return s.Name == rulesSection })
}

// globQuote makes a directory's name match itself.
func globQuote(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// Open reads an image: a .dbg file, see Locate.
func Open(path string) (*Image, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if wrapped, err := image.IsMultiboot32(path); err == nil && wrapped {
		return nil, errorf(path, "this is a 32-bit boot image without symbols; name the .dbg file of its build")
	}
	f, err := image.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Image{File: f, Path: path, Build: filepath.Dir(path), ModTime: st.ModTime()}
	if err := m.read(); err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// Close closes the file. Names are invalid afterwards.
func (m *Image) Close() error { return m.File.Close() }

// Parse is Open over bytes, without a build directory.
func Parse(path string, data []byte) (*Image, error) {
	f, err := image.Parse(path, data)
	if err != nil {
		return nil, err
	}
	m := &Image{File: f, Path: path}
	if err := m.read(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Image) read() error {
	f := m.File
	switch {
	case f.Interp != "" || len(f.Needed) > 0:
		return errorf(m.Path, "this is a program for an operating system, not a unikernel; to scan it: gofind scan")
	case f.Type != image.ETExec:
		return errorf(m.Path, "this is not a unikernel: it is position-independent")
	case hasRules(f):
		return errorf(m.Path, "the image is sealed; name the one that was built (what the rules are: gofind kraft inspect)")
	case isCut(f.Data):
		return errorf(m.Path, "the file is cut or damaged: its section headers do not lie in its %d bytes", len(f.Data))
	case !f.HasSymtab():
		return errorf(m.Path, "the image has no symbols; name the .dbg file of its build, which has them")
	}
	if !m.symbols() {
		return errorf(m.Path, "this is not a unikernel: it has no symbol of Unikraft's (uk_syscall_*, _uk_libid_self_*, ukplat_*)")
	}
	if err := m.libraries(); err != nil {
		return err
	}
	m.account()
	return nil
}

// Start is where a boot loader enters the image: at the entry of the ELF file, unless a multiboot header with addresses names another (Multiboot
// 0.6.96, section 3.1.3), as FlexOS's does.
func (m *Image) Start() uint64 {
	const magic, kludge = 0x1badb002, 1 << 16
	word := binary.LittleEndian.Uint32
	head := m.File.Data[:min(len(m.File.Data), 8192)]
	for at := 0; at+12 <= len(head); at += 4 {
		if flags := word(head[at+4:]); word(head[at:]) == magic && magic+flags+word(head[at+8:]) == 0 {
			if flags&kludge != 0 && at+32 <= len(head) {
				return uint64(word(head[at+28:]))
			}
			break
		}
	}
	return m.File.Entry
}

// isCut reports whether the section headers of an ELF64 file, which linkers write last, are behind its end.
func isCut(data []byte) bool {
	at, n := binary.LittleEndian.Uint64(data[40:]), uint64(binary.LittleEndian.Uint16(data[60:]))
	return n > 0 && (at > uint64(len(data)) || uint64(len(data))-at < 64*n)
}

// selfPrefix begins the symbol that each library of an image has (lib/uklibid).
const selfPrefix = "_uk_libid_self_"

// symbols fills in Funcs, Data and the names of libraries, and reports whether the
// image is a unikernel.
func (m *Image) symbols() bool {
	var file string
	own := false
	for s := range m.File.FullSymbols {
		switch {
		case s.Type == image.STTFile:
			file = s.Name
			continue
		case s.Shndx == 0 || s.Shndx >= 0xff00 || s.Name == "":
			continue
		}
		if s.Bind != image.STBLocal {
			file = ""
		}
		if lib, found := strings.CutPrefix(s.Name, selfPrefix); found {
			m.lib(lib)
		}
		own = own || strings.HasPrefix(s.Name, "uk_syscall_") || strings.HasPrefix(s.Name, selfPrefix) || strings.HasPrefix(s.Name, "ukplat_")
		x := Func{Addr: s.Value, Size: s.Size, Name: s.Name, Lib: -1, Local: s.Bind == image.STBLocal, file: file}
		switch {
		case m.File.Exec(s.Value) && (s.Type == image.STTFunc || s.Type == image.STTNoType):
			x.Code = s.Type == image.STTFunc || s.Size > 0
			m.Funcs = append(m.Funcs, x)
		case s.Type == image.STTObject && s.Size > 0 && !m.File.Exec(s.Value):
			m.Data = append(m.Data, x)
		}
	}
	m.Funcs = m.tidy(m.Funcs)
	slices.SortStableFunc(m.Data, func(a, b Func) int { return cmp.Compare(a.Addr, b.Addr) })
	return own
}

// tidy sorts functions, keeps one of several at an address, bounds each by the next,
// and extends what has no size.
func (m *Image) tidy(fs []Func) []Func {
	slices.SortStableFunc(fs, func(a, b Func) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), compareBool(b.Code, a.Code), compareBool(b.Size > 0, a.Size > 0), compareBool(a.Local, b.Local), cmp.Compare(len(a.Name), len(b.Name)))
	})
	out := fs[:0]
	for _, f := range fs {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.Addr == f.Addr {
				continue
			}
			if !f.Code && last.Code && last.Size > 0 && f.Addr < last.End() {
				continue // a label in a function
			}
			if last.Size == 0 || last.End() > f.Addr {
				last.Size = f.Addr - last.Addr
			}
		}
		out = append(out, f)
	}
	for i := range out {
		if out[i].Size != 0 {
			continue
		}
		end := out[i].Addr
		for _, r := range m.File.ExecRanges() {
			if r.Contains(out[i].Addr) {
				end = r.End
			}
		}
		out[i].Size = end - out[i].Addr
	}
	for i := range out { // a label that goes past its section
		for _, r := range m.File.ExecRanges() {
			if r.Contains(out[i].Addr) {
				out[i].Size = min(out[i].Size, r.End-out[i].Addr)
			}
		}
	}
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// lib returns the index of a library, which is new if its name is.
func (m *Image) lib(name string) int {
	if i := m.FindLib(name); i >= 0 {
		return i
	}
	m.Libs = append(m.Libs, Lib{Name: strings.Clone(name)})
	return len(m.Libs) - 1
}

// FindLib returns the index of a library, -1 if there is none of that name.
func (m *Image) FindLib(name string) int {
	return slices.IndexFunc(m.Libs, func(l Lib) bool { return l.Name == name })
}

// At returns the function that holds an address, nil if none does.
func (m *Image) At(addr uint64) *Func {
	i := sort.Search(len(m.Funcs), func(i int) bool { return m.Funcs[i].Addr > addr }) - 1
	if i < 0 || addr >= m.Funcs[i].End() {
		return nil
	}
	return &m.Funcs[i]
}

// Named returns a function by its symbol, nil if there is none: of an alias, the function
// that it is one of.
func (m *Image) Named(symbol string) *Func {
	if m.byName == nil {
		m.byName = map[string]uint64{}
		for s := range m.File.FullSymbols {
			if s.Type == image.STTFunc && s.Shndx != 0 && s.Shndx < 0xff00 {
				m.byName[s.Name] = s.Value
			}
		}
	}
	a, ok := m.byName[symbol]
	if !ok {
		return nil
	}
	return m.At(a)
}

// Owner returns the library of the code at an address, -1 if it is not known.
// Padding behind a function is the function's.
func (m *Image) Owner(addr uint64) int {
	i := sort.Search(len(m.Funcs), func(i int) bool { return m.Funcs[i].Addr > addr }) - 1
	if i < 0 {
		return -1
	}
	return m.Funcs[i].Lib
}

// libraries finds the library of each function.
func (m *Image) libraries() error {
	if m.Build != "" {
		if err := m.linkMap(); err != nil {
			return err
		}
		if m.How == Nowhere {
			if err := m.objects(); err != nil {
				return err
			}
		}
	}
	m.compileUnits()
	m.debug()
	m.near()
	return nil
}

// near gives functions without a library that of both their neighbours.
func (m *Image) near() {
	last := -1 // index of the last one that is known
	for i := range m.Funcs {
		if m.Funcs[i].Lib < 0 {
			continue
		}
		if last >= 0 && m.Funcs[last].Lib == m.Funcs[i].Lib {
			for k := last + 1; k < i; k++ {
				m.Funcs[k].Lib, m.Funcs[k].Source = m.Funcs[i].Lib, Near
			}
		}
		last = i
	}
}

// account counts what belongs to whom.
func (m *Image) account() {
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if f.Lib < 0 {
			m.Unknown += f.Size
			m.UnknownFuncs = append(m.UnknownFuncs, f.Name)
			continue
		}
		m.Libs[f.Lib].Funcs++
		m.Libs[f.Lib].Code += f.Size
	}
	for i := range m.Data {
		if f := &m.Data[i]; f.Lib >= 0 {
			m.Libs[f.Lib].Data += f.Size
		}
	}
}
