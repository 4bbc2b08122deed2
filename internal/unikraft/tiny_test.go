package unikraft

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/rules"
)

// tinyFuncs are the functions of tiny, 32 bytes apart from 0x100000 on.
var tinyFuncs = []struct{ name, code string }{
	{"uk_syscall_r_getpid", "554889e5e8000000005dc3"},
	{"uk_syscall_e_getpid", "534889fbe8000000005bc3"},
	{"net_input", "554889e5e8f7ffffff5dc3"},
	{"net_leaf", "31c0c3"},
	{"ukarch_ctx_switch", "55534154415541564157488967084c8b6608c3"},
	{"schedcoop_thread_add", "5531c0e80000000090905dc3"},
	{"longjmp", "31c0ffc0488b6730ff6738"},
	{"ukplat_terminate", "faf4ebfc"},
	{"__errno_location", "b800001000c3"},
	{"cpu_irq_0", "50e81a0000005848cf"},
	{"uk_intctlr_xpic_handle_irq", "53e8000000005bc3"},
}

const tinyText = 0x100000

// tiny is a small image by hand, with symbols or without.
func tiny(symbols, filled bool) []byte {
	text := bytes.Repeat([]byte{0x90}, 32*len(tinyFuncs))
	var symtab, strtab []byte
	symtab, strtab = append(symtab, make([]byte, 24)...), append(strtab, 0)
	for i, f := range tinyFuncs {
		b, err := hex.DecodeString(f.code)
		if err != nil {
			panic(err)
		}
		copy(text[32*i:], b)
		symtab = le.AppendUint32(symtab, uint32(len(strtab)))
		symtab = append(symtab, 1<<4|sttFunc, 0, 1, 0)
		symtab = le.AppendUint64(le.AppendUint64(symtab, tinyText+uint64(32*i)), uint64(len(b)))
		strtab = append(append(strtab, f.name...), 0)
	}
	info := make([]byte, bootinfoHeader+8*48)
	if filled {
		le.PutUint32(info, bootinfoMagic)
		info[4] = 1
		le.PutUint32(info[72:], 8)
		le.PutUint32(info[76:], 2)
		for i, r := range []struct {
			addr  uint64
			flags uint16
		}{{tinyText, 5}, {0x101000, 3}} {
			b := info[bootinfoHeader+48*i:]
			le.PutUint64(b, r.addr)
			le.PutUint64(b[8:], r.addr)
			le.PutUint64(b[24:], 4096)
			le.PutUint64(b[32:], 1)
			le.PutUint16(b[40:], 4)
			le.PutUint16(b[42:], r.flags)
		}
	}
	const names = "\x00.text\x00.uk_bootinfo\x00.symtab\x00.strtab\x00.shstrtab\x00"
	out := make([]byte, 0x1000)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], 2)
	le.PutUint16(out[18:], 62)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[24:], tinyText)
	le.PutUint64(out[32:], 64)
	le.PutUint16(out[52:], 64)
	le.PutUint16(out[54:], 56)
	le.PutUint16(out[56:], 2)
	le.PutUint16(out[58:], 64)
	phdr := func(i int, flags uint32, off, addr, filesz, memsz uint64) {
		p := out[64+56*i:]
		le.PutUint32(p, ptLoad)
		le.PutUint32(p[4:], flags)
		for j, v := range []uint64{off, addr, addr, filesz, memsz, 4096} {
			le.PutUint64(p[8+8*j:], v)
		}
	}
	phdr(0, 5, 0x1000, tinyText, uint64(len(text)), uint64(len(text)))
	phdr(1, 6, 0x1000+uint64(len(text)), 0x101000, uint64(len(info)), 0x800)
	out = append(append(out, text...), info...)
	sections := []section{{}, {nameOff: 1, typ: shtProgbits, flags: 6, addr: tinyText, off: 0x1000, size: uint64(len(text))},
		{nameOff: 7, typ: shtProgbits, flags: 3, addr: 0x101000, off: 0x1000 + uint64(len(text)), size: uint64(len(info))}}
	if symbols {
		sections = append(sections, section{nameOff: 20, typ: shtSymtab, off: uint64(len(out)), size: uint64(len(symtab)), link: 4, info: 1, entsize: 24},
			section{nameOff: 28, typ: shtStrtab, off: uint64(len(out) + len(symtab)), size: uint64(len(strtab))})
		out = append(append(out, symtab...), strtab...)
	}
	sections = append(sections, section{nameOff: 36, typ: shtStrtab, off: uint64(len(out)), size: uint64(len(names))})
	out = append(out, names...)
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[60:], uint16(len(sections)))
	le.PutUint16(out[62:], uint16(len(sections)-1))
	for i := range sections {
		out = sections[i].append(out)
	}
	return out
}

