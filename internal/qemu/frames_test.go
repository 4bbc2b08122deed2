package qemu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/bounded"
)

// What readelf says of the same rows is what this package says of them.
func TestFramesDifferential(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip(err)
	}
	for _, flags := range [][]string{{"-g", "-fomit-frame-pointer"}, {"-g", "-fno-omit-frame-pointer"}, {"-g", "-Os", "-mpush-args", "-maccumulate-outgoing-args"}} {
		_, debug := kernel(t, flags...)
		frames := readSymbols(t, debug).frames
		out, err := bounded.Command(t, "readelf", "--debug-dump=frames-interp", "-W", debug).Output()
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		var columns []string
		in := false // an FDE
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			switch {
			case len(fields) == 0:
				in = false
			case strings.Contains(line, " FDE "):
				in = true
			case !in:
			case fields[0] == "LOC":
				columns = fields
			case len(fields) == len(columns):
				pc, err := strconv.ParseUint(fields[0], 16, 64)
				if err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				w, ret, ok := frames.at(pc)
				if !ok || ret != 16 {
					t.Errorf("nothing is known at %#x", pc)
					continue
				}
				rows++
				for i, c := range columns[1:] {
					if got := show(w, c); got != fields[i+1] {
						t.Errorf("%#x: %s is %s, readelf says %s", pc, c, got, fields[i+1])
					}
				}
			}
		}
		if rows < 12 {
			t.Errorf("%v: %d rows of readelf are understood", flags, rows)
		}
	}
}

// show writes a rule as readelf does.
func show(w row, column string) string {
	names := []string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ra"}
	if column == "CFA" {
		return fmt.Sprintf("%s%+d", names[w.cfa.reg], w.cfa.offset)
	}
	for i, n := range names {
		if n == column {
			switch u := w.regs[i]; u.kind {
			case same:
				return "u"
			case atOffset:
				return fmt.Sprintf("c%+d", u.offset)
			case undefined:
				return "u"
			}
		}
	}
	return "?"
}

// section writes a .debug_frame of one CIE and one FDE for [0x1000, 0x1100).
func section(cie, fde []byte) []byte {
	var b []byte
	entry := func(parts ...[]byte) {
		body := bytes.Join(parts, nil)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
		b = append(b, body...)
	}
	entry([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 1, 0x78, 16}, cie) // version 1, code 1, data -8
	entry([]byte{0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, 0x1000), binary.LittleEndian.AppendUint64(nil, 0x100), fde)
	return b
}

// Instructions that GCC seldom writes.
func TestFramesInstructions(t *testing.T) {
	entry := []byte{0x0c, 7, 8, 0x90, 1} // CFA is rsp+8, the return address at CFA-8
	memory := map[uint64]uint64{0x7ff8: 0xabc, 0x7fe8: 0x55, 0x7ff0: 0x66, 0x8008: 0xdef}
	word := func(a uint64) (uint64, error) {
		if v, ok := memory[a]; ok {
			return v, nil
		}
		return 0, fmt.Errorf("nothing at %#x", a)
	}
	r := Regs{RSP: 0x7ff8, RBP: 0x7000, RBX: 3, R12: 0x8010}
	for _, c := range []struct {
		name string
		code []byte
		want Regs // zero: no caller
	}{
		{"entry", nil, Regs{RSP: 0x8000, RIP: 0xabc, RBP: 0x7000, RBX: 3, R12: 0x8010}},
		{"other CFA", []byte{0x12, 12, 0}, Regs{RSP: 0x8010, RIP: 0xdef, RBP: 0x7000, RBX: 3, R12: 0x8010}},
		{"offset_extended, sf, val_offset", []byte{0x05, 3, 3, 0x11, 6, 2, 0x14, 12, 2},
			Regs{RSP: 0x8000, RIP: 0xabc, RBX: 0x55, RBP: 0x66, R12: 0x7ff0}},
		{"register, same", []byte{0x09, 3, 6, 0x08, 12}, Regs{RSP: 0x8000, RIP: 0xabc, RBX: 0x7000, RBP: 0x7000, R12: 0x8010}},
		{"remember, restore", []byte{0x0a, 0x0e, 64, 0x83, 5, 0x0b}, Regs{RSP: 0x8000, RIP: 0xabc, RBP: 0x7000, RBX: 3, R12: 0x8010}},
		{"a later row", []byte{0x40 | 0x21, 0x0e, 64}, Regs{RSP: 0x8000, RIP: 0xabc, RBP: 0x7000, RBX: 3, R12: 0x8010}},
		{"restore to the CIE's", []byte{0x90, 3, 0xd0}, Regs{RSP: 0x8000, RIP: 0xabc, RBP: 0x7000, RBX: 3, R12: 0x8010}},
		{"no caller", []byte{0x07, 16}, Regs{}},
		{"an expression", []byte{0x0f, 1, 0x30}, Regs{}},
		{"memory that is not there", []byte{0x83, 9}, Regs{}},
		{"restore without remember", []byte{0x0b}, Regs{}},
		{"truncated", []byte{0x05, 3}, Regs{}},
		{"unknown", []byte{0x3f}, Regs{}},
	} {
		f, err := ParseFrames(section(entry, c.code))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := f.caller(r, 0x1020, word)
		if ok != (c.want != Regs{}) || ok && got != c.want {
			t.Errorf("%s: %x (%v), not %x", c.name, got, ok, c.want)
		}
		if _, ok := f.caller(r, 0x1100, word); ok {
			t.Errorf("%s: a caller outside of the function", c.name)
		}
	}
	good := section(entry, nil)
	for i := 1; i < len(good); i++ {
		if f, err := ParseFrames(good[:i]); err == nil && i != 18 { // the CIE alone
			t.Errorf("%d of %d bytes are accepted: %+v", i, len(good), f)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(section([]byte{0x0c, 7, 8, 0x90, 1}, []byte{0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6}), uint64(0x1010))
	f.Add(section([]byte{0x0c, 7, 8, 0x90, 1}, []byte{0x0a, 0x0b, 0x0a, 0x0b, 0x16, 3, 1, 0x30}), uint64(0x1001))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, pc uint64) {
		frames, err := ParseFrames(data)
		if err != nil {
			if frames != nil {
				t.Error("an error and a result")
			}
			return
		}
		for i, e := range frames.fdes {
			if e.start >= e.end || i > 0 && frames.fdes[i-1].start > e.start {
				t.Errorf("entry %d: [%#x, %#x)", i, e.start, e.end)
			}
		}
		frames.caller(Regs{RSP: pc}, pc, func(a uint64) (uint64, error) { return a, nil })
	})
}
