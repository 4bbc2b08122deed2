package x86

import (
	"bytes"
	"debug/elf"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/arch/x86/x86asm"

	"github.com/gofind-dev/gofind/internal/bounded"
)

func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(Inst{}); n != 48 {
		t.Errorf("Inst has %d bytes, want 48", n)
	}
	if n := unsafe.Sizeof(entry{}); n != 64 {
		t.Errorf("entry has %d bytes, want 64", n)
	}
}

// TestTables checks that tables.go is what gen.go makes of opcodes.txt.
func TestTables(t *testing.T) {
	if out, err := bounded.Command(t, "go", "run", "gen.go", "-check").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestInvalid lists the opcodes that 64-bit mode lacks.
func TestInvalid(t *testing.T) {
	var in Inst
	for _, b := range []byte{0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62,
		0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea} {
		if Decode(append([]byte{b}, make([]byte, 20)...), 0, &in) || in.Op != OpBad || in.Len != 1 {
			t.Errorf("%02x: %s", b, &in)
		}
	}
	for _, code := range [][]byte{
		{},
		{0x48},
		{0x66, 0xc5, 0xf8, 0x10, 0x00}, // a mandatory prefix and VEX
		{0x48, 0xc5, 0xf8, 0x10, 0x00}, // REX and VEX
		{0xc4, 0xe0, 0x78, 0x10, 0x00}, // no such map
		{0x8f, 0xc8},                   // neither pop nor XOP
		bytes.Repeat([]byte{0x66}, 15), // nothing but prefixes
		append(bytes.Repeat([]byte{0x66}, 14), 0x89, 0), // 16 bytes
		append(bytes.Repeat([]byte{0x2e}, 15), 0x90),    // 16 bytes
		{0xe8, 0, 0, 0},                          // cut short
		{0x0f, 0x0f, 0xc0, 0x00},                 // no such 3DNow! instruction
		{0x81, 0x05, 0, 0, 0, 0, 1, 2, 3},        // cut short
		{0xff, 0xff}, {0xff, 0xd8}, {0xfe, 0xd0}, // no such group member
		{0x62, 0xf4, 0x7c, 0x08, 0x01, 0xc0}, // APX
	} {
		if Decode(code, 0, &in) || in.Op != OpBad || in.Len != 1 {
			t.Errorf("% x: %s", code, &in)
		}
	}
	if !Decode(append(bytes.Repeat([]byte{0x66}, 13), 0x89, 0), 0, &in) || in.Len != 15 {
		t.Errorf("15 bytes: %s", &in)
	}
}

// TestPrefixes checks that a prefix which an instruction does not look at changes only its length.
func TestPrefixes(t *testing.T) {
	for _, c := range []struct {
		code string
		n    int
		op   Op
	}{
		{"\xf2\xe8\x00\x00\x00\x00", 6, OpCall},         // bnd
		{"\x3e\xff\xe0", 3, OpJmpInd},                   // notrack
		{"\xf3\xc3", 2, OpRet},                          // repz ret
		{"\x66\x66\x48\xe8\x00\x00\x00\x00", 8, OpCall}, // the padded call of thread-local storage
		{"\x2e\x74\x00", 3, OpJcc},                      // branch hint
		{"\x66\x90", 2, OpNop},
		{"\xf3\x90", 2, OpNop},         // pause
		{"\xf3\x0f\x1e\xfa", 4, OpNop}, // endbr64
		{"\x48\x66\x89\xc8", 4, OpMov}, // a REX prefix that is not the last one is lost
		{"\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00", 10, OpNop},
	} {
		var in Inst
		if !Decode([]byte(c.code), 0x1000, &in) || int(in.Len) != c.n || in.Op != c.op {
			t.Errorf("% x: %s, want %v of %d bytes", c.code, &in, c.op, c.n)
		}
	}
	var in Inst
	Decode([]byte("\x48\x66\x89\xc8"), 0, &in)
	if in.Size != 2 {
		t.Errorf("a lost REX.W: %s", &in)
	}
}

func isPrefix(b byte) bool {
	return b&0xf0 == 0x40 || bytes.IndexByte([]byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3}, b) >= 0
}

