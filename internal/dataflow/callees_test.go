package dataflow

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// TestScan compares where a scan was with a map, near where it began and far from there.
func TestScan(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s scan
	for range 100 {
		base := uint64(1<<20 + r.IntN(1000))
		s.reset(base)
		want := map[uint64]bool{}
		for range r.IntN(600) {
			a := base - 200 + uint64(r.IntN(2500))
			if got := s.first(a); got == want[a] {
				t.Fatalf("first(%#x) = %t from %#x on, want %t", a, got, base, !want[a])
			}
			want[a] = true
		}
		if s.n != len(want) {
			t.Fatalf("%d places, want %d", s.n, len(want))
		}
	}
}

// What a short subroutine leaves alone is still there behind a call of it, however large the range is that unwind information
// has for it: code that was written by hand has several in one.
func TestShortCalleeInALargeRange(t *testing.T) {
	text := "\x4c\x8d\x15\xf9\x0f\x00\x00" + // lea r10, [0x2000]
		"\xe8\x14\x00\x00\x00" + // call 0x1020
		"\x4c\x89\x17" + // mov [rdi], r10
		"\xc3" // ret
	text += strings.Repeat("\xcc", 0x20-len(text)) + "\x31\xc0\xc3" // xor eax, eax; ret
	text += strings.Repeat("\x90", 0x1100-len(text))
	for _, fdes := range [][]image.Range{
		{{Start: 0x1000, End: 0x1400}},
		{{Start: 0x1000, End: 0x1010}, {Start: 0x1020, End: 0x1500}},
	} {
		f, err := image.Parse("frames", framed([]byte(text), fdes))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.FDEs) != len(fdes) {
			t.Fatalf("FDEs: %+v", f.FDEs)
		}
		u := New(f).Unit(0x1000)
		if !slices.Contains(u.Refs, summary.Ref{Kind: summary.RefAddr, A: 0x2000}) {
			t.Errorf("%v: the address that is stored is not among %+v", fdes, u.Refs)
		}
	}
}

// framed is flat with unwind information for some ranges.
func framed(text []byte, fdes []image.Range) []byte {
	b := flat(text)
	le := binary.LittleEndian
	at := len(b) // of .eh_frame_hdr, and the address too
	b = append(b, 1, 0x1b, 0x03, 0xff)
	b = le.AppendUint32(b, 8) // from here to .eh_frame
	b = le.AppendUint32(b, uint32(len(fdes)))
	cie := len(b)
	b = le.AppendUint32(b, 20)
	b = append(b, "\x00\x00\x00\x00\x01zR\x00\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01\x00\x00"...)
	for _, r := range fdes {
		b = le.AppendUint32(b, 16)
		b = le.AppendUint32(b, uint32(len(b)-cie))
		b = le.AppendUint32(b, uint32(r.Start)-uint32(len(b)))
		b = le.AppendUint32(b, uint32(r.End-r.Start))
		b = append(b, 0, 0, 0, 0)
	}
	b = append(b, 0, 0, 0, 0)
	size := uint64(len(b) - 0x1000)
	le.PutUint64(b[64+32:], size)
	le.PutUint64(b[64+40:], size)
	le.PutUint16(b[56:], 2)
	var h bytes.Buffer
	binary.Write(&h, le, elf.Prog64{
		Type: uint32(elf.PT_GNU_EH_FRAME), Flags: uint32(elf.PF_R), Off: uint64(at), Vaddr: uint64(at), Paddr: uint64(at),
		Filesz: 12, Memsz: 12, Align: 4,
	})
	copy(b[64+56:], h.Bytes())
	return b
}

// What a tail call passes is not lost where its target is found to be in the unit only later, since a conditional jump goes there.
func TestTailCallOfWhatIsInTheUnitLater(t *testing.T) {
	text := "\x48\x8d\x3d\xf9\x0f\x00\x00" + // lea rdi, [0x2000]
		"\x85\xf6" + // test esi, esi
		"\x74\x05" + // je other
		"\xe9\x30\x00\x00\x00" + // jmp 0x1040
		"\x31\xff" + // other: xor edi, edi
		"\x4c\x8d\x15\x06\x00\x00\x00" + // lea r10, [behind]
		"\x4d\x01\xda" + // add r10, r11
		"\x41\xff\xe2" + // jmp r10
		"\x85\xd2" + // behind: test edx, edx
		"\x74\x1d" + // je 0x1040
		"\xc3" // ret
	text += strings.Repeat("\xcc", 0x40-len(text)) +
		"\x48\x89\x3e" + // mov [rsi], rdi
		"\xc3" // ret
	text += strings.Repeat("\x90", 0x1100-len(text))
	f, err := image.Parse("tail", framed([]byte(text), []image.Range{{Start: 0x1000, End: 0x1024}, {Start: 0x1040, End: 0x1044}}))
	if err != nil {
		t.Fatal(err)
	}
	u := New(f).Unit(0x1000)
	if !slices.ContainsFunc(u.Refs, func(r summary.Ref) bool {
		return r.A == 0x2000 && (r.Kind == summary.RefAddr || r.Kind == summary.RefPass)
	}) {
		t.Errorf("the address that is passed is not among %+v", u.Refs)
	}
	if !slices.Contains(u.Refs, summary.Ref{Kind: summary.RefCode, A: 0x1040}) && u.ArgUse>>6&1 == 0 {
		t.Errorf("what is called is neither among %+v nor in the unit", u.Refs)
	}
}

// TestClobbersInAnyOrder: what a callee leaves alone does not depend on what was asked before, and is no more where its own calls are
// followed less deep.
func TestClobbersInAnyOrder(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := image.Open("/lib/x86_64-linux-gnu/libc.so.6")
	if err != nil {
		f, err = image.Open(exe)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	deep, shallow := New(f), New(f)
	for _, e := range f.FuncStarts() {
		shallow.w.clobbers(e, clobDepth)
	}
	some := false
	for d := range clobDepth + 1 {
		for _, e := range f.FuncStarts() {
			got, alone := deep.w.clobbers(e, d), New(f)
			if want := alone.w.scanClobbers(e, d); got != want || shallow.w.clobbers(e, d) != want {
				t.Errorf("%#x to depth %d: %#x, and %#x if asked for the smallest depth first, want %#x", e, d, got, shallow.w.clobbers(e, d), want)
			}
			some = some || got != callerSaved
		}
	}
	if !some {
		t.Error("all functions may change all registers")
	}
}

// TestHasReturn: what is told without decoding is so when it is decoded.
func TestHasReturn(t *testing.T) {
	for _, f := range realFiles(t, "/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libstdc++.so.6") {
		w := &New(f).w
		n := 0
		for i := range f.FDEs {
			d := &f.FDEs[i]
			if !f.Exec(d.Start) || !w.hasReturn(d, d.Start) {
				continue
			}
			found := false
			for pc := d.Start; pc < d.End && !found; {
				var in x86.Inst
				if !x86.Decode(f.Code(pc), pc, &in) {
					pc++
					continue
				}
				found = in.Op == x86.OpRet
				pc += uint64(in.Len)
			}
			if last := f.Bytes(d.End - 2); !found && last[0] != 0xeb { // a jump by -61 at the end is taken for one
				t.Errorf("%s: %#x to %#x has no ret", f.Path, d.Start, d.End)
			}
			n++
		}
		if n == 0 && len(f.FDEs) > 0 {
			t.Errorf("%s: no function has a ret", f.Path)
		}
	}
}
