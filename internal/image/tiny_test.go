package image

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// tiny builds small ELF files by hand: one R+X and one R+W segment, both
// mapped at tinyBase + file offset.
type tiny struct {
	typ, machine uint16
	entry        uint64
	buf          []byte
	rw           int // offset of the R+W segment, 0 if none
	bss          uint64
	extra        []tinyPhdr
	dyn          [][2]uint64
	strs         []byte
}

type tinyPhdr struct {
	typ, flags                    uint32
	off, addr, filesz, memsz, aln uint64
}

const tinyBase = 0x100000

func newTiny() *tiny {
	t := &tiny{typ: etDyn, machine: emX86_64, buf: make([]byte, ehdrSize+8*phdrSize), strs: []byte{0}}
	t.entry = t.add([]byte{0xb8, 60, 0, 0, 0, 0x0f, 0x05, 0xf4}) // exit
	return t
}

// add appends bytes, 8-aligned, and returns their address.
func (t *tiny) add(b []byte) uint64 {
	for len(t.buf)%8 != 0 {
		t.buf = append(t.buf, 0)
	}
	a := tinyBase + uint64(len(t.buf))
	t.buf = append(t.buf, b...)
	return a
}

// data starts the R+W segment.
func (t *tiny) data() {
	t.add(nil)
	t.rw = len(t.buf)
}

func (t *tiny) words(w ...uint64) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (t *tiny) str(s string) uint64 {
	n := len(t.strs)
	t.strs = append(append(t.strs, s...), 0)
	return uint64(n)
}

func (t *tiny) tag(tag, val uint64) { t.dyn = append(t.dyn, [2]uint64{tag, val}) }

func (t *tiny) phdr(typ uint32, addr, size uint64) {
	t.extra = append(t.extra, tinyPhdr{typ: typ, flags: pfR, off: addr - tinyBase, addr: addr, filesz: size, memsz: size})
}

func sym(name uint64, info byte, shndx uint16, value, size uint64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(name))
	b = append(b, info, 0)
	b = binary.LittleEndian.AppendUint16(b, shndx)
	b = binary.LittleEndian.AppendUint64(b, value)
	return binary.LittleEndian.AppendUint64(b, size)
}

func u32s(w ...uint32) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func u16s(w ...uint16) []byte {
	var b []byte
	for _, v := range w {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// bytes finishes the file. It may be called once.
func (t *tiny) bytes() []byte {
	if t.dyn != nil {
		if t.rw == 0 {
			t.data()
		}
		t.tag(dtStrtab, t.add(t.strs))
		t.tag(dtStrSz, uint64(len(t.strs)))
		var b []byte
		for _, d := range append(t.dyn, [2]uint64{}) {
			b = append(b, t.words(d[0], d[1])...)
		}
		t.phdr(ptDynamic, t.add(b), uint64(len(b)))
	}
	n := uint64(len(t.buf))
	cut := n
	if t.rw != 0 {
		cut = uint64(t.rw)
	}
	ph := []tinyPhdr{{typ: ptLoad, flags: pfR | pfX, addr: tinyBase, filesz: cut, memsz: cut}}
	if t.rw != 0 {
		ph = append(ph, tinyPhdr{typ: ptLoad, flags: pfR | pfW, off: cut, addr: tinyBase + cut, filesz: n - cut, memsz: n - cut + t.bss})
	}
	ph = append(ph, t.extra...)
	le := binary.LittleEndian
	h := t.buf
	copy(h, "\x7fELF\x02\x01\x01")
	le.PutUint16(h[16:], t.typ)
	le.PutUint16(h[18:], t.machine)
	le.PutUint32(h[20:], 1)
	le.PutUint64(h[24:], t.entry)
	le.PutUint64(h[32:], ehdrSize)
	le.PutUint16(h[52:], ehdrSize)
	le.PutUint16(h[54:], phdrSize)
	le.PutUint16(h[56:], uint16(len(ph)))
	for i, p := range ph {
		b := h[ehdrSize+i*phdrSize:]
		le.PutUint32(b, p.typ)
		le.PutUint32(b[4:], p.flags)
		for j, v := range []uint64{p.off, p.addr, p.addr, p.filesz, p.memsz, p.aln} {
			le.PutUint64(b[8+8*j:], v)
		}
	}
	return h
}

// withSymbols gives the file a symbol table with a DT_HASH of one bucket:
// "use" (undefined) and the functions fns, all at the entry point.
func (t *tiny) withSymbols(fns ...string) *tiny {
	syms := append(make([]byte, symSize), sym(t.str("use"), STBGlobal<<4|STTFunc, 0, 0, 0)...)
	for _, f := range fns {
		syms = append(syms, sym(t.str(f), STBGlobal<<4|STTFunc, 1, t.entry, 8)...)
	}
	t.tag(dtSymtab, t.add(syms))
	n := uint32(len(syms) / symSize)
	hash := []uint32{1, n, n - 1}
	for i := uint32(0); i < n; i++ {
		hash = append(hash, max(i, 1)-1)
	}
	t.tag(dtHash, t.add(u32s(hash...)))
	return t
}

// need skips the test if a tool is not installed.
func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skip("needs ", tool)
	}
}

// run runs a command and returns its standard output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := bounded.Command(t, name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil && !(name == "readelf" && len(out) > 0) { // readelf fails for mere warnings
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// build writes sources into a directory of the test's own and runs a compiler
// there; the result is the file "out".
func build(t testing.TB, files map[string]string, compiler string, args ...string) string {
	t.Helper()
	need(t, compiler)
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	for i, a := range args {
		if _, ok := files[a]; ok {
			args[i] = filepath.Join(dir, a)
		}
		args[i] = strings.ReplaceAll(args[i], "DIR/", dir+"/")
	}
	run(t, compiler, append([]string{"-o", out}, args...)...)
	return out
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// installed opens a file of the system, or skips the test.
func installed(t testing.TB, path string) *File {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skip("not installed: ", path)
	}
	return open(t, path)
}