// tinyKludge is tiny with a multiboot header that says what to load, before its text, and code that computes where free memory
// starts, in place of ukplat_terminate.
func tinyKludge() []byte {
	b := tiny(true, true)
	const end = 0x101800
	text := b[0x1000:]
	copy(text[32*7:], append(le.AppendUint32([]byte{0xb8}, end+0xfff), 0xc3))
	copy(b[bytes.Index(b, []byte("ukplat_terminate")):], "_libkvmplat_entry\x00_end\x00")
	symbols := b[0x1000+32*len(tinyFuncs)+bootinfoHeader+8*48:]
	entry, last := symbols[24*8:], symbols[24*9:]
	le.PutUint64(entry[16:], 6)
	le.PutUint32(last, le.Uint32(last)+1)
	le.PutUint64(last[8:], end)
	magic, flags := uint32(multibootMagic), uint32(kludgeFlag)
	header := tinyText - uint32(kludgeSize)
	for i, v := range []uint32{magic, flags, -magic - flags, header, header, tinyText + 32*uint32(len(tinyFuncs)), end, tinyText} {
		le.PutUint32(b[0x1000-kludgeSize+4*i:], v)
	}
	return b
}

func tinyPlan() *compartment.Plan {
	at := func(i int) uint64 { return tinyText + uint64(32*i) }
	p := &compartment.Plan{Compartments: []compartment.Compartment{{Name: "core", Default: true}, {Name: "net"}}}
	p.Compartments[0].Needs.Add(39)
	p.Gates = []compartment.Gate{{Func: "net_input", Addr: at(2), Size: 11, To: 1}, {Func: "net_leaf", Addr: at(3), Size: 3, To: 1}}
	p.Entries = []compartment.Entry{{Func: "uk_syscall_r_getpid", Addr: at(0), Size: 11, Number: 39}, {Func: "uk_syscall_e_getpid", Addr: at(1), Size: 11, Number: 39, Errno: true}}
	return p
}

