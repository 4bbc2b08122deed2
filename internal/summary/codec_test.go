package summary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const zeroSum = "00000000000000000000000000000000000000000000000000000000000000ff"

// full returns a file in which every field of every type is set, so that a
// field that the codec does not know is lost on the way.
func full() *File {
	f := &File{SHA256: zeroSum}
	n := 0
	for range 2 {
		u := new(Unit)
		fill(reflect.ValueOf(u).Elem(), &n)
		u.Entry = uint64(0x1000 * n)
		// what refers to other elements
		u.Rest.Division.Parts = []Part{{1, 1, 1, 1}, {2, 2, 2, 2}}
		u.Rest.Division.Edges = []Edge{{0, 1, 1}, {1, 0, 2}}
		u.Returns[0].Part, u.Returns[1].Part = 0, 1
		u.Rest.Division.InPart = []uint16{1, 0}
		k := u.Rest.Kept
		k[0].Kind, k[1].Kind, k[1].N = StoreConst, StoreArg, 0
		f.Units = append(f.Units, u)
	}
	return f
}

// fill sets everything in v to small numbers that are not zero and ascend in slices.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(1 + *n%2)) // kinds too: each type has at least three
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	default:
		panic("summary: fill does not know " + v.Type().String())
	}
}

func roundTrip(t *testing.T, f *File) []byte {
	t.Helper()
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var g File
	if err := g.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*f, g); d != "" {
		t.Fatalf("written and read back (-written +read):\n%s", d)
	}
	return b
}

// If this fails after a field was added to a type of this package, teach it to
// append and to the decoder, and raise version.
func TestEveryFieldIsWritten(t *testing.T) { roundTrip(t, full()) }

func TestExtremes(t *testing.T) {
	roundTrip(t, &File{SHA256: zeroSum})
	roundTrip(t, &File{SHA256: zeroSum, Units: []*Unit{{}}})
	roundTrip(t, &File{SHA256: zeroSum, Units: []*Unit{{
		Entry: math.MaxUint64, Insts: math.MaxInt32, ArgUse: math.MaxUint16, ArgBack: math.MaxUint16,
		Refs: []Ref{
			{A: 0, B: math.MaxUint64, Off: math.MinInt32, Size: math.MaxUint16, Reg: 255, Kind: lastKind},
			{A: math.MaxUint64, B: 1 << 63, Off: math.MaxInt32},
			{A: 1 << 63},
		},
		Passes: []ArgPass{{math.MaxUint64, math.MaxUint64 &^ movesNone}, {Moves: Own(math.MaxUint16)}, {Moves: Moves(0).With(15, 0)}, {Moves: movesSlot}, {}},
		Rest: &Rest{Sites: []Site{{PC: 1, Gate: lastGate,
			Values: []Value{{N: math.MinInt64, Off: math.MinInt32, Kind: lastValue, Reg: 255, Size: 255}, {N: math.MaxInt64}},
			Args:   [3][]Value{1: {{}}}}},
			Kept: []ArgStore{{math.MaxUint64, math.MinInt64, StoreConst, 255, 255}, {}},
			Division: &Division{
				Parts:  []Part{{}, {Refs: 1, Passes: 5, Sites: 1, Kept: 2}, {3, 5, 1, 2}},
				Edges:  []Edge{{}, {2, 0, 0}},
				Conds:  []Cond{{math.MaxUint64, math.MaxUint64, lastCond, 255, 255}, {}},
				InPart: []uint16{2, 0, 1},
			},
			Gaps:    []Gap{{math.MaxUint64, lastGap}, {}},
			Targets: []uint64{0, 1, math.MaxUint64}},
		Returns: []Return{{math.MinInt64, 2, lastEnd}, {}},
	}}})
}

