package image

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

var dwarfRegs = []string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ra"}

// text writes a rule as readelf does.
func (u rule) text() string {
	switch u.how {
	case ruleAt:
		return fmt.Sprintf("c%+d", u.off)
	case ruleIs:
		return fmt.Sprintf("v%+d", u.off)
	case ruleExprAt:
		return "exp"
	case ruleExprIs:
		return "vexp"
	case ruleReg:
		return dwarfRegs[u.reg]
	}
	return "u"
}

// Rules are those that readelf shows, at the start of each of its rows and at the
// last address before the next.
func TestFrameAgainstReadelf(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("no readelf")
	}
	for _, path := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/bin/bash"} {
		f, err := Open(path)
		if err != nil {
			continue
		}
		defer f.Close()
		// It complains if there is no separate debug file.
		out, err := bounded.Command(t, "readelf", "-wF", path).Output()
		if len(out) == 0 {
			t.Fatal(err)
		}
		var columns []string
		var end uint64
		rows, checked := 0, 0
		check := func(addr uint64, want map[string]string) {
			fr, ok := f.Frame(addr)
			if !ok {
				t.Errorf("%s: %#x: no rules", path, addr)
				return
			}
			cfa := fr.cfa.text()
			if fr.cfa.how == ruleReg {
				cfa = fmt.Sprintf("%s%+d", dwarfRegs[fr.cfa.reg], fr.cfa.off)
			}
			if fr.cfa.how == ruleExprIs {
				cfa = "exp"
			}
			if cfa != want["CFA"] {
				t.Errorf("%s: %#x: CFA %s, want %s", path, addr, cfa, want["CFA"])
			}
			for i, name := range dwarfRegs {
				w := want[name]
				if w == "" || w == "s" {
					w = "u"
				}
				if got := fr.reg[i].text(); got != w {
					t.Errorf("%s: %#x: %s is %s, want %s", path, addr, name, got, w)
				}
			}
		}
		var pending map[string]string
		var from uint64
		flush := func(next uint64) {
			if pending == nil {
				return
			}
			rows++
			if rows%61 == 0 && next > from {
				checked++
				check(from, pending)
				check(next-1, pending)
			}
			pending = nil
		}
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			fields := strings.Fields(s.Text())
			if _, pc, ok := strings.Cut(s.Text(), " pc="); ok {
				flush(end)
				_, to, _ := strings.Cut(pc, "..")
				end, _ = strconv.ParseUint(strings.TrimSpace(to), 16, 64)
				columns = nil
				continue
			}
			if strings.Contains(s.Text(), " CIE ") {
				flush(end)
				end = 0
				continue
			}
			if len(fields) > 0 && fields[0] == "LOC" {
				columns = fields
				continue
			}
			if len(columns) == 0 || len(fields) != len(columns) || end == 0 {
				continue
			}
			loc, err := strconv.ParseUint(fields[0], 16, 64)
			if err != nil {
				continue
			}
			flush(loc)
			from, pending = loc, map[string]string{}
			for i, c := range columns[1:] {
				pending[c] = fields[i+1]
			}
		}
		flush(end)
		if checked < 10 {
			t.Errorf("%s: %d rows checked", path, checked)
		}
		t.Logf("%s: %d of %d rows checked", path, checked, rows)
	}
}

func TestExpression(t *testing.T) {
	var regs [NumRegs]uint64
	regs[RegRSP], regs[RegRBP] = 0x1000, 0x2000
	word := func(addr uint64) (uint64, bool) { return addr + 1, addr < 0x8000 }
	for _, tt := range []struct {
		code []byte
		want uint64
		ok   bool
	}{
		{[]byte{opBreg0 + 7, 16}, 0x1010, true},
		{[]byte{opBreg0 + 7, 0x78}, 0xff8, true}, // -8
		{[]byte{opBreg0 + 7, 0, opDeref}, 0x1001, true},
		{[]byte{opBreg0 + 6, 0, opPlusUconst, 4, opLit0 + 3, opShl}, 0x10020, true},
		// What a linker makes for stubs: rsp + 8 + ((rip & 15) >= 11) * 8.
		{[]byte{opBreg0 + 7, 8, opBreg0 + 16, 0, opLit0 + 15, opAnd, opLit0 + 11, opGe, opLit0 + 3, opShl, opPlus}, 0x1008, true},
		{[]byte{opConst1s, 0xff, opConst2u, 1, 0, opMinus}, ^uint64(1), true},
		{[]byte{opConst4u, 1, 0, 0, 0, opDup, opPlus, opLit0 + 5, opSwap, opMinus}, 3, true},
		{[]byte{opConstu, 0x80, 1, opNeg, opNot}, 127, true},
		{[]byte{opConst8u, 0, 0, 1, 0, 0, 0, 0, 0, opDeref}, 0, false},
		{nil, 0, false},
		{[]byte{opPlus}, 0, false},
		{[]byte{opConst8u, 1}, 0, false},
		{[]byte{0xff}, 0, false},
		{bytes.Repeat([]byte{opLit0}, 1000), 0, false},
	} {
		m := expression{regs: regs, word: word}
		got, ok := m.eval(tt.code, nil)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("% x: %#x, %v, want %#x, %v", tt.code, got, ok, tt.want, tt.ok)
		}
	}
}

// Rules of hostile files end.
func FuzzFrame(f *testing.F) {
	for _, path := range []string{"/lib64/ld-linux-x86-64.so.2"} {
		img, err := Open(path)
		if err != nil {
			continue
		}
		for i := range img.Sections {
			if s := &img.Sections[i]; s.Name == ".eh_frame" {
				f.Add(bytes.Clone(img.Bytes(s.Start)[:min(2000, s.End-s.Start)]), uint64(0x10), s.Start)
			}
		}
		img.Close()
	}
	f.Fuzz(func(t *testing.T, section []byte, at, base uint64) {
		file := &File{}
		e := ehFrame{b: section, addr: base, want: -1}
		e.walk()
		for i := range e.out {
			if i == 20 {
				break
			}
			fde := &e.out[i]
			fr, ok := file.frameIn(section, base, ehBases{}, fde, fde.Start+at%(fde.End-fde.Start))
			if !ok {
				continue
			}
			var regs [NumRegs]uint64
			regs[RegRSP] = 0x1000
			fr.Caller(regs, func(addr uint64) (uint64, bool) { return addr * 3, addr%5 != 0 })
		}
	})
}

// openSelf opens the program that runs the tests.
func openSelf(t *testing.T) *File {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// The unwinder reads no more of the file than there is.
func TestFrameOfNothing(t *testing.T) {
	f := openSelf(t)
	for _, addr := range []uint64{0, f.Entry, ^uint64(0)} { // Go has no unwind tables
		if _, ok := f.Frame(addr); ok {
			t.Errorf("rules at %#x", addr)
		}
	}
}