// asmWrong reports instructions of which x86asm has a wrong length or knows nothing.
func asmWrong(code []byte, in *Inst) bool {
	i := 0
	for i < len(code) && isPrefix(code[i]) {
		i++
	}
	if code[i] == 0xc4 || code[i] == 0xc5 || code[i] == 0x62 || code[i] == 0x8f {
		return true // VEX and EVEX; all but a few are unknown to it, and vzeroupper is too long
	}
	if bytes.HasPrefix(code[i:], []byte{0x0f, 0x1e}) || bytes.HasPrefix(code[i:], []byte{0x0f, 0x38, 0xf6}) {
		return true // endbr64; adcx, adox
	}
	return in.Op == OpTrap
}

// TestX86asm compares lengths, branch targets and memory operands with Go's own decoder.
func TestX86asm(t *testing.T) {
	_, secs := openBinary(t, binaries[0].paths)
	compared, unknown := 0, 0
	for _, s := range secs {
		data, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		var in Inst
		for i := 0; i < len(data); i += int(in.Len) {
			ok := Decode(data[i:], s.Addr+uint64(i), &in)
			if asmWrong(data[i:min(i+15, len(data))], &in) {
				continue
			}
			x, err := x86asm.Decode(data[i:], 64)
			if err != nil {
				unknown++
				continue
			}
			compared++
			if !ok || int(in.Len) != x.Len {
				t.Errorf("%x: % x: %s, x86asm %d %s", s.Addr+uint64(i), data[i:i+x.Len], &in, x.Len, x)
				continue
			}
			for _, a := range x.Args {
				switch a := a.(type) {
				case x86asm.Rel:
					if want := in.PC + uint64(in.Len) + uint64(int64(a)); uint64(in.Imm) != want {
						t.Errorf("%s: x86asm goes to %x", &in, want)
					}
				case x86asm.Mem:
					if in.Flags&FlagMem == 0 {
						if in.Op != OpString && in.Flags&FlagImpMem == 0 {
							t.Errorf("%s: x86asm has memory operand %v", &in, a)
						}
					} else if a.Scale != 0 && a.Index != 0 && a.Scale != in.Scale {
						t.Errorf("%s: x86asm has memory operand %v", &in, a)
					}
				}
			}
		}
	}
	t.Logf("%d instructions compared, %d unknown to x86asm", compared, unknown)
	if compared < 100000 {
		t.Errorf("only %d instructions compared", compared)
	}
}

// checkInst holds for all that Decode returns.
func checkInst(t *testing.T, code []byte, ok bool, in *Inst) {
	t.Helper()
	switch {
	case !ok:
		if in.Op != OpBad || in.Len != 1 || in.Def != 0 || in.Flags != 0 {
			t.Fatalf("% x: not decoded, but %s", code, in)
		}
		return
	case in.Op == OpBad || in.Len < 1 || in.Len > 15 || int(in.Len) > len(code):
		t.Fatalf("% x: %s", code, in)
	case in.Scale != 1 && in.Scale != 2 && in.Scale != 4 && in.Scale != 8:
		t.Fatalf("% x: scale %d", code, in.Scale)
	case in.Flags&(FlagMem|FlagImpMem) == 0 && in.Flags&(FlagMemIn|FlagMemOut|FlagMemAny|FlagSeg) != 0:
		t.Fatalf("% x: no memory, but %s", code, in)
	case in.Flags&FlagMem == 0 && (in.Base != RegNone || in.Index != RegNone || in.Disp != 0):
		t.Fatalf("% x: no memory operand, but %s", code, in)
	case in.Flags&(FlagMemIn|FlagMemOut) != 0 && in.MemSize == 0 && in.Flags&FlagMemAny == 0:
		t.Fatalf("% x: accesses no memory: %s", code, in)
	case in.Dst != RegNone && (in.Def|in.Use)>>in.Dst&1 == 0 || in.Src != RegNone && (in.Def|in.Use)>>in.Src&1 == 0:
		t.Fatalf("% x: operand neither written nor read: %s", code, in)
	}
}