func parse(t testing.TB, name string, b []byte) *File {
	t.Helper()
	f, err := Parse(name, b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An image that is loaded by its multiboot header has what is added in the piece of the file that the header tells of.
func TestTinyKludge(t *testing.T) {
	f := parse(t, "debug", tinyKludge())
	if _, err := Seal(tinyPlan(), f, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	out, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, "sealed", out)
	r, err := again.Rules()
	if err != nil {
		t.Fatal(err)
	}
	k, err := again.kludge()
	if err != nil || k.end < r.Code.Addr+r.Code.Size || k.bss < again.End() {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestTiny(t *testing.T) {
	wrapped, err := wrap(tiny(false, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, final := range [][]byte{wrapped, tiny(false, true), nil} {
		debug := parse(t, "debug", tiny(true, final == nil))
		files := []*File{debug}
		var f *File
		if final != nil {
			f = parse(t, "final", bytes.Clone(final))
			files = append(files, f)
		}
		rep, err := Seal(tinyPlan(), debug, f, Options{Tool: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Rules.Gaps) > 0 || rep.Unneeded != 1 || len(rep.Rules.Gates) != 5 {
			t.Errorf("%+v %+v", rep, rep.Rules)
		}
		for i, f := range files {
			b, err := f.Encode()
			if err != nil {
				t.Fatal(err)
			}
			g := parse(t, "sealed", b)
			if g.Wrapped != f.Wrapped {
				t.Error("the form has changed")
			}
			r, err := g.Rules()
			if err != nil || !reflect.DeepEqual(r, rep.Rules) {
				t.Errorf("%+v %v", r, err)
			}
			if len(g.segments) != 5 {
				t.Errorf("%d segments", len(g.segments))
			}
			for _, name := range []string{".gofind_data", ".gofind_text", ".gofind_rules"} {
				if g.section(name) == nil {
					t.Errorf("no section %s", name)
				}
			}
			info := g.Bytes(0x101000)
			if filled := i == len(files)-1; filled && le.Uint32(info[76:]) != 5 || !filled && le.Uint32(info) != 0 {
				t.Errorf("%d regions", le.Uint32(info[76:]))
			}
			if i == 0 {
				if a := addr(t, g, "gofind_tag"); a != r.Tag {
					t.Errorf("gofind_tag at %#x", a)
				}
			}
		}
	}
}

// The headers around the specimen are made by other code than wrap.
func TestWrap(t *testing.T) {
	data, err := os.ReadFile(image(t).Final)
	if err != nil {
		t.Fatal(err)
	}
	inner, ok := unwrap(data)
	if !ok {
		t.Fatal("not recognised")
	}
	again, err := wrap(inner)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("other bytes, %v", err)
	}
	if _, ok := unwrap(inner); ok {
		t.Error("recognised where there are none")
	}
	for n := range 200 {
		unwrap(data[:n])
	}
}

func TestErrors(t *testing.T) {
	change := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	sealedDebug := func() []byte {
		f := parse(t, "x", tiny(true, true))
		if _, err := Seal(tinyPlan(), f, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		return f.elf
	}
	newer := sealedDebug()
	newer[bytes.Index(newer, []byte(rules.Magic))+8] = 3
	wrapped, err := wrap(tiny(false, true))
	if err != nil {
		t.Fatal(err)
	}
	full := tiny(false, true)
	capacity := bytes.Index(full, []byte{0xb0, 0xb0, 0x07, 0xb0}) + 72
	kludged := tiny(true, true)
	copy(kludged[0x1000-16:], "\x02\xb0\xad\x1b\x00\x00\x01\x00\xfe\x4f\x51\xe4")
	for _, c := range []struct {
		name         string
		debug, final []byte
		plan         func(p *compartment.Plan)
		opts         Options
		is           error
		says         string
	}{
		{name: "text", debug: []byte("#!/bin/sh\n"), is: ErrNotUnikernel, says: "is not an ELF file"},
		{name: "empty", debug: nil, is: ErrNotUnikernel},
		{name: "short", debug: []byte("\x7fELF\x02\x01"), is: ErrTruncated},
		{name: "arm", debug: change(tiny(true, true), 18, 183), is: ErrNotUnikernel, says: "not for x86-64"},
		{name: "pie", debug: change(tiny(true, true), 16, 3), is: ErrNotUnikernel, says: "fixed address"},
		{name: "cut", debug: tiny(true, true)[:0x1100], is: ErrTruncated, says: "cut"},
		{name: "cut in a segment", debug: change(change(tiny(true, true)[:0x1100], 40, make([]byte, 8)...), 60, 0, 0, 0, 0), is: ErrTruncated, says: "segment 0 is to have 352 bytes"},
		{name: "wrapped, and cut", debug: tiny(true, false), final: wrapped[:0x1100], is: ErrTruncated, says: fmt.Sprintf("final: is cut or damaged: by its 32-bit headers it has %d bytes, and there are 4352", len(wrapped))},
		{name: "wrapped, the last byte cut", debug: tiny(true, false), final: wrapped[:len(wrapped)-1], is: ErrTruncated, says: "final: is cut or damaged"},
		{name: "no symbols", debug: tiny(false, true), is: ErrNoSymbols, says: "IMAGE.dbg"},
		{name: "of something else", debug: bytes.ReplaceAll(bytes.ReplaceAll(tiny(true, true), []byte("uk_syscall"), []byte("my_syscall")), []byte("ukplat"), []byte("myplat")), is: ErrNotUnikernel, says: "no function of Unikraft"},
		{name: "sealed", debug: sealedDebug(), is: ErrSealed, says: "already sealed"},
		{name: "sealed by a newer version", debug: newer, is: ErrSealed, says: "newer version"},
		{name: "final sealed", debug: tiny(true, false), final: sealedDebug(), is: ErrSealed, says: "final: is already sealed"},
		{name: "other code", debug: tiny(true, false), final: change(tiny(false, true), 0x1001, 0x90), says: "not of one build"},
		{name: "empty boot information", debug: tiny(true, false), final: tiny(false, false), says: "give the image that boots"},
		{name: "later boot information", debug: tiny(true, false), final: change(tiny(false, true), capacity-68, 2), says: "has version 2"},
		{name: "no room for regions", debug: tiny(true, false), final: change(full, capacity, 3), says: "CONFIG_UKPLAT_MEMREGION_MAX_COUNT"},
		{name: "regions of another form", debug: tiny(true, false), final: change(full, capacity+8+40, 9), says: "do not match its segments"},
		{name: "code in the headers", debug: change(tiny(true, true), 64+8, 0, 0), is: ErrTruncated, says: "where its headers do"},
		{name: "kludge", debug: kludged, says: "multiboot header"},
		{name: "no page table", debug: tiny(true, true), opts: Options{Protect: true}, says: "x86_bpt_pml4"},
		{name: "too many compartments", debug: tiny(true, true), plan: func(p *compartment.Plan) { p.Compartments = make([]compartment.Compartment, 33) }, says: "33 compartments"},
		{name: "overlapping", debug: tiny(true, true), plan: func(p *compartment.Plan) { p.Entries[1].Addr, p.Entries[1].Size = tinyText+4, 5 }, says: "overlap"},
	} {
		plan := tinyPlan()
		if c.plan != nil {
			c.plan(plan)
		}
		debug, err := Parse("debug", c.debug)
		var final *File
		if err == nil && c.final != nil {
			final, err = Parse("final", c.final)
		}
		if err == nil {
			_, err = Seal(plan, debug, final, c.opts)
		}
		var fe *FileError
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !errors.As(err, &fe) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name, old, new string // bytes of the image
		plan           func(p *compartment.Plan)
		reason         string
		weakens        uint32
	}{
		{name: "entry", old: "554889e5e8000000005dc3", new: "554889e5ebfc900000005d", reason: "calls of getpid are not checked: a jump leads into its first bytes", weakens: 2},
		{name: "gate", old: "554889e5e8f7ffffff5dc3", new: "554889e5ebfc90ffffff5d", reason: "entering it is not noticed: a jump leads", weakens: 2},
		{name: "gate that reads its return address", old: "554889e5e8f7ffffff5dc3", new: "4c8b1c24e8f7ffffff90c3", reason: "it reads its return address", weakens: 2},
		{name: "switch", old: "55534154415541564157", new: "55ebfe54415541564157", reason: "it is not followed: a jump leads", weakens: 2},
		{name: "longjmp", old: "31c0ffc0488b6730ff6738", new: "31c0ffc0488b6630ff6738", reason: "where it finds the stack pointer was not understood", weakens: 0},
		{name: "handler", old: "53e8000000005bc3", new: "90ebfee800000000", reason: "a handler of interrupts runs on behalf of what it interrupts", weakens: 0},
		{name: "no scheduler", old: hex.EncodeToString([]byte("schedcoop_thread_add")), new: hex.EncodeToString([]byte("something_thread_add")), reason: "new threads are not known", weakens: 2},
		{name: "exceptions", old: hex.EncodeToString([]byte("ukplat_terminate")), new: hex.EncodeToString([]byte("__cxa_throw\x00aaaa")), reason: "an exception", weakens: 0},
		{name: "short, padded, that jumps to a gated function", old: "31c0c3", new: "90ebdd"},
		{name: "short, padded, that jumps elsewhere", old: "31c0c3", new: "90eb9d"},
		{name: "several processors", old: hex.EncodeToString([]byte("uk_intctlr_xpic_handle_irq\x00")), new: hex.EncodeToString([]byte("ukplat_lcpu_start\x00aaaaaaaaa")), reason: "all share one tag", weakens: 2},
		{name: "cold part", plan: func(p *compartment.Plan) { p.Entries[0].Func += ".cold"; p.Gates[0].Func += ".cold.1" }, reason: "calls of getpid are not checked: it is a part", weakens: 2},
		{name: "coroutines", old: "53e8000000005bc3", new: "488b6708c3909090", reason: "it loads the stack pointer", weakens: 2},
		{name: "two calls in one", plan: func(p *compartment.Plan) {
			p.Entries = append(p.Entries, compartment.Entry{Func: "uk_syscall_r_gettid", Addr: p.Entries[0].Addr, Number: 186})
			p.Compartments[1].Needs.Add(186)
			p.Compartments[0].Needs.Add(186)
		}, reason: "calls of getpid are not told from others", weakens: 2},
		{name: "inside", plan: func(p *compartment.Plan) {
			p.Gates = append(p.Gates, compartment.Gate{Func: "longjmp+0x2", Addr: tinyText + 32*6 + 2, Size: 9, To: 1, Inside: true})
		}, reason: "entering it is not noticed: it lies within a function", weakens: 2},
		{name: "inside the first", plan: func(p *compartment.Plan) {
			p.Gates = append(p.Gates, compartment.Gate{Func: "longjmp+0x2", Addr: tinyText + 32*6 + 2, To: 0, Inside: true})
		}},
		{name: "outside", plan: func(p *compartment.Plan) { p.Gates[0].Addr = 0x200000 }, reason: "its bytes are not in the image", weakens: 2},
		{name: "two compartments", plan: func(p *compartment.Plan) {
			p.Compartments = append(p.Compartments, compartment.Compartment{Name: "third"})
			p.Gates = append(p.Gates, p.Gates[0])
			p.Gates[2].To = 2
		}, reason: "it belongs to another compartment, too", weakens: 4},
	} {
		old, _ := hex.DecodeString(c.old)
		replacement, _ := hex.DecodeString(c.new)
		b := tiny(true, true)
		if c.old != "" && bytes.Count(b, old) != 1 && c.old != "31c0c3" {
			t.Fatalf("%s: %s is not there once", c.name, c.old)
		}
		if c.old != "" {
			b = bytes.Replace(b, old, replacement, 1)
		}
		plan := tinyPlan()
		if c.plan != nil {
			c.plan(plan)
		}
		rep, err := Seal(plan, parse(t, "debug", b), nil, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.reason == "" {
			if len(rep.Rules.Gaps) > 0 {
				t.Errorf("%s: %v", c.name, rep.Rules.Gaps)
			}
			continue
		}
		if g := rep.Rules.Gaps; len(g) != 1 || !strings.Contains(g[0].Reason, c.reason) || g[0].Weakens != c.weakens {
			t.Errorf("%s: %+v", c.name, g)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrNotUnikernel) {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Damaged images are refused or sealed, and nothing else; what is sealed has its rules.
func FuzzSeal(f *testing.F) {
	wrapped, err := wrap(tiny(true, true))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{64, 0, 1, 72, 0, 0xff}, uint16(0x1000))
	f.Add([]byte{40, 0, 0, 60, 0, 3}, uint16(0))
	f.Fuzz(func(t *testing.T, edits []byte, cut uint16) {
		for _, base := range [][]byte{tiny(true, true), wrapped, tinyKludge()} {
			b := bytes.Clone(base)
			for e := edits; len(e) >= 3; e = e[3:] {
				b[(int(e[0])|int(e[1])<<8)%len(b)] = e[2]
			}
			b = b[:len(b)-int(cut)%len(b)]
			file, err := Parse("fuzz", b)
			if err != nil {
				continue
			}
			rep, err := Seal(tinyPlan(), file, nil, Options{Protect: len(edits)%2 == 1})
			if err != nil {
				continue
			}
			out, err := file.Encode()
			if err != nil {
				continue
			}
			again, err := Parse("sealed", out)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := again.Rules(); err != nil || len(r.Gates) != len(rep.Rules.Gates) {
				t.Fatal(err)
			}
		}
	})
}

// Entries that the plan lacks are denied to all that do not need their calls.
func TestComplete(t *testing.T) {
	plan := tinyPlan()
	plan.Entries = plan.Entries[:1]
	rep, err := Seal(plan, parse(t, "debug", tiny(true, true)), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Entries) != 1 {
		t.Error("the plan has changed")
	}
	if e := rep.Rules.Entries; len(e) != 2 || e[1].Func != "uk_syscall_e_getpid" || !e[1].Errno || e[1].Number != 39 || e[1].Denied != 2 || e[1].Hook == 0 {
		t.Errorf("%+v", rep.Rules.Entries)
	}
}

func TestRoles(t *testing.T) {
	for _, text := range []string{"switch x", "jump x y", "jump x 4", "jump x -8", "run x 0", "jump x 0 0"} {
		if r, err := parseRoles("# a comment\n" + text + "\n"); err == nil || r != nil || !strings.Contains(err.Error(), "hooks.txt:2: ") {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
}

// With one compartment, the tag changes in handlers of interrupts alone.
func TestOneCompartment(t *testing.T) {
	plan := tinyPlan()
	plan.Compartments = plan.Compartments[:1]
	plan.Compartments[0].Needs = compartment.Calls{}
	plan.Gates = nil
	rep, err := Seal(plan, parse(t, "debug", tiny(true, true)), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if g := rep.Rules.Gates; len(g) != 1 || g[0].Kind != rules.Handler || len(rep.Rules.Gaps) > 0 || rep.Rules.Entries[0].Denied != 1 {
		t.Errorf("%+v", rep.Rules)
	}
}
