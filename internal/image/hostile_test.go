package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func put16(b []byte, off int, v uint16) { binary.LittleEndian.PutUint16(b[off:], v) }
func put32(b []byte, off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
func put64(b []byte, off int, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }

func TestTiny(t *testing.T) {
	b := newTiny().withSymbols("a", "b").bytes()
	f, err := Parse("x", b)
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := f.Lookup("b", ""); !ok || f.SymbolName(i) != "b" || f.NumSymbols() != 4 {
		t.Errorf("Lookup(b) = %d, %v, %d symbols", i, ok, f.NumSymbols())
	}
	if _, ok := f.Lookup("use", ""); ok {
		t.Error("found an undefined symbol")
	}
	if got := f.FuncStarts(); len(got) != 1 || got[0] != f.Entry {
		t.Errorf("FuncStarts = %#x", got)
	}
	if !f.Exec(f.Entry) || f.Writable(f.Entry) || f.Exec(f.Segments[1].Addr) || !f.Writable(f.Segments[1].Addr) || f.Exec(0) || f.Exec(^uint64(0)) || f.Bytes(^uint64(0)) != nil {
		t.Error("permissions are wrong")
	}
}

func TestHeaderErrors(t *testing.T) {
	const ph = ehdrSize // first program header
	for _, tt := range []struct {
		name string
		edit func(b []byte) []byte
		want string // in the message
		as   error  // a sentinel, or an empty error of the type
	}{
		{"empty", func(b []byte) []byte { return nil }, "not an ELF file", ErrNotELF},
		{"text", func(b []byte) []byte { return []byte("hello") }, "header: not an ELF file", ErrNotELF},
		{"cut header", func(b []byte) []byte { return b[:19] }, "truncated", ErrTruncated},
		{"cut header 2", func(b []byte) []byte { return b[:63] }, "truncated", ErrTruncated},
		{"class", func(b []byte) []byte { b[4] = 3; return b }, "unknown class 3", nil},
		{"order", func(b []byte) []byte { b[5] = 0; return b }, "unknown byte order 0", nil},
		{"version", func(b []byte) []byte { b[6] = 2; return b }, "unknown ELF version 2", nil},
		{"i386", func(b []byte) []byte { b[4] = 1; put16(b, 18, em386); return b }, "32-bit x86 (EM_386) is not supported yet", &UnsupportedError{}},
		{"x32", func(b []byte) []byte { b[4] = 1; return b }, "x32", &UnsupportedError{}},
		{"aarch64", func(b []byte) []byte { put16(b, 18, 183); return b }, "AArch64 (EM_AARCH64) is not supported yet", &UnsupportedError{}},
		{"machine", func(b []byte) []byte { put16(b, 18, 9999); return b }, "machine type 9999", &UnsupportedError{}},
		{"big-endian", func(b []byte) []byte { b[5] = 2; put16(b, 18, 21<<8); return b }, "big-endian 64-bit PowerPC", &UnsupportedError{}},
		{"big-endian x86", func(b []byte) []byte { b[5] = 2; put16(b, 18, 62<<8); return b }, "big-endian x86-64", &UnsupportedError{}},
		{"object", func(b []byte) []byte { put16(b, 16, etRel); return b }, "relocatable object", &UnsupportedError{}},
		{"core", func(b []byte) []byte { put16(b, 16, etCore); return b }, "core dump", &UnsupportedError{}},
		{"type", func(b []byte) []byte { put16(b, 16, 77); return b }, "unknown file type 77", nil},
		{"FreeBSD", func(b []byte) []byte { b[7] = 9; return b }, "FreeBSD", &UnsupportedError{}},
		{"kernel", func(b []byte) []byte { put64(b, ph+16, 0xffffffff81000000); return b }, "kernel image", &UnsupportedError{}},
		{"no phdrs", func(b []byte) []byte { put16(b, 56, 0); return b }, "there are none", nil},
		{"phentsize", func(b []byte) []byte { put16(b, 54, 32); return b }, "entry size 32", nil},
		{"many phdrs", func(b []byte) []byte { put16(b, 56, 2000); return b }, "more than Linux accepts", nil},
		{"phdrs outside", func(b []byte) []byte { put64(b, 32, 1<<63); return b }, "outside of the file", ErrTruncated},
		{"no load", func(b []byte) []byte { put16(b, 56, 1); put32(b, ph, ptNote); return b }, "nothing to load", nil},
		{"load outside", func(b []byte) []byte { put64(b, ph+32, 1<<40); put64(b, ph+40, 1<<40); return b }, "outside of the file", ErrTruncated},
		{"file size", func(b []byte) []byte { put64(b, ph+40, 1); return b }, "more bytes in the file", nil},
		{"huge memory", func(b []byte) []byte { put64(b, ph+40, 1<<62); return b }, "address space", nil},
		{"address overflow", func(b []byte) []byte { put64(b, ph+16, 1<<47-4096); return b }, "", nil},
		{"overlap", func(b []byte) []byte { put64(b, ph+40, 0x10000); return b }, "overlap", nil},
		{"congruence", func(b []byte) []byte { put64(b, ph+16, tinyBase+8); return b }, "differ within a page", nil},
		{"script", func(b []byte) []byte { return []byte("#! /bin/bash -e\nfoo") }, "scan its interpreter /bin/bash instead", &ScriptError{}},
		{"env script", func(b []byte) []byte { return []byte("#!/usr/bin/env -S A=1 python3 -u\n") }, "scan its interpreter python3 (which /usr/bin/env looks up", &ScriptError{}},
		{"empty script", func(b []byte) []byte { return []byte("#!\n") }, "without an interpreter", &ScriptError{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newTiny().withSymbols("f").bytes()
			f, err := Parse("dir/x", tt.edit(b))
			if tt.want == "" {
				return // only must not panic
			}
			if err == nil || f != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "dir/x: ") {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			var fe *FormatError
			var ue *UnsupportedError
			var se *ScriptError
			ok := false
			switch tt.as.(type) {
			case nil:
				ok = errors.As(err, &fe)
			case *UnsupportedError:
				ok = errors.As(err, &ue)
			case *ScriptError:
				ok = errors.As(err, &se)
			default:
				ok = errors.As(err, &fe) && errors.Is(err, tt.as)
			}
			if !ok {
				t.Errorf("error %v is a %T", err, err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	os.WriteFile(empty, nil, 0o666)
	if _, err := Open(empty); !errors.Is(err, ErrNotELF) {
		t.Errorf("empty: %v", err)
	}
	if _, err := Open("/dev/null"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("device: %v", err)
	}
}

// Broken tables of the dynamic section. The edit gets a file with symbols.
func TestHostileDynamic(t *testing.T) {
	ver := func(b []byte) []byte { return append(b, make([]byte, 64)...) }
	for _, tt := range []struct {
		name string
		edit func(t *tiny)
		want string // "" : accepted
	}{
		{"fine", func(t *tiny) {}, ""},
		{"needed outside", func(t *tiny) { t.tag(dtNeeded, 1<<40) }, "DT_NEEDED: name at offset"},
		{"many needed", func(t *tiny) {
			for range 5000 {
				t.tag(dtNeeded, 1)
			}
		}, "5000 entries"},
		{"syment", func(t *tiny) { t.tag(dtSymEnt, 16) }, "DT_SYMENT"},
		{"symtab outside", func(t *tiny) { t.tag(dtSymtab, 0x1234) }, "DT_SYMTAB: 3 symbols"},
		{"hash outside", func(t *tiny) { t.tag(dtHash, 0x99999999) }, "DT_HASH"},
		{"hash huge", func(t *tiny) { t.tag(dtHash, t.add(u32s(0xffffffff, 0xffffffff, 1))) }, "longer than the file"},
		{"hash cycle", func(t *tiny) { t.tag(dtHash, t.add(u32s(1, 3, 1, 0, 2, 1))) }, "circle"},
		{"hash self", func(t *tiny) { t.tag(dtHash, t.add(u32s(1, 3, 1, 0, 1, 0))) }, "circle"},
		{"hash index", func(t *tiny) { t.tag(dtHash, t.add(u32s(1, 3, 7, 0, 0, 0))) }, "symbol 7, but there are 3"},
		{"hash without buckets", func(t *tiny) { t.tag(dtHash, t.add(u32s(0, 3, 0, 0, 0))) }, ""},
		{"gnu bloom", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 1, 3, 6, 0, 0))) }, "not a power of two"},
		{"gnu bloom huge", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 1, 1<<31, 6, 0, 0))) }, "longer than the file"},
		{"gnu bucket", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 2, 1, 6, 0, 0, 1, 1))) }, "before the first hashed one"},
		{"gnu endless", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 1, 1, 6, 0, 0, 1, 2, 4, 6))) }, "does not end"},
		{"gnu far bucket", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 1, 1, 6, 0, 0, 0xfffffff0, 1))) }, "does not end"},
		{"gnu symoffset", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(1, 0xffffffff, 1, 6, 0, 0, 0))) }, "more than the file can hold"},
		{"gnu no buckets", func(t *tiny) { t.tag(dtGNUHash, t.add(u32s(0, 1, 1, 6, 0, 0))) }, ""},
		{"versym outside", func(t *tiny) {
			t.tag(dtVersym, 5)
			t.tag(dtVerdefNum, 1)
			t.tag(dtVerdef, t.add(ver(append(u16s(1, 0, 2, 1), u32s(0, 20, 0, 0)...))))
		}, "DT_VERSYM"},
		{"verneed outside", func(t *tiny) { t.tag(dtVerneed, 5); t.tag(dtVerneedNum, 1) }, "DT_VERNEED: record 0"},
		{"verneed cycle", func(t *tiny) {
			t.tag(dtVerneedNum, 1<<62)
			t.tag(dtVerneed, t.add(append(u16s(1, 0), u32s(0, 0, 1)...))) // next is 1 byte on, and so on
		}, "DT_VERNEED"},
		{"vernaux cycle", func(t *tiny) {
			t.tag(dtVerneedNum, 1)
			b := append(u16s(1, 65535), u32s(0, 16, 0)...)
			t.tag(dtVerneed, t.add(append(b, u32s(1, 2, 1, 4)...)))
		}, "DT_VERNEED"},
		{"verneed version", func(t *tiny) { t.tag(dtVerneedNum, 1); t.tag(dtVerneed, t.add(ver(u16s(2, 0)))) }, "has version 2"},
		{"verdef aux", func(t *tiny) {
			t.tag(dtVerdefNum, 1)
			t.tag(dtVerdef, t.add(ver(append(u16s(1, 0, 2, 1), u32s(0, 0x7fffffff, 0, 0)...))))
		}, "the name of record 0"},
		{"rela outside", func(t *tiny) { t.tag(dtRela, tinyBase); t.tag(dtRelaSz, 1<<50) }, "DT_RELA:"},
		{"rela entry size", func(t *tiny) { t.tag(dtRelaEnt, 12) }, "DT_RELAENT"},
		{"rel", func(t *tiny) { t.tag(dtPltRel, 17) }, "DT_PLTREL"},
		{"rela symbol", func(t *tiny) {
			t.tag(dtRela, t.add(t.words(tinyBase, 1<<60|6, 0)))
			t.tag(dtRelaSz, 24)
		}, "DT_SYMTAB: 268435457 symbols"},
		{"relr bomb", func(t *tiny) {
			w := []uint64{t.add(make([]byte, 64*8))}
			for range 300 {
				w = append(w, ^uint64(0))
			}
			t.tag(dtRelr, t.add(t.words(w...)))
			t.tag(dtRelrSz, uint64(8*len(w)))
		}, "more than the file has words"},
		{"relr outside", func(t *tiny) {
			t.tag(dtRelr, t.add(t.words(0xdead0000)))
			t.tag(dtRelrSz, 8)
		}, "the word at 0xdead0000 is not in the file"},
		{"relr wraps", func(t *tiny) {
			t.tag(dtRelr, t.add(t.words(^uint64(1), 3)))
			t.tag(dtRelrSz, 16)
		}, "is not in the file"},
		{"relr entry size", func(t *tiny) { t.tag(dtRelrEnt, 4) }, "DT_RELRENT"},
		{"android", func(t *tiny) { t.tag(dtAndroidRela, 4) }, "not supported"},
		{"init array", func(t *tiny) { t.tag(dtInitArray, tinyBase); t.tag(dtInitArraySz, 1<<63) }, "DT_INIT_ARRAY"},
		{"strtab outside", func(t *tiny) { t.tag(dtStrtab, 1) }, ""}, // the later entry counts
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newTiny().withSymbols("f")
			tt.edit(b)
			f, err := Parse("x", b.bytes())
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				exercise(f)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// Section headers that contradict the program headers are dropped as a whole.
func TestSections(t *testing.T) {
	mk := func(edit func(h []byte)) *File {
		b := newTiny().withSymbols("f")
		file := b.bytes()
		names := "\x00.text\x00.data\x00.shstrtab\x00"
		noff := len(file)
		file = append(file, names...)
		shoff := len(file)
		h := make([]byte, 4*shdrSize)
		sec := func(i int, name, typ uint32, flags, addr, off, size uint64) {
			s := h[i*shdrSize:]
			put32(s, 0, name)
			put32(s, 4, typ)
			for j, v := range []uint64{flags, addr, off, size} {
				put64(s, 8+8*j, v)
			}
		}
		sec(1, 1, 1, shfAlloc|shfExecinstr, b.entry, b.entry-tinyBase, 8)
		sec(2, 7, 1, shfAlloc|shfWrite, tinyBase+uint64(b.rw), uint64(b.rw), 8)
		sec(3, 13, shtStrtab, 0, 0, uint64(noff), uint64(len(names)))
		if edit != nil {
			edit(h)
		}
		file = append(file, h...)
		put64(file, 40, uint64(shoff))
		put16(file, 58, shdrSize)
		put16(file, 60, 4)
		put16(file, 62, 3)
		f, err := Parse("x", file)
		if err != nil {
			t.Fatal(err)
		}
		exercise(f)
		return f
	}
	f := mk(nil)
	if len(f.Sections) != 2 || f.Sections[0].Name != ".text" || !f.Exec(f.Entry) || f.Exec(f.Entry-8) || f.Section(f.Entry+7) == nil || f.Section(f.Entry+8) != nil {
		t.Fatalf("sections %v", f.Sections)
	}
	for name, edit := range map[string]func(h []byte){
		"outside of memory":   func(h []byte) { put64(h, shdrSize+16, 0x77777000) },
		"too long":            func(h []byte) { put64(h, shdrSize+32, 1<<40) },
		"overflow":            func(h []byte) { put64(h, shdrSize+32, ^uint64(0)) },
		"other offset":        func(h []byte) { put64(h, shdrSize+24, 64) },
		"overlap":             func(h []byte) { put64(h, 2*shdrSize+16, f.Entry); put64(h, 2*shdrSize+24, f.Entry-tinyBase) },
		"not executable":      func(h []byte) { put64(h, 2*shdrSize+8, shfAlloc|shfExecinstr) },
		"entry not executabl": func(h []byte) { put64(h, shdrSize+8, shfAlloc) },
		"no names":            func(h []byte) { put32(h, 3*shdrSize+4, 1) },
	} {
		if g := mk(edit); g.Sections != nil || !g.Exec(g.Entry-8) {
			t.Errorf("%s: sections %v", name, g.Sections)
		}
	}
}

