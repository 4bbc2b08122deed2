package reach

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/x86"
)

// R_X86_64_* of the psABI, table 4.9.
const (
	r64       = 1
	rPC32     = 2
	rCopy     = 5
	rGlobDat  = 6
	rJumpSlot = 7
	rRelative = 8
	r32       = 10
	r32S      = 11
	rIRel     = 37
	rRel64    = 38
)

// STT_* of the gABI.
const (
	sttNoType = 0
	sttObject = 1
	sttFunc   = 2
	sttTLS    = 6
	sttIFunc  = 10
)

// member is one image with the state of its data.
type member struct {
	*process.Image
	id     int
	relocs []image.Reloc // with the words of position-dependent files that hold addresses
	hard   []uint64      // boundaries that are proven: sections, symbols
	starts []uint64      // of objects, sorted; the last one is the end of the image
	live   []bool        // per object
	open   []bool        // per object: its address is known to code that may write to it

	writes   map[uint64]uint8 // by word: the bytes that live code writes by name
	guards   map[uint64][]way // by word: edges that wait for a write
	exports  []image.Range    // data that other files can name
	got      []image.Range
	keepers  []UnitID            // see Graph.keeping
	stored   map[uint64][]uint64 // addresses that live code stores to a word
	held     map[uint64][]held   // stores to words that nothing reads yet
	heldIn   map[int][]uint64    // object -> words with held stores
	tables   map[table]bool      // looked at as tables of offsets, but for those from themselves
	whole    []bool              // by index in hard: all objects up to the next boundary are live and open
	marks    marks
	looks    Lookups           // which symbols it looks up by name: texts that its live code refers to may be names
	opened   Lookups           // see Graph.Open
	texts    []name            // texts that its live code refers to and that symbols may have as names
	strict   bool              // see Graph.SymbolsBound
	own      bool              // live code finds its own table of symbols
	gates    []image.Range     // pieces of code in which a system call instruction's bytes are
	entries  map[uint64]uint64 // labels in tables that instructions of a position-dependent file jump through, by their place
	assigned []string          // and those at the beginning of texts that go on with =

	goEntries *goEntries // nil: not looked for yet
}

// Lookups says where an image may look symbols up by name.
type Lookups uint8

// Scopes of look-ups.
const (
	LooksNowhere    Lookups = iota
	LooksInModules          // in what was loaded by dlopen
	LooksInOpened           // and in what was in the process before and is opened by name, or that such needs, but for the C library (Open)
	LooksInNeeded           // and in the C library, too
	LooksEverywhere         // RTLD_DEFAULT, RTLD_NEXT, dlopen(NULL), and the loader itself
)

// table is a table of offsets of size bytes at a, relative to base.
type table struct {
	a, base uint64
	size    int
}

// name is a text that live code refers to and that a symbol may have as its name.
type name struct {
	addr    uint64
	unit    UnitID
	how     How
	foreign bool
	len     uint16
}

// held is a store that waits for its slot to be read.
type held struct {
	addr uint64
	off  int32
	from cause
}