// The codec refuses kinds beyond the last ones that it names. If this fails,
// a kind was added: name it there, and raise version.
func TestKindsAreKnown(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "summary.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		if id, ok := g.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident); ok {
			count[id.Name] = len(g.Specs)
		}
	}
	for name, last := range map[string]int{"Kind": int(lastKind), "ValueKind": int(lastValue), "Gate": int(lastGate), "GapKind": int(lastGap),
		"StoreKind": int(lastStore), "CondKind": int(lastCond), "ReturnKind": int(lastEnd)} {
		if count[name] != last+1 {
			t.Errorf("%s has %d constants, the codec knows %d", name, count[name], last+1)
		}
	}
	if lastKind > kindMask || lastValue > kindMask {
		t.Error("kinds have outgrown their four bits")
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, c := range []struct {
		f    File
		want string
	}{
		{File{}, "is not a SHA-256"},
		{File{SHA256: strings.ToUpper(zeroSum)}, "is not a SHA-256"},
		{File{SHA256: zeroSum, Units: []*Unit{{Entry: 2}, {Entry: 1}}}, "unit 0x1 follows 0x2"},
		{File{SHA256: zeroSum, Units: []*Unit{{Entry: 2}, {Entry: 2}}}, "unit 0x2 follows 0x2"},
		{File{SHA256: zeroSum, Units: []*Unit{{Refs: []Ref{{Kind: lastKind + 1}}}}}, "reference 0 of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Sites: []Site{{Gate: lastGate + 1}}}}}}, "unknown gate"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Sites: []Site{{Args: [3][]Value{2: {{Kind: lastValue + 1}}}}}}}}}, "value of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Gaps: []Gap{{Kind: lastGap + 1}}}}}}, "gap 0x0 of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Targets: []uint64{1, 1}}}}}, "target 0x1 follows 0x1"},
		{File{SHA256: zeroSum, Units: []*Unit{{Insts: -1}}}, "-1 instructions"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Kept: []ArgStore{{Kind: lastStore + 1}}}}}}, "store of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Kept: []ArgStore{{N: 1}}}}}}, "store of a number that is none"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Division: &Division{Conds: []Cond{{Kind: lastCond + 1}}}}}}}, "condition of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Returns: []Return{{Kind: lastEnd + 1}}}}}, "return of unknown kind"},
		{File{SHA256: zeroSum, Units: []*Unit{{Returns: []Return{{Part: 1}}}}}, "return 0 refers to a part that is not there"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Division: &Division{Parts: []Part{{Refs: 1}}}}}}}, "the last part does not end"},
		{File{SHA256: zeroSum, Units: []*Unit{{Refs: make([]Ref, 1), Rest: &Rest{Division: &Division{Parts: []Part{{Refs: 1}, {}}}}}}}, "part 1 ends before it begins"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Division: &Division{Parts: []Part{{}}, Edges: []Edge{{To: 1}}}}}}}, "edge 0 refers to a part"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Division: &Division{Parts: []Part{{}}, Edges: []Edge{{Cond: 1}}}}}}}, "edge 0 refers to a part"},
		{File{SHA256: zeroSum, Units: []*Unit{{Rest: &Rest{Division: &Division{Parts: []Part{{}, {}}, Edges: []Edge{{From: 1}, {}}}}}}}, "edge 1 is not in the order of parts"},
	} {
		b, err := c.f.AppendBinary([]byte("x"))
		if err == nil || !strings.Contains(err.Error(), c.want) || string(b) != "x" {
			t.Errorf("%q, %v; want %q", b, err, c.want)
		}
	}
}

