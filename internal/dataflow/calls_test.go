package dataflow

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// sweepAllCalls is sweepCalls by decoding everything.
func sweepAllCalls(f *image.File) (calls []uint64) {
	var in x86.Inst
	for _, x := range f.ExecRanges() {
		for pc := x.Start; pc < x.End; {
			if d := f.FDEAt(pc); d != nil {
				pc = max(d.End, pc+1)
				continue
			}
			end := x.End
			if i, _ := slices.BinarySearchFunc(f.FDEs, pc, func(f image.FDE, pc uint64) int { return cmp.Compare(f.Start, pc) }); i < len(f.FDEs) {
				end = min(end, f.FDEs[i].Start)
			}
			for pc < end {
				if x86.Decode(f.Bytes(pc), pc, &in) && in.Op == x86.OpCall && f.Exec(uint64(in.Imm)) {
					calls = append(calls, uint64(in.Imm))
				}
				pc += uint64(in.Len)
			}
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// TestSweepCalls compares with decoding everything: this program, which is one of Go's, a C library, and files of
// bytes that are calls, prefixes or anything, at lengths that are not instructions' either.
func TestSweepCalls(t *testing.T) {
	check := func(name string, f *image.File) int {
		t.Helper()
		a := New(f)
		a.w.sweepCalls()
		all := sweepAllCalls(f)
		want := slices.DeleteFunc(slices.Clone(all), func(a uint64) bool {
			_, start := slices.BinarySearch(f.FuncStarts(), a)
			return start
		})
		if !slices.Equal(a.w.calls, want) {
			t.Errorf("%s: %d calls %#x, want %d %#x", name, len(a.w.calls), a.w.calls, len(want), want)
		}
		return len(all)
	}
	for _, f := range realFiles(t, "/lib/x86_64-linux-gnu/libc.so.6", "/lib/ld-musl-x86_64.so.1") {
		check(f.Path, f)
	}
	r := rand.New(rand.NewPCG(3, 4))
	calls := 0
	for n := range 300 {
		text := make([]byte, 1+r.IntN(4000))
		for i := range text {
			switch r.IntN(1 + n%8) {
			case 0:
				text[i] = byte(r.Uint32())
			case 1:
				text[i] = 0xe8
			case 2:
				text[i] = []byte{0x66, 0x48, 0x40, 0xf2}[r.IntN(4)]
			case 3:
				text[i] = byte(r.IntN(8))
			default:
				text[i] = []byte{0, 0, 0xff, 0x90, 0x0f}[r.IntN(5)]
			}
		}
		f, err := image.Parse("random", flat(text))
		if err != nil {
			t.Fatal(err)
		}
		calls += check("random", f)
	}
	if calls == 0 {
		t.Error("no call in the random files")
	}
}

// flat returns an executable of nothing but text, at 0x1000.
func flat(text []byte) []byte {
	const at = 0x1000
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1,
		Entry: at, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	})
	binary.Write(&b, binary.LittleEndian, elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: at, Vaddr: at, Paddr: at,
		Filesz: uint64(len(text)), Memsz: uint64(len(text)), Align: at,
	})
	b.Write(make([]byte, at-b.Len()))
	b.Write(text)
	return b.Bytes()
}