// newMember partitions the data of an image into objects. Boundaries are only
// where they are proven: sections (segments when there are none) and the
// extents of data symbols. Symbols that overlap are one object. room is memory for it.
func newMember(img *process.Image, room *[]uint64) *member {
	m := &member{Image: img, id: img.ID, stored: map[uint64][]uint64{}, held: map[uint64][]held{}, heldIn: map[int][]uint64{}, tables: map[table]bool{}}
	m.relocs = img.Relocs
	if img.Type == 2 {
		m.addWords()
	}
	m.addVsyscalls()
	var b []uint64
	for _, s := range img.Sections {
		b = append(b, s.Start, s.End)
		if strings.HasPrefix(s.Name, ".got") {
			m.got = append(m.got, image.Range{Start: s.Start, End: s.End})
		}
	}
	for _, s := range img.Segments {
		b = append(b, s.Addr, s.Addr+s.MemSize)
	}
	if img.Relro.End > img.Relro.Start {
		b = append(b, img.Relro.Start, img.Relro.End)
	}
	end := uint64(0)
	syms := img.DataSymbols()
	for i := 0; i < len(syms); {
		s, e := syms[i].Start, syms[i].End
		if m.set(s) {
			i++
			continue
		}
		for i++; i < len(syms) && syms[i].Start < e; i++ {
			e = max(e, syms[i].End)
		}
		if s < end {
			continue
		}
		end = e
		b = append(b, s, e)
	}
	slices.Sort(b)
	b = slices.Compact(b)
	m.hard = slices.Clip(b)
	m.starts = m.split(b, syms, room)
	m.live = make([]bool, len(m.starts)+1)
	m.open = make([]bool, len(m.starts)+1)
	m.whole = make([]bool, len(m.hard))
	m.writes, m.guards = map[uint64]uint8{}, map[uint64][]way{}
	for i := 1; i < img.NumSymbols(); i++ {
		if s := img.Symbol(i); s.Shndx != 0 && s.Type != sttTLS && s.Type != sttFunc && s.Type != sttIFunc {
			end := s.Value + s.Size
			if i, _ := slices.BinarySearch(m.hard, s.Value+1); s.Size == 0 && i < len(m.hard) {
				end = m.hard[i] // assembly does not always say
			}
			if end > s.Value {
				m.exports = append(m.exports, image.Range{Start: s.Value, End: end})
			}
		}
	}
	m.exports = union(m.exports)
	for _, x := range m.ExecRanges() {
		m.gates = append(m.gates, withGates(m.Bytes(x.Start)[:x.End-x.Start], x.Start)...)
	}
	return m
}

