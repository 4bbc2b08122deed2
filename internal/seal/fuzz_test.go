package seal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/policy"
	"github.com/gofind-dev/gofind/internal/sysno"
)

// small makes an ELF file of a few hundred bytes. Its options are bits.
type small uint

const (
	withProperty small = 1 << iota // PT_GNU_PROPERTY and a PT_NOTE for the same note
	withNull                       // an unused header
	withInterp                     // PT_INTERP behind the table
	withNote                       // a PT_NOTE behind that
	withHash                       // DT_HASH behind that
	withRoom                       // unused bytes behind the table
	withSections
	withAppended // bytes after the ELF file
	withBSS
	allSmall = 1<<iota - 1
)

const smallBase = 0x400000

func (o small) bytes() []byte {
	has := func(b small) bool { return o&b != 0 }
	var phs []phdr
	n := 3
	for _, b := range []small{withProperty, withProperty, withNull, withInterp, withNote, withHash} {
		if has(b) {
			n++
		}
	}
	b := make([]byte, ehdrLen+n*phdrLen)
	var secs []shdr
	names := "\x00.text\x00.note\x00.interp\x00.hash\x00.dynamic\x00.shstrtab\x00"
	put := func(typ uint32, name string, stype uint32, align int, data []byte) phdr {
		for len(b)%align != 0 {
			b = append(b, 0)
		}
		p := phdr{typ, pfR, uint64(len(b)), smallBase + uint64(len(b)), smallBase + uint64(len(b)), uint64(len(data)), uint64(len(data)), uint64(align)}
		b = append(b, data...)
		secs = append(secs, shdr{name: uint32(bytes.Index([]byte(names), []byte(name+"\x00"))), typ: stype, flags: shfAlloc, addr: p.vaddr, off: p.off, size: p.size, align: uint64(align)})
		return p
	}
	note := append([]byte{4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0}, "GNU\x00abcd"...)
	if has(withRoom) {
		b = append(b, make([]byte, 100)...)
	}
	if has(withInterp) {
		phs = append(phs, put(ptInterp, ".interp", shtProgbits, 1, []byte("/lib/ld-musl-x86_64.so.1\x00")))
	}
	if has(withNote) {
		phs = append(phs, put(ptNote, ".note", 7, 4, slices.Concat(note, note, note)))
	}
	if has(withHash) {
		h := put(0, ".hash", shtHash, 8, []byte{1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		dyn := le.AppendUint64(le.AppendUint64(nil, dtHash), h.vaddr)
		strs := put(0, ".dynamic", shtProgbits, 8, make([]byte, 48))
		for _, d := range [][2]uint64{{5, strs.vaddr}, {10, 1}, {6, strs.vaddr}, {0, 0}} {
			dyn = le.AppendUint64(le.AppendUint64(dyn, d[0]), d[1])
		}
		phs = append(phs, put(ptDynamic, ".dynamic", shtProgbits, 8, dyn))
	}
	if has(withProperty) {
		property := bytes.Clone(note)
		property[8] = 5
		p := put(ptNote, ".note", 7, 8, property)
		phs = append(phs, p)
		p.typ = ptGNUProperty
		phs = append(phs, p)
	}
	text := put(0, ".text", shtProgbits, 16, []byte{0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0xf4})
	secs[len(secs)-1].flags |= shfExec
	if has(withNull) {
		phs = append(phs, phdr{})
	}
	end := uint64(len(b))
	load := phdr{ptLoad, pfR | pfX, 0, smallBase, smallBase, end, end, page}
	phs = append([]phdr{{ptPhdr, pfR, ehdrLen, smallBase + ehdrLen, smallBase + ehdrLen, uint64(n * phdrLen), uint64(n * phdrLen), 8}, load}, phs...)
	bss := phdr{ptLoad, pfR | 2, end, smallBase + page + end, 0, 0, 64, page}
	if has(withBSS) {
		bss.memsz = 3 * page
	}
	phs = append(phs, bss)
	var table []byte
	for i := range phs {
		table = phs[i].append(table)
	}
	copy(b[ehdrLen:], table)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 2)
	le.PutUint16(b[18:], 62)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[ehEntry:], text.vaddr)
	le.PutUint64(b[ehPhoff:], ehdrLen)
	le.PutUint16(b[52:], ehdrLen)
	le.PutUint16(b[54:], phdrLen)
	le.PutUint16(b[ehPhnum:], uint16(len(phs)))
	if has(withSections) {
		at := len(b)
		b = append(b, names...)
		if has(withNote) { // a symbol in each section
			syms := shdr{typ: shtSymtab, off: uint64(len(b)), size: uint64(len(secs)+1) * symLen, link: uint32(len(secs) + 2), entsize: symLen}
			b = append(b, make([]byte, symLen)...)
			for i := range secs {
				sym := make([]byte, symLen)
				le.PutUint16(sym[symSection:], uint16(i+1))
				le.PutUint64(sym[symValue:], secs[i].addr)
				b = append(b, sym...)
			}
			secs = append(secs, syms)
		}
		secs = append([]shdr{{}}, append(secs, shdr{name: uint32(bytes.Index([]byte(names), []byte(".shstrtab"))), typ: shtStrtab, off: uint64(at), size: uint64(len(names))})...)
		for len(b)%8 != 0 {
			b = append(b, 0)
		}
		le.PutUint64(b[ehShoff:], uint64(len(b)))
		le.PutUint16(b[ehShnum-2:], shdrLen)
		le.PutUint16(b[ehShnum:], uint16(len(secs)))
		le.PutUint16(b[ehShstrndx:], uint16(len(secs)-1))
		for i := range secs {
			b = secs[i].append(b)
		}
	}
	if has(withAppended) {
		b = append(b, "appended to the file"...)
	}
	return b
}