// sealed returns a file that has body after its hash, with a valid checksum.
func sealed(body []byte) []byte {
	b := append([]byte(magic), version)
	b = append(append(b, make([]byte, 32)...), body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// body is the inverse of sealed.
func body(b []byte) []byte { return b[len(magic)+1+32 : len(b)-4] }

func TestUnmarshalRefuses(t *testing.T) {
	good, err := full().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(good)
	other[len(magic)]++
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 4
	none := make([]byte, totals)
	unit := func(b ...byte) []byte { // one unit at 0 with a Ref, room for a target
		return sealed(append([]byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, b...))
	}
	pass := func(held ...byte) []byte { // one unit at 0 with an ArgPass
		return sealed(append([]byte{1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, held...))
	}
	for _, c := range []struct {
		b    []byte
		want string
		is   error
	}{
		{nil, "offset 0: not a summary", nil},
		{[]byte("ELF.."), "offset 0: not a summary", nil},
		{other, "offset 4: format version 6 is not 5", ErrVersion},
		{good[:20], "offset 20: truncated", ErrTruncated},
		{flipped, "the checksum is wrong", ErrChecksum},
		{good[:len(good)-1], "the checksum is wrong", ErrChecksum},
		{sealed(append(none, 0)), "offset 49: 1 bytes follow the last unit", nil},
		{sealed(append([]byte{0x80, 0}, none...)), "offset 37: a number that is longer than it need be", nil},
		{sealed([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0}), "offset 37: a number of more than 64 bits", nil},
		{sealed([]byte{0, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "offset 37: 0 bytes cannot hold", ErrTruncated},
		{sealed([]byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "1 elements that the header counts are missing", nil},
		{unit(0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "2 elements, but only 1 are left", nil},
		{unit(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0), "offset 63: unknown kind 15", nil},
		{unit(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, hasOff, 0, 0), "a zero that should not be written", nil},
		{unit(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, hasOff, 0), "offset 65: truncated", ErrTruncated},
		{pass(1<<0, 0), "offset 66: a register that holds nothing", nil},
		{pass(1<<0|1<<1, 0x05), "offset 66: a register that holds nothing", nil},
		{pass(1<<0, 0x15), "offset 66: more is held than there are registers", nil},
		{unit(0, 0, 0xff, 0xff, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "81919 is more than 65535", nil},
	} {
		f := File{SHA256: "left over"}
		err := f.UnmarshalBinary(c.b)
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) || !errors.Is(fe.Err, c.is) {
			t.Errorf("%v; want %q, %v", err, c.want, c.is)
		}
		if f.SHA256 != "" || f.Units != nil {
			t.Errorf("%q: an error left %+v", c.want, f)
		}
	}
}

// What a hostile file can make the decoder allocate.
const allocFactor = 24

// Files of nothing but the smallest elements of each kind take the most memory for their size.
func TestAllocationIsBounded(t *testing.T) {
	const n = 20000
	files := map[string]*File{"units": {SHA256: zeroSum}, "rests": {SHA256: zeroSum}, "divisions": {SHA256: zeroSum}}
	for i := range n {
		files["units"].Units = append(files["units"].Units, &Unit{Entry: uint64(i + 1)})
	}
	for i := range n / 20 { // a comparison of many pointers takes long
		for name, rest := range map[string]*Rest{"rests": {Gaps: make([]Gap, 1)}, "divisions": {Division: &Division{Conds: make([]Cond, 1)}}} {
			files[name].Units = append(files[name].Units, &Unit{Entry: uint64(i + 1), Rest: rest})
		}
	}
	for name, u := range map[string]*Unit{
		"refs": {Refs: make([]Ref, n)}, "passes": {Passes: make([]ArgPass, n)}, "sites": {Rest: &Rest{Sites: make([]Site, n)}},
		"values": {Rest: &Rest{Sites: []Site{{Values: make([]Value, n)}}}}, "kept": {Rest: &Rest{Kept: make([]ArgStore, n)}},
		"gaps": {Rest: &Rest{Gaps: make([]Gap, n)}}, "targets": {Rest: &Rest{Targets: make([]uint64, n)}},
		"parts": {Rest: &Rest{Division: &Division{Parts: make([]Part, n)}}}, "edges": {Rest: &Rest{Division: &Division{Parts: make([]Part, 1), Edges: make([]Edge, n)}}},
		"conds": {Rest: &Rest{Division: &Division{Conds: make([]Cond, n)}}}, "returns": {Returns: make([]Return, n)},
	} {
		for i := range u.More().Targets {
			u.Rest.Targets[i] = uint64(i)
		}
		files[name] = &File{SHA256: zeroSum, Units: []*Unit{u}}
	}
	for name, f := range files {
		b := roundTrip(t, f)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var g File
		if err := g.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > allocFactor*uint64(len(b)) {
			t.Errorf("%s: %d bytes made %d, %.1f times as many", name, len(b), got, float64(got)/float64(len(b)))
		}
	}
}

// FuzzDecode decodes what it gets behind a valid header. What is accepted is
// written back as the same bytes.
func FuzzDecode(f *testing.F) {
	for _, file := range []*File{{SHA256: zeroSum}, {SHA256: zeroSum, Units: []*Unit{{Entry: 1}}}, full()} {
		b, err := file.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body(b))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var raw File
		if err := raw.UnmarshalBinary(data); err != nil && (raw.SHA256 != "" || raw.Units != nil) {
			t.Errorf("%v left %+v", err, raw)
		}
		b := sealed(data)
		var g File
		if err := g.UnmarshalBinary(b); err != nil {
			if g.SHA256 != "" || g.Units != nil {
				t.Errorf("%v left %+v", err, g)
			}
			return
		}
		again, err := g.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x is read, but written as %x", b, again)
		}
	})
}