// union returns ranges that cover the same addresses, ascending and apart.
func union(l []image.Range) []image.Range {
	slices.SortFunc(l, func(a, b image.Range) int { return cmp.Compare(a.Start, b.Start) })
	out := l[:0]
	for _, r := range l {
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// set reports whether a is in a section that the linker puts __start_ and
// __stop_ symbols around: code walks it from one object to the next.
func (m *member) set(a uint64) bool {
	s := m.Section(a)
	return s != nil && identifier(s.Name)
}

// objectAlign is the alignment that GCC gives to static objects of its size
// and more (ix86_data_alignment), and clang to arrays of half of it.
const objectAlign = 32

// split adds boundaries inside sections of stripped files, at the addresses
// that code forms or relocations hold. Such an address may point into an
// object, so only those count that are aligned as objects are, that no symbol
// covers, that are not a reference of an object to itself (list heads), and
// across which the relocations do not go on in the same pattern (arrays).
func (m *member) split(hard []uint64, syms []image.Range, room *[]uint64) []uint64 {
	c := (*room)[:0]
	add := func(a uint64) {
		if a&(objectAlign-1) == 0 && a >= m.Low && a < m.High && !m.Exec(a) && !m.set(a) {
			c = append(c, a)
		}
	}
	for i := range m.relocs {
		if r := &m.relocs[i]; r.Type == rRelative && r.Addr+16 < r.Addend || r.Addend+16 < r.Addr {
			add(r.Addend)
		}
	}
	m.Leas(add)
	m.immediates(add)
	*room = c
	slices.Sort(c)
	c = slices.Compact(c)
	out := make([]uint64, 0, len(hard)+len(c)/2)
	k, h, r := 0, 0, 0 // what is about the address or behind it: in syms, hard, relocs
	for _, a := range c {
		for k < len(syms) && syms[k].End <= a {
			k++
		}
		for h < len(hard) && hard[h] <= a {
			out = append(out, hard[h])
			h++
		}
		if k < len(syms) && syms[k].Start < a || h > 0 && hard[h-1] == a {
			continue
		}
		for r < len(m.relocs) && m.relocs[r].Addr+8+8*elementWords <= a {
			r++
		}
		if m.periodic(a, hard, h, m.relocs[r:]) {
			continue
		}
		out = append(out, a)
	}
	return append(out, hard[h:]...)
}

// immediates calls add for each address that an instruction may have as an immediate of 32 bits, in position-dependent files.
func (m *member) immediates(add func(uint64)) {
	if m.Type != 2 {
		return
	}
	for _, x := range m.ExecRanges() {
		code := m.Bytes(x.Start)[:x.End-x.Start]
		m.absolute(code, objectAlign, func(i int, a uint64) {
			// push or mov to a register, and mov to memory, whose address or immediate it may be
			if op := code[i-1]; op&0xf8 == 0xb8 || op == 0x68 || code[i-2] == 0xc7 || i > 6 && code[i-6] == 0xc7 {
				add(a)
			}
		})
	}
}

// absolute calls found for each place in the code of a position-dependent file, but for its first two, where an aligned
// address of the file is as 32 bits. It looks at the lowest and the highest byte of eight places at a time.
func (m *member) absolute(code []byte, align uint64, found func(i int, a uint64)) {
	const each = 0x0101010101010101 // in each byte
	top := min(m.High>>24, 0x7f)
	test := func(i int) {
		if a := uint64(binary.LittleEndian.Uint32(code[i:])); a&(align-1) == 0 && a-m.Low < m.High-m.Low {
			found(i, a)
		}
	}
	i := 2
	for ; i+8+3 <= len(code); i += 8 {
		low, high := binary.LittleEndian.Uint64(code[i:]), binary.LittleEndian.Uint64(code[i+3:])
		may := ^(low&((align-1)*each) + 0x7f*each)
		if top < 0x7f {
			may &^= high&(0x7f*each) + (0x7f-top)*each | high
		}
		if m.Low>>16 != 0 { // code has many zeros
			third := binary.LittleEndian.Uint64(code[i+2:]) | high
			may &= third&(0x7f*each) + 0x7f*each | third
		}
		for may &= 0x80 * each; may != 0; may &= may - 1 {
			test(i + bits.TrailingZeros64(may)>>3)
		}
	}
	for ; i+4 <= len(code); i++ {
		test(i)
	}
}

// elementWords is how many words an element of an array has at most: longer runs of pointers are operation tables and vtables.
const elementWords = 12

// periodic reports whether the words on both sides of a look like those of two
// neighbouring elements of an array: for some element size, pointers to code,
// pointers to data and other words come in the same order, and not all of them
// are alike; or pointers to code and to data do, and others are left out in one of them. (Tables of nothing but functions are as often neighbours as arrays.)
// An array ends at proven boundaries, and so do both elements.
//
// next is the place in hard of the first boundary behind a; relocs are the relocations but for some that are far before a.
func (m *member) periodic(a uint64, hard []uint64, next int, relocs []image.Reloc) bool {
	const words = elementWords
	most := uint64(words)
	if next > 0 {
		most = min(most, (a-hard[next-1])/8)
	}
	if next < len(hard) {
		most = min(most, (hard[next]-a)/8)
	}
	if most < 2 {
		return false
	}
	var before, after [words]wordClass // from a outwards, from a onwards
	pointers := false                  // after has some
	for i := range relocs {
		r := &relocs[i]
		if r.Addr >= a+8*most {
			break
		}
		d := int64(r.Addr-a) >> 3
		if d >= 0 && d < words {
			after[d], pointers = m.class(*r), true
		} else if d < 0 && d >= -words {
			before[-d-1] = m.class(*r)
		}
	}
	if !pointers {
		return false
	}
	for n := 2; n <= int(most); n++ {
		same, alike, mixed, code, data := true, true, false, false, false
		for i := 0; i < n && alike; i++ {
			b, a := before[n-1-i], after[i]
			same = same && b == a
			alike = b == a || b == plainWord || a == plainWord
			mixed = mixed || a != after[0]
			code, data = code || b == a && a == codeWord, data || b == a && a == dataWord
		}
		if same && mixed || alike && code && data {
			return true
		}
	}
	return false
}

// wordClass is what a word of data holds.
type wordClass uint8

const (
	plainWord wordClass = iota
	codeWord
	dataWord
)

func (m *member) class(r image.Reloc) wordClass {
	if r.Sym == 0 && m.Exec(r.Addend) || r.Sym != 0 && m.Symbol(int(r.Sym)).Type == sttFunc {
		return codeWord
	}
	return dataWord
}

// SHT_* of the gABI.
const (
	shtNote   = 7
	shtDynsym = 11
)

// isNote reports whether a section is a note of the toolchain's, which is no address; a program's own may have some.
func isNote(s *image.Section) bool {
	return s.Type == shtNote && (strings.HasPrefix(s.Name, ".note.gnu.") || strings.HasPrefix(s.Name, ".note.go.") || s.Name == ".note.ABI-tag")
}

// addWords adds the words of a position-dependent file that hold addresses of
// the file as if they had relocations: 8-byte words at 8-byte boundaries; and at others (packed structures)
// 8-byte ones that hold the start of a function or the address of a variable, and 4-byte ones at 4-byte boundaries
// that hold the start of a function. Words in code are looked at only if no section says what is code, and there
// only at 4-byte boundaries.
func (m *member) addWords() {
	known := make(map[uint64]bool, len(m.relocs))
	for _, r := range m.relocs {
		known[r.Addr] = true
	}
	out := slices.Clone(m.relocs)
	tables := m.jumpTables()
	m.entries = map[uint64]uint64{}
	goFile := m.IsGo() // its 32-bit words are offsets
	top := byte(0xff)  // of addresses as 32-bit words
	if m.High < 1<<32 {
		top = byte(m.High >> 24)
	}
	scan := func(start, end uint64) {
		b := m.Bytes(start)
		if uint64(len(b)) > end-start {
			b = b[:end-start]
		}
		step := uint64(1)
		switch { // nothing is packed
		case goFile:
			step = 8
		case m.Exec(start):
			step = 4
		}
		for off := -start & (step - 1); off+4 <= uint64(len(b)); off += step {
			a := start + off
			if a&3 != 0 && (b[off+3] > top || !isZero(b[off+4:], 4)) {
				continue
			}
			v := uint64(binary.LittleEndian.Uint32(b[off:]))
			if v < m.Low || v > m.High {
				continue
			}
			if a&7 == 0 && off+8 <= uint64(len(b)) && binary.LittleEndian.Uint32(b[off+4:]) == 0 {
				if known[a] || goFile && m.Exec(v) && !m.isStart(v) {
					continue
				}
				if m.isLabel(v) {
					if tables[a] || tables[a-8] {
						tables[a] = true // the table goes on
						m.entries[a] = v
						continue
					}
				}
				{
					out = append(out, image.Reloc{Addr: a, Addend: v, Type: rRelative})
				}
			} else if !goFile && m.Exec(v) && !known[a] && m.isStart(v) {
				out = append(out, image.Reloc{Addr: a, Addend: v, Type: r32})
			} else if !goFile && m.Writable(v) && !known[a] && isZero(b[off+4:], 4) {
				out = append(out, image.Reloc{Addr: a, Addend: v, Type: rRelative})
			}
		}
	}
	if len(m.Sections) > 0 {
		for _, s := range m.Sections {
			if s.X || s.NoBits || strings.HasPrefix(s.Name, ".eh_frame") || s.Name == ".gopclntab" || s.Name == ".gcc_except_table" || isNote(&s) || s.Type == shtDynsym && s.Start == m.SymbolTable() {
				continue
			}
			scan(s.Start, s.End)
		}
	} else {
		for _, s := range m.Segments {
			scan(s.Addr, s.Addr+s.FileSize)
		}
	}
	byAddr(out)
	m.relocs = out
}

// byAddr sorts relocations by address, those at the same one as they come. Most often they are sorted.
func byAddr(l []image.Reloc) {
	order := func(a, b image.Reloc) int { return cmp.Compare(a.Addr, b.Addr) }
	if !slices.IsSortedFunc(l, order) {
		slices.SortStableFunc(l, order)
	}
}

// vsyscallPage is where the kernel maps the vsyscalls (arch/x86/include/uapi/asm/vsyscall.h).
const vsyscallPage = 0xffffffffff600000

// addVsyscalls adds the words of the file's data that hold addresses in the vsyscall page, as if they
// had relocations.
func (m *member) addVsyscalls() {
	n := len(m.relocs)
	m.relocs = m.relocs[:n:n] // those of the file are not written to
	scan := func(start, end uint64) {
		b := m.Bytes(start)
		b = b[:min(uint64(len(b)), end-start)]
		eachVsyscall(b, int(-start&7), func(off int, v uint64) {
			m.relocs = append(m.relocs, image.Reloc{Addr: start + uint64(off), Addend: v, Type: rRelative})
		})
	}
	for _, s := range m.Segments {
		start, end := s.Addr, s.Addr+s.MemSize
		for _, code := range m.Sections {
			if code.X && code.Start >= start && code.Start < end {
				scan(start, code.Start)
				start = min(code.End, end)
			}
		}
		scan(start, end)
	}
	if len(m.relocs) > n {
		byAddr(m.relocs)
	}
}

// eachVsyscall calls do for the words of b, the first of which is at off, that are addresses in the vsyscall page.
func eachVsyscall(b []byte, off int, do func(off int, v uint64)) {
	for ; off+8 <= len(b); off += 8 {
		for off+8*8 <= len(b) && !upper((*[8 * 8]byte)(b[off:])) {
			off += 8 * 8
		}
		if off+8 > len(b) {
			return
		}
		if v := binary.LittleEndian.Uint64(b[off:]); v&^0xfff == vsyscallPage {
			do(off, v)
		}
	}
}

// upper reports whether the upper half of one of eight words has all its bits, as that of an address in the vsyscall page.
func upper(b *[8 * 8]byte) bool {
	borrow := func(off int) uint64 { return ^binary.LittleEndian.Uint64(b[off:])>>32 - 1 }
	return int64(borrow(0)|borrow(8)|borrow(16)|borrow(24)|borrow(32)|borrow(40)|borrow(48)|borrow(56)) < 0
}

// isZero reports whether the first n bytes of b are zero.
func isZero(b []byte, n int) bool {
	return len(b) >= n && !slices.ContainsFunc(b[:n], func(c byte) bool { return c != 0 })
}

// Holders returns the words of an image's data that hold an address in a range when the program starts.
func (g *Graph) Holders(img int, r image.Range) []uint64 {
	g.sync()
	var out []uint64
	for _, x := range g.Members[img].relocs {
		if x.Sym == 0 && r.Contains(x.Addend) {
			out = append(out, x.Addr)
		}
	}
	return out
}

// odd makes live what is loaded from a place in a position-dependent file where no
// word that holds an address is looked for: 4 bytes, or 8, that are not aligned to 4, and
// 4 bytes with the address of a variable.
func (g *Graph) odd(img int, a, size uint64, c cause) {
	m := g.Members[img]
	b := m.Bytes(a)
	if m.Type != 2 || size < 4 || len(b) < 4 {
		return
	}
	if v := uint64(binary.LittleEndian.Uint32(b)); size == 4 && m.Writable(v) || a&3 != 0 && m.Exec(v) && m.isStart(v) {
		g.addr(img, v, c)
	}
}

// Exported reports whether a dynamic symbol of the image is at a.
func (m *member) Exported(a uint64) bool {
	for i := 1; i < m.NumSymbols(); i++ {
		if s := m.Symbol(i); s.Value == a && s.Shndx != 0 {
			return true
		}
	}
	return false
}

// isLabel reports whether a is inside a function, not at its start.
func (m *member) isLabel(a uint64) bool {
	f := m.FDEAt(a)
	if f == nil && !(m.strict && m.InFunc(a)) || f != nil && (f.Start == a || f.Signal && f.Start+1 == a) {
		return false
	}
	_, start := slices.BinarySearch(m.FuncStarts(), a)
	return !start
}

// jumpTables finds the starts of tables of code addresses that instructions of
// a position-dependent file index: jmp *table(,%reg,8), mov table(,%reg,8),%reg.
func (m *member) jumpTables() map[uint64]bool {
	t := map[uint64]bool{}
	for _, x := range m.ExecRanges() {
		code := m.Bytes(x.Start)[:x.End-x.Start]
		m.absolute(code, 8, func(i int, a uint64) {
			if i > 2 && code[i-1]&0xc7 == 0xc5 && (code[i-3] == 0xff && code[i-2] == 0x24 || code[i-3] == 0x8b && code[i-2]&0xc7 == 4) {
				t[a] = true
			}
		})
	}
	return t
}

// isStart reports whether a function may start at a: a proven start, or, in
// code without unwind information or symbols to prove any, a place that control
// does not fall into: right behind a jump, a return, a trap or padding.
func (m *member) isStart(a uint64) bool {
	if _, ok := slices.BinarySearch(m.FuncStarts(), a); ok {
		return true
	}
	if m.FDEAt(a) != nil {
		return false
	}
	var in x86.Inst
	for n := uint64(1); n <= 15 && a-n >= m.Low; n++ {
		code := m.Bytes(a - n)
		if len(code) < int(n) || !m.Exec(a-n) {
			return true // nothing before it
		}
		if !x86.Decode(code[:n], a-n, &in) || uint64(in.Len) != n {
			continue
		}
		switch in.Op {
		case x86.OpJmp, x86.OpJmpInd, x86.OpRet, x86.OpTrap, x86.OpNop:
			return true
		}
	}
	b := m.Bytes(a - 1)
	return len(b) == 0 || b[0] == 0 // the start of a segment, or zero padding
}

// object returns the object that a lies in, -1 if none.
func (m *member) object(a uint64) int {
	return sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > a }) - 1
}