// FuzzDecode checks that Decode always returns something sensible, that its answer depends
// on nothing but the bytes of the instruction, and on the address only as it should.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"\x48\x89\xe5", "\x0f\x05", "\xe8\x01\x02\x03\x04", "\x64\x48\x8b\x04\x25\x28\x00\x00\x00",
		"\xf3\x48\xa5", "\xc5\xf8\x77", "\x62\xf1\x7c\x48\x10\x44\x24\x01", "\x8f\xe9\x78\x01\xc9",
		"\x0f\x0f\xc0\x0c", "\xff\x25\x00\x00\x00\x00", "\x64\xcd\x03", "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08",
	} {
		f.Add([]byte(s), uint64(0x401000))
	}
	f.Fuzz(func(t *testing.T, code []byte, pc uint64) {
		var a, b Inst
		b.Disp, b.Flags, b.Cond = 1, 0xffff, 3 // must not matter
		ok := Decode(code, pc, &a)
		if Decode(code, pc, &b) != ok || a != b {
			t.Fatalf("% x: %s and %s", code, &a, &b)
		}
		checkInst(t, code, ok, &a)
		if !ok {
			return
		}
		exact := append([]byte{}, code[:a.Len]...)
		if !Decode(exact, pc, &b) || a != b {
			t.Fatalf("% x: %s, without what follows %s", code, &a, &b)
		}
		if Decode(append(exact, bytes.Repeat([]byte{0x90}, 64)...), pc, &b); a != b {
			t.Fatalf("% x: %s, with nops behind %s", code, &a, &b)
		}
		if a.Len > 1 && Decode(exact[:a.Len-1:a.Len-1], pc, &b) {
			t.Fatalf("% x: %s, cut %s", code, &a, &b)
		}
		if Decode(code, pc+0x100, &b); a.Def != b.Def || a.Use != b.Use || a.Flags != b.Flags || a.Len != b.Len {
			t.Fatalf("% x: %s, elsewhere %s", code, &a, &b)
		}
	})
}

func TestAllocs(t *testing.T) {
	code := []byte("\x48\x8b\x44\x24\x08")
	var in Inst
	if n := testing.AllocsPerRun(100, func() { Decode(code, 0, &in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDecode decodes the largest executable section of a binary from end to end. Min-ns/inst is the sum of
// the shortest times for each 8 KB: what it costs when nothing else runs, and the CPU knows the branches.
func BenchmarkDecode(b *testing.B) {
	for _, bin := range binaries {
		if bin.data {
			continue
		}
		name := bin.paths[0][bytes.LastIndexByte([]byte(bin.paths[0]), '/')+1:]
		b.Run(name, func(b *testing.B) {
			_, secs := openBinary(b, bin.paths)
			var sec *elf.Section
			for _, s := range secs {
				if sec == nil || s.Size > sec.Size {
					sec = s
				}
			}
			data, err := sec.Data()
			if err != nil {
				b.Fatal(err)
			}
			decode := func(from, to int) (end, n int) {
				var in Inst
				for ; from < to; from += int(in.Len) {
					Decode(data[from:], sec.Addr+uint64(from), &in)
					n++
				}
				return from, n
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				_, n = decode(0, len(data))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/inst")
			b.StopTimer()
			var sum time.Duration
			for i := 0; i < len(data); {
				best, end := time.Hour, 0
				for range 25 {
					t := time.Now()
					end, _ = decode(i, min(i+8192, len(data)))
					best = min(best, time.Since(t))
				}
				sum += best
				i = end
			}
			b.ReportMetric(float64(sum.Nanoseconds())/float64(n), "min-ns/inst")
			b.ReportMetric(float64(len(data))*1e3/float64(sum.Nanoseconds()), "max-MB/s")
		})
	}
}
