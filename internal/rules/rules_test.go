package rules

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"

	"github.com/gofind-dev/gofind/internal/compartment"
)

func example() *Rules {
	allowed := compartment.Calls{1: 5}
	allowed.Add(0)
	allowed.Add(511)
	return &Rules{
		Tool: "v1.2.3 (abc)", Deny: true, OnDeny: 2, Protected: true, Keys: true, Tag: 0x116000, First: 1,
		Code: Range{0x137000, 0x9ad}, Data: Range{0x116000, 0x20840},
		Compartments: []Compartment{{Name: "core", Default: true, Allowed: allowed}, {Name: "lib c", Transparent: true, PKRU: 0x3ffffff3}},
		Entries:      []Entry{{"uk_syscall_r_x", 0x100000, 0x137100, 2, 5, 511, false, true}, {"uk_syscall_e_x", 0x100010, 0, 0, 0, 3, true, false}},
		Gates:        []Gate{{"f", 0x100020, 0x137200, Enter, 1}, {"ukarch_ctx_switch", 0x100040, 0x137300, Switch, 0}},
		Gaps:         []Gap{{"g", 0x100080, "it is shorter than a jump", 2}, {"", 0, "", 0}},
	}
}

func TestRoundTrip(t *testing.T) {
	linked := example()
	linked.Linked = true
	for _, r := range []*Rules{example(), linked, {}, {Tool: "x", Compartments: make([]Compartment, 32)},
		{Alone: true, Compartments: make([]Compartment, 1), Gates: []Gate{{"f", 0x100020, 0, Export, 0}, {"loop", 0x100040, 0x137300, Server, 0}}}} {
		b := Encode(r)
		got, err := Parse(append(bytes.Clone(b), "what follows"...))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v\n%+v %v", got, r, err)
		}
		if again := Encode(got); !bytes.Equal(again, b) {
			t.Error("other bytes the second time")
		}
	}
}

// The addresses that a linker fills in are all there are, and no part of the checksum; everything else is.
func TestLinked(t *testing.T) {
	r := example()
	r.Linked = true
	b := Encode(r)
	zero := *r
	zero.Tag, zero.Code, zero.Data = 0, Range{}, Range{}
	zero.Entries = []Entry{r.Entries[0], r.Entries[1]}
	zero.Gates = []Gate{r.Gates[0], r.Gates[1]}
	zero.Gaps = []Gap{r.Gaps[0], r.Gaps[1]}
	for i := range 2 {
		zero.Entries[i].Addr, zero.Entries[i].Hook = 0, 0
		zero.Gates[i].Addr, zero.Gates[i].Code = 0, 0
		zero.Gaps[i].Addr = 0
	}
	filled := Encode(&zero)
	for _, a := range Addresses(&zero) {
		copy(filled[a.Offset:][:8], b[a.Offset:])
	}
	if !bytes.Equal(filled, b) {
		t.Error("there are other addresses")
	}
	b[96+16] ^= 1
	if _, err := Parse(b); !errors.Is(err, ErrDamaged) {
		t.Errorf("a changed set: %v", err)
	}
}

// What depends on addresses does not change the size, since the rules are measured before they are placed.
func TestSize(t *testing.T) {
	a, b := example(), example()
	b.Tag, b.Code, b.Data, b.Protected = 1, Range{}, Range{2, 3}, false
	b.Entries[0].Hook, b.Gates[0].Code = 0, 0
	if len(Encode(a)) != len(Encode(b)) {
		t.Errorf("%d and %d bytes", len(Encode(a)), len(Encode(b)))
	}
}

