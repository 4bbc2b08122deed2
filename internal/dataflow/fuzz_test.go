package dataflow

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
)

// FuzzUnit analyses any bytes as code, with unwind information and without. The unit is the same, whatever the analyser did before.
func FuzzUnit(f *testing.F) {
	for _, code := range []string{
		"\xb8\x27\x00\x00\x00\x0f\x05\xc3", // a syscall
		"\x4c\x8d\x15\x00\x00\x00\x00\x4d\x01\xda\x41\xff\xe2\x53\x0f\x05\x85\xc0\x74\xf0\xc3",                                         // code plus something unknown
		"\x48\x8d\x0d\x0f\x00\x00\x00\x48\x63\x14\xb9\x48\x01\xca\xff\xe2\x31\xc0\x0f\x05\xc3\xc3\xfa\xff\xff\xff\xff\xff\xff\xff\x00", // a table
		"\x53\x48\x8d\x05\x02\x00\x00\x00\xff\xe2\x5b\x40\x84\xff\x74\xf0\xe8\xf0\xff\xff\xff\xc3",                                     // a label, a condition and a call
		"\x48\x8d\x44\x24\xf8\x48\x89\x44\x24\xf0\xff\xd3\x48\x8b\x7c\x24\xf8\xeb\xed",                                                 // the frame
	} {
		f.Add([]byte(code), uint16(0), uint16(0))
		f.Add([]byte(code), uint16(3), uint16(9))
	}
	f.Fuzz(func(t *testing.T, code []byte, entry, end uint16) {
		if len(code) == 0 || len(code) > 2000 {
			return
		}
		file := flat(code)
		if n := uint64(end) % uint64(len(code)); n > 0 {
			file = framed(code, []image.Range{{Start: 0x1000, End: 0x1000 + n}, {Start: 0x1000 + n, End: 0x1000 + uint64(len(code))}})
		}
		if end&1 != 0 {
			binary.LittleEndian.PutUint16(file[16:], 2) // ET_EXEC
		}
		g, err := image.Parse("fuzz", file)
		if err != nil {
			t.Skip()
		}
		at := 0x1000 + uint64(entry)%uint64(len(code))
		a := New(g)
		want := a.Unit(at)
		asked := map[uint64][]Param{summary.AnyPointer: {{Kind: summary.Arg, Reg: 7}}}
		for _, r := range want.Refs {
			if r.Kind == summary.RefCode || r.Kind == summary.RefCallSlot {
				asked[r.A] = []Param{{Kind: summary.Arg, Reg: 6, Size: 1}, {Kind: summary.Stack, N: 8}, {Kind: summary.ArgMem, Reg: 7, N: 8}}
			}
		}
		for _, s := range want.More().Sites {
			asked[s.PC] = []Param{{Kind: summary.Arg, Reg: 0}}
		}
		passed := New(g).Query(at, asked)
		a.QueryExact(at, asked, func(uint64, bool) uint16 { return 0xffff })
		a.Unit(0x1000)
		if d := cmp.Diff(append([]Passed{}, passed...), append([]Passed{}, a.Query(at, asked)...)); d != "" {
			t.Errorf("what is passed (-at first +later):\n%s", d)
		}
		if d := cmp.Diff(want, a.Unit(at)); d != "" {
			t.Errorf("the unit at %#x (-at first +later):\n%s", at, d)
		}
		if _, err := (&summary.File{SHA256: sum, Units: []*summary.Unit{want}}).MarshalBinary(); err != nil {
			t.Error(err)
		}
	})
}

const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