func fuzzPolicy() *policy.Policy {
	return &policy.Policy{Default: policy.KillProcess, Unknown: policy.Errno(38), Rules: []policy.Rule{
		{Call: sysno.Call{Nr: 1}, Clauses: []policy.Clause{{Action: policy.Allow}}}}}
}

// checkSeal seals a file and checks what must hold of the result. It returns nil if the file cannot be sealed.
func checkSeal(t testing.TB, data []byte) []byte {
	p, m := fuzzPolicy(), Meta{Program: "/a/program", Policy: []byte(`{"a":1}`)}
	before := bytes.Clone(data)
	out, err := Seal("f", data, p, m, false)
	if !bytes.Equal(before, data) {
		t.Fatal("Seal changed its input")
	}
	if err != nil {
		if out != nil {
			t.Fatal("a file and an error")
		}
		return nil
	}
	was, err := parse("f", data)
	if err != nil {
		t.Fatal(err)
	}
	now, err := parse("f", out)
	if err != nil {
		t.Fatalf("what Seal made is refused: %v", err)
	}
	s, err := Read("f", out)
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.Original()
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("not the original: %v", err)
	}
	if s.Meta.Original.Entry != was.Entry || now.Entry == was.Entry {
		t.Fatalf("entry %#x, was %#x", now.Entry, was.Entry)
	}
	if _, err := Seal("f", out, p, m, false); err == nil {
		t.Fatal("sealed twice")
	}

	// Memory is as it was, and there is one segment more, after all others.
	for i := range was.Segments {
		a := was.Segments[i]
		b, ok := segmentAt(now.File, a.Addr)
		if !ok {
			if a.X && string(was.Bytes(a.Addr)[:min(len(magic), len(was.Bytes(a.Addr)))]) == magic {
				continue // an older seal's
			}
			t.Fatalf("the segment at %#x is gone", a.Addr)
		}
		if a.R != b.R || a.W != b.W || a.X != b.X || a.Off != b.Off || b.FileSize < a.FileSize || b.FileSize > a.FileSize+phdrLen {
			t.Fatalf("segment %+v is %+v", a, b)
		}
	}
	own, ok := segmentAt(now.File, s.Addr)
	if !ok || own.End() != now.High || !own.R || !own.X || own.W {
		t.Fatalf("the new segment is %+v", own)
	}
	var last uint64
	sorted := true
	for _, p := range was.phdrs {
		if p.typ == ptLoad {
			sorted = sorted && p.vaddr >= last
			last = p.vaddr
		}
	}
	last = 0
	for _, p := range now.phdrs {
		if p.typ == ptLoad {
			if sorted && p.vaddr < last {
				t.Fatalf("PT_LOADs are not in order")
			}
			last = p.vaddr
		}
	}

	// What the loaders and the program read is there.
	facts := func(f *file) string {
		return fmt.Sprint(f.Interp, f.BuildID, f.ExecStack, f.TLS, f.HasDynamic, f.Needed, f.NumSymbols(), f.InitArray, f.Relro)
	}
	if a, b := facts(was), facts(now); a != b {
		t.Fatalf("%s, was %s", b, a)
	}
	if n := was.end; !bytes.HasSuffix(out, data[n:]) {
		t.Fatal("what was appended is not at the end")
	}
	if (was.sections == nil) != (now.sections == nil) {
		t.Fatal("section headers came or went")
	}
	// A symbol is where its section is, if it was at its start before.
	for i, a := range was.sections {
		if a.typ != shtSymtab || len(now.sections) <= i {
			continue
		}
		for at := a.off; at+symLen <= a.end(); at += symLen {
			n := int(le.Uint16(data[at+symSection:]))
			if n == 0 || n >= len(was.sections) || n >= len(now.sections) {
				continue
			}
			before, after := &was.sections[n], &now.sections[n]
			if v := le.Uint64(data[at+symValue:]); v == before.addr && before.flags&shfAlloc != 0 && le.Uint64(out[at+symValue:]) != after.addr {
				t.Fatalf("a symbol at %#x is at %#x, its section was at %#x and is at %#x", v, le.Uint64(out[at+symValue:]), before.addr, after.addr)
			}
		}
	}
	count := func(f *file) (n int) {
		for i := range f.sections {
			if !f.ours(&f.sections[i]) {
				n++
			}
		}
		return n
	}
	if count(was) != count(now) {
		t.Fatalf("%d sections, were %d", count(now), count(was))
	}

	// A file that was changed since can be sealed again.
	if again, err := Seal("f", s.Plain(), p, m, false); err == nil {
		if r, err := Read("f", again); err != nil || r.Meta.Original.Entry != was.Entry {
			t.Fatalf("sealed again: %v", err)
		}
	} else if now.sections != nil && !strings.Contains(err.Error(), "overlap") {
		t.Fatalf("cannot be sealed again: %v", err)
	}
	return out
}