// Many segments are searched by halves.
func TestManySegments(t *testing.T) {
	b := newTiny().bytes()
	tab := make([]byte, 0, 50*phdrSize)
	for i := range 50 {
		p := slices.Clone(b[ehdrSize : ehdrSize+phdrSize])
		put64(p, 16, uint64(i+1)*0x10000)
		put64(p, 40, 0x1000+uint64(len(b))) // with some bss
		tab = append(tab, p...)
	}
	put64(b, 24, 0)
	put64(b, 32, uint64(len(b)))
	put16(b, 56, 50)
	size := len(b)
	f, err := Parse("x", append(b, tab...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(50) {
		a := (i + 1) * 0x10000
		if got := f.Bytes(a + 1); len(got) != size-1 || got[0] != 'E' {
			t.Errorf("Bytes(%#x): %d bytes", a+1, len(got))
		} else if code := f.Code(a + 1); len(code) != len(got) || &code[0] != &got[0] || f.Code(a-1) != nil || f.Code(a+0x1000) != nil {
			t.Errorf("Code(%#x): %d bytes", a+1, len(code))
		}
		if f.Bytes(a-1) != nil || f.Bytes(a+uint64(size)) != nil || f.segment(a-1) != nil || f.segment(a) != &f.Segments[i] || !f.Exec(a+0x1000) || f.Exec(a-1) {
			t.Errorf("the edges of segment %d", i)
		}
	}
	if n := len(f.ExecRanges()); n != 50 {
		t.Errorf("%d ranges", n)
	}
}

// Every prefix and every flipped byte of a small file is handled.
func TestMutations(t *testing.T) {
	for _, seed := range seedFiles() {
		for i := range seed {
			if f, err := Parse("x", seed[:i]); err == nil {
				exercise(f)
			} else if f != nil {
				t.Fatal("a file with an error")
			}
		}
		for i := range seed {
			for _, v := range []byte{0, 0xff, seed[i] ^ 1, seed[i] ^ 0x80} {
				b := bytes.Clone(seed)
				b[i] = v
				if f, err := Parse("x", b); err == nil {
					exercise(f)
				}
			}
		}
	}
}
