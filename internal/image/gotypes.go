package image

import (
	"bytes"
	"regexp"
	"sync"
)

// Type descriptors of Go, and what the garbage collector knows of memory. The layouts are the toolchain's own:
// runtime/symtab.go (moduledata, _func), runtime/stack.go (stackObjectRecord), runtime/mbitmap.go (runGCProg),
// internal/abi/type.go (Type), internal/abi/funcpc.go (FUNCDATA_StackObjects).

// GoType says where a program of Go may have values of a struct type. Memory for a value is allocated with
// the type's descriptor, or that of a type that has it in it; in data and in frames the collector knows where pointers
// are, and in the same pattern.
type GoType struct {
	Types    []uint64 // its descriptors: one, or those of types of the same name, and of structs with pointers in the same places
	Pointers []uint64 // those of pointers to it
	Elements []uint64 // the words by which the descriptors of pointers refer to it
	Data     []Range  // variables that may be such values: pointers are where those of one are
	Frames   []uint64 // entries of functions with such a variable in their frame, sorted
}

// goVersions are those whose layouts are known here.
var goVersions = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^go1\.(1[89]|2[0-6])(\.\d+|rc\d+)?( |$)`)
})

const (
	goStruct, goPointer, goFunction = 25, 22, 19 // abi.Kind
	goKinds                         = 31         // kinds without flags
	goProgram                       = 1 << 6     // in the kind: the mask is a program (until 1.23)
	goExtraStar                     = 1 << 1     // in TFlag: the name has a * before it
	goOnDemand                      = 1 << 4     // in TFlag: there is no mask (since 1.24)
	goTypeSize                      = 48
	goStackObjects                  = 2 // FUNCDATA_StackObjects

	maxGoData  = 1 << 27 // of variables, in bytes
	maxGoTypes = 16      // of a name
)

// goClosure is how the names of types of closures begin, whose variables are X0, X1 ...
const goClosure = "*struct { F uintptr; X0 "

// goMod is what the module data says.
type goMod struct {
	data, bss, types              Range
	gcdata, gcbss, rodata, gofunc uint64
}

// goModule reads the module data; false if its layout is not known.
func (f *File) goModule() (m goMod, ok bool) {
	t := f.gopclntab()
	if t == nil || t.mod == 0 || !goVersions().MatchString(f.GoVersion()) {
		return m, false
	}
	word := func(off uint64) uint64 {
		v, known := f.pointer(t.mod + off)
		ok = ok && known
		return v
	}
	ok = true
	m.data, m.bss = Range{word(208), word(216)}, Range{word(224), word(232)}
	end := uint64(256)
	if t.starts { // since 1.20, with what follows from coverage counters
		end = 272
	}
	m.gcdata, m.gcbss = word(end+8), word(end+16)
	m.types = Range{word(end + 24), word(end + 32)}
	m.rodata, m.gofunc = word(end+40), word(end+48)
	for _, r := range []Range{m.data, m.bss, m.types} {
		ok = ok && r.Start&7 == 0 && r.Start >= f.Low && r.Start <= r.End && r.End <= f.High && r.End-r.Start <= maxGoData
	}
	return m, ok
}

// GoType finds where values of the struct type of a name (with the last element of its package's path) may be. It has a
// field of a name: if another type without a name has it, too, code that is not known may copy values
// to such; false then, and if the layout of the file is not known.
func (f *File) GoType(name, field string) (*GoType, bool) {
	m, ok := f.goModule()
	if !ok {
		return nil, false
	}
	all, ok := slice(f.Bytes(m.types.Start), 0, m.types.End-m.types.Start)
	if !ok || bytes.Contains(all, []byte(field+" ")) {
		return nil, false
	}
	names := map[uint32]bool{}
	full := append([]byte{byte(len(name) + 1), '*'}, name...) // the length is a varint
	for p := 0; len(names) < maxGoTypes; {
		i := bytes.Index(all[p:], full)
		if i < 0 {
			break
		}
		if p += i; p > 0 {
			names[uint32(p-1)] = true
		}
		p++
	}
	t := &GoType{}
	var masks [][]bool
	structs := map[uint64]bool{}
	each := func(kind byte, do func(a uint64, b []byte) bool) bool {
		for p := 0; p+goTypeSize+8 <= len(all); p += 8 {
			if b := all[p:]; b[23]&goKinds == kind && names[le32(b[40:])] && !do(m.types.Start+uint64(p), b) {
				return false
			}
		}
		return true
	}
	type shape struct{ size, ptrs uint64 }
	shapes := map[shape][]byte{} // masks by shape
	ok = each(goStruct, func(a uint64, b []byte) bool {
		gc, known := f.pointer(a + 32)
		size, ptrs := le64(b), le64(b[8:])
		mask, whole := slice(f.Bytes(gc), 0, (ptrs/8+7)/8)
		if !known || !whole || b[20]&goExtraStar == 0 || b[20]&goOnDemand != 0 || b[23]&goProgram != 0 || size&7 != 0 || ptrs > size || ptrs == 0 || size > 1<<12 || len(structs) >= maxGoTypes {
			return false
		}
		structs[a] = true
		t.Types = append(t.Types, a)
		shapes[shape{size, ptrs}] = mask
		bits := make([]bool, size/8)
		for i := range ptrs / 8 {
			bits[i] = mask[i/8]>>(i%8)&1 != 0
		}
		masks = append(masks, bits)
		return true
	})
	// A type that was defined by it, or has its fields, can be converted to it, and so can pointers (Go specification, Conversions).
	for p := 0; ok && p+goTypeSize <= len(all); p += 8 {
		a, b := m.types.Start+uint64(p), all[p:]
		if b[23]&goKinds != goStruct {
			continue
		}
		want := shapes[shape{le64(b), le64(b[8:])}]
		if want == nil || structs[a] {
			continue
		}
		gc, known := f.pointer(a + 32)
		if mask, whole := slice(f.Bytes(gc), 0, uint64(len(want))); known && whole && b[20]&goOnDemand == 0 && b[23]&goProgram == 0 && !bytes.Equal(mask, want) {
			continue
		}
		if len(structs) >= maxGoTypes {
			return nil, false
		}
		structs[a] = true
		t.Types = append(t.Types, a)
		if b[20]&goExtraStar != 0 {
			names[le32(b[40:])] = true
		}
	}
	ok = ok && len(structs) > 0 && each(goPointer, func(a uint64, b []byte) bool {
		if elem, known := f.pointer(a + goTypeSize); known && structs[elem] && len(t.Pointers) < maxGoTypes {
			t.Pointers = append(t.Pointers, a)
			t.Elements = append(t.Elements, a+goTypeSize)
		}
		return true
	})
	if !ok {
		return nil, false
	}
	for _, s := range []struct {
		r    Range
		prog uint64
	}{{m.data, m.gcdata}, {m.bss, m.gcbss}} {
		bits, known := runGCProg(f.Bytes(s.prog), int(s.r.End-s.r.Start)/8)
		if !known {
			return nil, false
		}
		for _, mask := range masks {
			matches(bits, mask, func(i int) {
				a := s.r.Start + 8*uint64(i)
				t.Data = append(t.Data, Range{a, a + 8*uint64(len(mask))})
			})
		}
	}
	t.Frames, ok = f.goFrames(&m, masks)
	return t, ok
}

// GoReferrers are the pointer, function and struct types of a file of Go, with the words about their elements, their parameters and
// results, or their fields.
type GoReferrers []goReferrer

type goReferrer struct {
	typ     uint64 // the descriptor
	words   Range
	closure bool // it is of a closure, which only its function knows
}

// TypeOf returns the descriptor of the type that a word is of, and whether it is of a closure; false if there is none.
func (l GoReferrers) TypeOf(word uint64) (typ uint64, closure, ok bool) {
	found := 0
	for i := range l {
		if r := &l[i]; r.words.Contains(word) {
			typ, closure = r.typ, r.closure
			found++
		}
	}
	return typ, closure, found == 1
}

// GoReferrers finds the types of the file that refer to others.
func (f *File) GoReferrers() (l GoReferrers) {
	m, ok := f.goModule()
	all, whole := slice(f.Bytes(m.types.Start), 0, m.types.End-m.types.Start)
	if !ok || !whole {
		return nil
	}
	const (
		fields = goTypeSize + 8 // Fields of abi.StructType
		field  = 24             // size of abi.StructField
		named  = 1<<0 | 1<<2    // in TFlag: it has a name, or methods
	)
	for p := 0; p+goTypeSize+32 <= len(all); p += 8 {
		a, b := m.types.Start+uint64(p), all[p:]
		r := goReferrer{typ: a}
		switch b[23] & goKinds {
		case goPointer:
			if le64(b) != 8 || le64(b[8:]) != 8 {
				continue
			}
			r.words = Range{a + goTypeSize, a + goTypeSize + 1}
		case goFunction:
			n := uint64(le32(b[goTypeSize:])&0xffff + le32(b[goTypeSize:])>>16&0x7fff)
			if le64(b) != 8 || le64(b[8:]) != 8 || b[20]&named != 0 {
				continue
			}
			r.words = Range{a + goTypeSize + 8, a + goTypeSize + 8 + 8*n}
		case goStruct:
			at, known := f.pointer(a + fields)
			n := le64(b[fields+8:])
			if !known || n != le64(b[fields+16:]) || n > uint64(len(all))/field {
				continue
			}
			r.words = Range{at, at + field*n}
			name, _ := slice(all, uint64(le32(b[40:])), 3+uint64(len(goClosure)))
			skip := 2 // flags, and the length
			if len(name) > 1 && name[1]&0x80 != 0 {
				skip = 3
			}
			r.closure = b[20]&named == 0 && len(name) > skip && bytes.HasPrefix(name[skip:], []byte(goClosure))
		default:
			continue
		}
		r.words = Range{max(r.words.Start, m.types.Start), min(r.words.End, m.types.End)}
		if r.words.Start < r.words.End {
			l = append(l, r)
		}
	}
	return l
}

// GoFunctionType reports whether a descriptor is that of a function type.
func (f *File) GoFunctionType(typ uint64) bool {
	b := f.Bytes(typ)
	return len(b) >= goTypeSize && b[23]&goKinds == goFunction
}

// GoMethod reports whether a type may be that of a method, by which reflection finds it without a pointer to it.
func (f *File) GoMethod(typ uint64) bool {
	m, ok := f.goModule()
	all, whole := slice(f.Bytes(m.types.Start), 0, m.types.End-m.types.Start)
	if !ok || !whole {
		return true
	}
	for p := 0; p+4 <= len(all); p += 4 {
		if m.types.Start+uint64(le32(all[p:])) == typ {
			return true
		}
	}
	return false
}

// matches calls do for each place in a mask of memory where another one is.
func matches(all, mask []bool, do func(i int)) {
next:
	for i := 0; i+len(mask) <= len(all); i++ {
		for k, bit := range mask {
			if all[i+k] != bit {
				continue next
			}
		}
		do(i)
	}
}

// runGCProg returns which of n words hold pointers, as a program for the garbage collector says.
func runGCProg(p []byte, n int) (bits []bool, ok bool) {
	bits = make([]bool, 0, n)
	varint := func() (v int) {
		for off := 0; off < 35; off += 7 {
			if len(p) == 0 {
				return -1
			}
			b := p[0]
			p = p[1:]
			if v |= int(b&0x7f) << off; b&0x80 == 0 {
				return v
			}
		}
		return -1
	}
	for {
		if len(p) == 0 {
			return nil, false
		}
		k := int(p[0] & 0x7f)
		repeat := p[0]&0x80 != 0
		p = p[1:]
		switch {
		case !repeat && k == 0:
			return bits[:n], len(bits) <= n // what is not said holds none
		case !repeat:
			if len(p) < (k+7)/8 || len(bits)+k > n {
				return nil, false
			}
			for i := range k {
				bits = append(bits, p[i/8]>>(i%8)&1 != 0)
			}
			p = p[(k+7)/8:]
		default:
			if k == 0 {
				k = varint()
			}
			c := varint()
			if k <= 0 || c < 0 || k > len(bits) || c > n || c*k > n-len(bits) {
				return nil, false
			}
			for range c * k {
				bits = append(bits, bits[len(bits)-k])
			}
		}
	}
}

// goFrames returns the functions that have a variable in their frame which pointers may lead to, and which has pointers as
// one of some masks says.
func (f *File) goFrames(m *goMod, masks [][]bool) (entries []uint64, ok bool) {
	t := f.gopclntab()
	head, counts := uint64(40), uint64(39)
	if t.starts {
		head, counts = 44, 43
	}
	for i := range t.n {
		off := uint64(le32(t.functab[i*8+4:]))
		b, whole := slice(t.funcs, off, head)
		if !whole {
			return nil, false
		}
		at := off + head + 4*(uint64(le32(b[28:]))+goStackObjects)
		if b[counts] <= goStackObjects {
			continue
		}
		d, whole := slice(t.funcs, at, 4)
		if !whole {
			return nil, false
		}
		if le32(d) == ^uint32(0) {
			continue
		}
		l := f.Bytes(m.gofunc + uint64(le32(d)))
		if len(l) < 8 || le64(l) > uint64(len(l)-8)/16 {
			return nil, false
		}
		for k := range le64(l) {
			o := l[8+16*k:]
			size, ptrs := int32(le32(o[4:])), int32(le32(o[8:]))
			has, known := f.frameHas(m, size, ptrs, le32(o[12:]), masks)
			if !known {
				return nil, false
			}
			if e := t.entry(i); has && (len(entries) == 0 || entries[len(entries)-1] != e) {
				entries = append(entries, e)
			}
		}
	}
	return entries, true
}

func (f *File) frameHas(m *goMod, size, ptrs int32, gc uint32, masks [][]bool) (has, known bool) {
	least := len(masks[0])
	for _, mask := range masks {
		least = min(least, len(mask))
	}
	if size < 0 || ptrs > size {
		return false, false
	}
	if int(size) < 8*least {
		return false, true
	}
	if ptrs < 0 {
		return true, true // a program, until 1.23
	}
	b, ok := slice(f.Bytes(m.rodata+uint64(gc)), 0, (uint64(ptrs)/8+7)/8)
	if !ok {
		return false, false
	}
	bits := make([]bool, size/8)
	for i := range ptrs / 8 {
		bits[i] = b[i/8]>>(i%8)&1 != 0
	}
	for _, mask := range masks {
		matches(bits, mask, func(int) { has = true })
	}
	return has, true
}