func segmentAt(f *image.File, addr uint64) (image.Segment, bool) {
	for _, s := range f.Segments {
		if s.Addr == addr {
			return s, true
		}
	}
	return image.Segment{}, false
}

// Every kind of room is found, and no room is an error.
func TestRoom(t *testing.T) {
	sealed := 0
	for o := range small(allSmall + 1) {
		if checkSeal(t, o.bytes()) != nil {
			sealed++
			continue
		}
		room := o&(withProperty|withNull) != 0 ||
			o&withSections != 0 && o&withRoom != 0 ||
			o&withRoom == 0 && o&withNote != 0 ||
			o&withSections != 0 && o&withRoom == 0 && o&withInterp != 0 && o&withHash != 0
		if room {
			_, err := Seal("f", o.bytes(), fuzzPolicy(), Meta{Policy: []byte("{}")}, false)
			t.Errorf("%09b: %v", o, err)
		}
	}
	t.Logf("%d of %d", sealed, allSmall+1)
	_, err := Seal("f", small(0).bytes(), fuzzPolicy(), Meta{Policy: []byte("{}")}, false)
	var e *Error
	if !errors.As(err, &e) || e.Path != "f" {
		t.Errorf("no room: %v", err)
	}
}

func FuzzSeal(f *testing.F) {
	for o := range small(allSmall + 1) {
		f.Add(o.bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out := checkSeal(t, data)
		if out == nil {
			return
		}
		// Damage is found.
		for i := range out {
			if i%97 == 0 {
				out[i] ^= 0x10
			}
		}
		if s, err := Read("f", out); err == nil {
			if _, err := s.Original(); err == nil {
				t.Fatal("an original from a damaged file")
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, o := range []small{withProperty, withProperty | withSections | withAppended, withInterp | withNote, withHash | withInterp | withSections} {
		if out := checkSeal(f, o.bytes()); out != nil {
			f.Add(out)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("f", data)
		if err != nil {
			return
		}
		s.Begins()
		s.Plain()
		if back, err := s.Original(); err == nil && uint64(len(back)) != s.Meta.Original.Size {
			t.Fatal("an original of another size")
		}
	})
}

// What fuzzing found once: none of these may be sealed into something else.
func TestFound(t *testing.T) {
	header := func(b []byte, i int) []byte { return b[ehdrLen+i*phdrLen:] }
	for name, change := range map[string]func(b []byte) []byte{
		"program headers over the ELF header": func(b []byte) []byte {
			le.PutUint64(b[ehPhoff:], 8)
			return b
		},
		"a note that ends outside of the file": func(b []byte) []byte {
			for i := range int(le.Uint16(b[ehPhnum:])) {
				if h := header(b, i); le.Uint32(h) == ptNote {
					le.PutUint64(h[32:], 3000)
				}
			}
			return b
		},
		"an empty segment above the others": func(b []byte) []byte {
			h := header(b, int(le.Uint16(b[ehPhnum:]))-1)
			le.PutUint64(h[16:], 0x900000)
			le.PutUint64(h[40:], 0)
			return b
		},
		"a section whose name is outside of the names": func(b []byte) []byte {
			at := le.Uint64(b[ehShoff:])
			names := readShdr(b[at+uint64(le.Uint16(b[ehShstrndx:]))*shdrLen:])
			le.PutUint32(b[at+shdrLen:], uint32(names.size))
			return b
		},
		"a note that is not of properties where PT_GNU_PROPERTY is": func(b []byte) []byte {
			for i := range int(le.Uint16(b[ehPhnum:])) {
				if h := header(b, i); le.Uint32(h) == ptGNUProperty {
					b[le.Uint64(h[8:])+8] = 3
				}
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			for o := range small(allSmall + 1) {
				if o&withSections != 0 && checkSeal(t, change(o.bytes())) != nil {
					n++
				}
			}
			t.Logf("%d sealed", n)
		})
	}
}