// relocsIn returns the relocations of [start, end).
func (m *member) relocsIn(start, end uint64) []image.Reloc {
	i := sort.Search(len(m.relocs), func(i int) bool { return m.relocs[i].Addr+7 >= start })
	for i < len(m.relocs) && m.relocs[i].Addr+relocSize(m.relocs[i].Type) <= start {
		i++
	}
	j := i
	for j < len(m.relocs) && m.relocs[j].Addr < end {
		j++
	}
	return m.relocs[i:j]
}

func relocSize(t uint32) uint64 {
	switch t {
	case rPC32, r32, r32S:
		return 4
	}
	return 8
}

// dynamic makes all live that a file exports if live code has the address of its dynamic section (_DYNAMIC), from where
// the table of its symbols is found; the loader's code reads those of others. In data only the address of the
// section itself counts, in code also that of one of its entries.
func (g *Graph) dynamic(img int, a uint64, c cause) {
	m := g.Members[img]
	d := m.Dynamic()
	held := c.how == Slot && a == m.GotPLT && a != 0 // the first word of the GOT is that address
	if m.own || !held && !d.Contains(a) || c.how == Data && a != d.Start || m.Origin == process.OriginLoader {
		return
	}
	m.own = true
	c.how, c.foreign = Symbol, false
	for i := 1; i < m.NumSymbols(); i++ {
		if m.Symbol(i).Shndx != 0 {
			g.symbol(process.Target{Image: img, Sym: i}, 0, c, "")
		}
	}
}

func (m *member) inGOT(a uint64) bool {
	for _, g := range m.got {
		if a >= g.Start && a < g.End {
			return true
		}
	}
	return false
}