// The offsets of the package comment, on a document.
func TestLayout(t *testing.T) {
	b := Encode(example())
	for _, f := range []struct {
		at, size int
		want     uint64
	}{
		{8, 2, 1}, {10, 2, 96}, {12, 4, uint64(len(b))}, {16, 4, 2}, {20, 4, 2}, {24, 4, 2}, {28, 4, 2}, {32, 4, 96 + 2*80 + 2*32 + 2*24 + 2*24},
		{40, 1, 1}, {41, 1, 2}, {42, 1, 1}, {48, 8, 0x116000}, {56, 8, 1}, {64, 8, 0x137000}, {72, 8, 0x9ad}, {80, 8, 0x116000}, {88, 8, 0x20840},
		{96 + 4, 1, 1}, {96 + 16, 1, 1}, {96 + 16 + 8, 1, 5}, {96 + 16 + 63, 1, 0x80}, {96 + 80 + 5, 1, 1},
		{256, 8, 0x100000}, {264, 8, 0x137100}, {272, 4, 2}, {276, 2, 511}, {279, 1, 1}, {256 + 32 + 22, 1, 1},
		{320, 8, 0x100020}, {328, 8, 0x137200}, {341, 1, 1}, {320 + 24 + 20, 1, 2},
		{368, 8, 0x100080}, {384, 4, 2},
	} {
		var v uint64
		for i := range f.size {
			v |= uint64(b[f.at+i]) << (8 * i)
		}
		if v != f.want {
			t.Errorf("%d bytes at %d: %#x, not %#x", f.size, f.at, v, f.want)
		}
	}
	if string(b[:8]) != "gofindR\x1a" {
		t.Errorf("%q", b[:8])
	}
}

// sum writes the checksum of changed rules.
func sum(b []byte) []byte {
	s := sha256.Sum256(b[:len(b)-32])
	copy(b[len(b)-32:], s[:])
	return b
}

func TestErrors(t *testing.T) {
	change := func(at int, v byte) []byte {
		b := Encode(example())
		b[at] = v
		return sum(b)
	}
	if _, err := Parse(nil); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Parse([]byte("\x7fELF something else")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Parse(change(8, 3)); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
	b := Encode(example())
	b[100] ^= 1
	if _, err := Parse(b); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	for n := 8; n < len(b); n++ {
		if r, err := Parse(Encode(example())[:n]); !errors.Is(err, ErrDamaged) || r != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	for _, c := range []struct {
		at int
		v  byte
	}{{8, 0}, {10, 95}, {16, 3}, {16, 33}, {20, 200}, {35, 1}, {39, 0x7f}, {40, 2}, {41, 3}, {42, 9}, {96 + 3, 1}, {96 + 4, 2}, {277, 2}, {320 + 20, 9}, {320 + 21, 2}} {
		if r, err := Parse(change(c.at, c.v)); !errors.Is(err, ErrDamaged) || r != nil {
			t.Errorf("%d at %d: %v", c.v, c.at, err)
		}
	}
}

// What is parsed is written as the same rules; an error means that there are none.
func FuzzParse(f *testing.F) {
	f.Add(Encode(example()))
	f.Add(Encode(&Rules{}))
	linked := example()
	linked.Linked = true
	f.Add(Encode(linked))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= headerSize+sumSize {
			// Give the fuzzer the checksum and the size.
			b = bytes.Clone(b)
			le.PutUint32(b[12:], uint32(len(b)))
			sum(b)
			n := [4]uint64{}
			for i := range n {
				n[i] = uint64(le.Uint32(b[16+4*i:]))
			}
			if b[8] == LinkedVersion && headerSize+compartmentSize*n[0]+entrySize*n[1]+gateSize*n[2]+gapSize*n[3] <= uint64(len(b)-sumSize) {
				copy(b[len(b)-sumSize:], linkedSum(b[:len(b)-sumSize], int(n[0]), int(n[1]), int(n[2]), int(n[3])))
			}
		}
		r, err := Parse(b)
		if err != nil {
			if r != nil {
				t.Fatal("both")
			}
			return
		}
		again, err := Parse(Encode(r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v\n%+v\n%v", r, again, err)
		}
	})
}
