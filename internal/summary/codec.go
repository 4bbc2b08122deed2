package summary

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// File is what is known of one ELF file.
//
// Its binary form is made to be stored under the file's hash. The same value
// gives the same bytes, and only those bytes are read back as that value: there
// is one way to write each number, and nothing may follow the end.
//
//	magic    "gfsu", then the version of the format, 1 byte
//	sha256   32 bytes
//	totals   units, refs, passes, sites, values, kept, gaps, targets, parts, edges,
//	         conds, returns: uvarint each
//	units    by ascending entry
//	crc32c   of all before it, 4 bytes, little-endian
//
// A unit is its entry, Insts and Indirect, ArgUse, ArgBack, the lengths of its slices, and
// their elements; the parts of targets follow the parts. Numbers are minimal varints (encoding/binary); addresses are
// written as differences to the one before them in the unit. Of a Ref and a
// Value the first byte says which fields are there; the others are zero.
//
// The version is that of the form alone. A summary also depends on the engine
// that made it: that belongs into the name under which it is stored.
type File struct {
	SHA256 string  // of the ELF file, in lower-case hex
	Units  []*Unit // by ascending Entry, no two of the same
}

// FormatError says what is wrong with bytes that are no File.
type FormatError struct {
	Offset  int
	Problem string
	Err     error // ErrVersion, ErrTruncated, ErrChecksum, or nil
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("summary: offset %d: %s", e.Offset, e.Problem)
}

func (e *FormatError) Unwrap() error { return e.Err }

// Sentinels that a FormatError may wrap.
var (
	ErrVersion   = errors.New("another version of the format")
	ErrTruncated = errors.New("truncated")
	ErrChecksum  = errors.New("wrong checksum")
)

const (
	magic   = "gfsu"
	version = 5

	// The last of each kind: a reader that does not know a kind must not read it.
	lastKind  = RefTable
	lastStore = StoreConst
	lastCond  = CondArg
	lastEnd   = ReturnNever
	lastValue = Addr
	lastGate  = GateInt80
	lastGap   = GapSwept
)

// The totals, in the order of the header.
const (
	tUnits = iota
	tRefs
	tPasses
	tSites
	tValues
	tKept
	tGaps
	tTargets
	tParts
	tEdges
	tConds
	tReturns
	totals
)

// least is how many bytes an element takes at least. No more elements are
// made room for than the bytes that are left can hold.
var least = [totals]uint64{14, 2, 2, 6, 1, 4, 2, 1, 4, 3, 5, 3}

// Bits of the first byte of a Ref and of a Value, above the kind.
const (
	kindMask = 0x0f
	hasB     = 0x10 // Ref.B, Value.N
	hasOff   = 0x20
	hasSize  = 0x40
	hasReg   = 0x80
)

// castagnoli is computed on first use, as scans that store nothing need none.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// MarshalBinary returns the binary form of f. It is an error if f is not as its
// comments say, or holds a kind that this package does not define.
func (f *File) MarshalBinary() ([]byte, error) { return f.AppendBinary(nil) }

// AppendBinary appends what MarshalBinary returns to b. With an error it returns b as it was.
func (f *File) AppendBinary(b []byte) ([]byte, error) {
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil || len(sum) != 32 || strings.ToLower(f.SHA256) != f.SHA256 {
		return b, fmt.Errorf("summary: %q is not a SHA-256 in lower-case hex", f.SHA256)
	}
	n := [totals]uint64{tUnits: uint64(len(f.Units))}
	for i, u := range f.Units {
		if err := u.check(); err != nil {
			return b, fmt.Errorf("summary: unit %#x: %w", u.Entry, err)
		}
		if i > 0 && f.Units[i-1].Entry >= u.Entry {
			return b, fmt.Errorf("summary: unit %#x follows %#x", u.Entry, f.Units[i-1].Entry)
		}
		n[tRefs] += uint64(len(u.Refs))
		n[tPasses] += uint64(len(u.Passes))
		n[tSites] += uint64(len(u.More().Sites))
		n[tKept] += uint64(len(u.More().Kept))
		n[tGaps] += uint64(len(u.More().Gaps))
		n[tTargets] += uint64(len(u.More().Targets))
		n[tParts] += uint64(len(u.Div().Parts))
		n[tEdges] += uint64(len(u.Div().Edges))
		n[tConds] += uint64(len(u.Div().Conds))
		n[tReturns] += uint64(len(u.Returns))
		for j := range u.More().Sites {
			n[tValues] += uint64(len(u.More().Sites[j].Values))
			for _, a := range u.More().Sites[j].Args {
				n[tValues] += uint64(len(a))
			}
		}
	}
	start := len(b)
	b = slices.Grow(b, int(64+24*n[tUnits]+8*n[tRefs]))
	b = append(append(append(b, magic...), version), sum...)
	for _, c := range n {
		b = binary.AppendUvarint(b, c)
	}
	entry := uint64(0)
	for _, u := range f.Units {
		b = u.append(b, entry)
		entry = u.Entry
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli())), nil
}

// check reports what the format cannot hold.
func (u *Unit) check() error {
	values := func(l []Value) error {
		for _, v := range l {
			if v.Kind > lastValue {
				return fmt.Errorf("value of unknown kind %d", v.Kind)
			}
		}
		return nil
	}
	for i := range u.Refs {
		if u.Refs[i].Kind > lastKind {
			return fmt.Errorf("reference %d of unknown kind %d", i, u.Refs[i].Kind)
		}
	}
	for i := range u.Passes {
		if m := u.Passes[i].Moves; m&movesNone != 0 {
			return fmt.Errorf("pass %d says what the stack pointer holds", i)
		}
	}
	for i := range u.More().Sites {
		s := &u.More().Sites[i]
		if s.Gate > lastGate {
			return fmt.Errorf("site %#x with unknown gate %d", s.PC, s.Gate)
		}
		for _, l := range [4][]Value{s.Values, s.Args[0], s.Args[1], s.Args[2]} {
			if err := values(l); err != nil {
				return fmt.Errorf("site %#x: %w", s.PC, err)
			}
		}
	}
	for _, g := range u.More().Gaps {
		if g.Kind > lastGap {
			return fmt.Errorf("gap %#x of unknown kind %d", g.PC, g.Kind)
		}
	}
	for i := range u.More().Kept {
		if u.More().Kept[i].Kind > lastStore {
			return fmt.Errorf("store of unknown kind %d", u.More().Kept[i].Kind)
		}
		if u.More().Kept[i].Kind != StoreConst && u.More().Kept[i].N != 0 {
			return fmt.Errorf("store of a number that is none")
		}
	}
	for _, c := range u.Div().Conds {
		if c.Kind > lastCond {
			return fmt.Errorf("condition of unknown kind %d", c.Kind)
		}
	}
	for i := range u.Returns {
		if u.Returns[i].Kind > lastEnd {
			return fmt.Errorf("return of unknown kind %d", u.Returns[i].Kind)
		}
	}
	if err := u.checkParts(); err != nil {
		return err
	}
	for i := 1; i < len(u.More().Targets); i++ {
		if u.More().Targets[i-1] >= u.More().Targets[i] {
			return fmt.Errorf("target %#x follows %#x", u.More().Targets[i], u.More().Targets[i-1])
		}
	}
	if u.Insts < 0 {
		return fmt.Errorf("%d instructions", u.Insts)
	}
	return nil
}

// checkParts reports what parts, edges and returns refer to and is not there.
func (u *Unit) checkParts() error {
	d := u.Div()
	var before Part
	for i, p := range d.Parts {
		if p.Refs < before.Refs || p.Passes < before.Passes || p.Sites < before.Sites || p.Kept < before.Kept {
			return fmt.Errorf("part %d ends before it begins", i)
		}
		before = p
	}
	if n := len(d.Parts); n > 0 && before != (Part{uint32(len(u.Refs)), uint32(len(u.Passes)), uint32(len(u.More().Sites)), uint32(len(u.More().Kept))}) {
		return fmt.Errorf("the last part does not end where the unit does")
	}
	for i, e := range d.Edges {
		if i > 0 && d.Edges[i-1].From > e.From {
			return fmt.Errorf("edge %d is not in the order of parts", i)
		}
		if int(e.From) >= len(d.Parts) || int(e.To) >= len(d.Parts) || int(e.Cond) > len(d.Conds) {
			return fmt.Errorf("edge %d refers to a part or a condition that is not there", i)
		}
	}
	want := 0
	if len(d.Parts) > 0 {
		want = len(u.More().Targets)
	}
	if len(d.InPart) != want {
		return fmt.Errorf("%d targets have parts, not %d", len(d.InPart), want)
	}
	for _, p := range d.InPart {
		if int(p) >= len(d.Parts) {
			return fmt.Errorf("a target is in part %d of %d", p, len(d.Parts))
		}
	}
	for i, r := range u.Returns {
		if int(r.Part) >= max(len(d.Parts), 1) {
			return fmt.Errorf("return %d refers to a part that is not there", i)
		}
	}
	return nil
}

// append writes u; before is the entry of the unit before it.
func (u *Unit) append(b []byte, before uint64) []byte {
	b = binary.AppendUvarint(b, u.Entry-before)
	b = binary.AppendUvarint(b, uint64(u.Insts)<<1|uint64(bit(u.Indirect, 1)))
	b = binary.AppendUvarint(b, uint64(u.ArgUse))
	b = binary.AppendUvarint(b, uint64(u.ArgBack))
	div := u.Div()
	for _, n := range [...]int{len(u.Refs), len(u.Passes), len(u.More().Sites), len(u.More().Kept), len(u.More().Gaps), len(u.More().Targets),
		len(div.Parts), len(div.Edges), len(div.Conds), len(u.Returns)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	at := u.Entry
	near := func(a uint64) {
		b = binary.AppendVarint(b, int64(a-at))
		at = a
	}
	for i := range u.Refs {
		r := &u.Refs[i]
		b = append(b, byte(r.Kind)|bit(r.B != 0, hasB)|bit(r.Off != 0, hasOff)|bit(r.Size != 0, hasSize)|bit(r.Reg != 0, hasReg))
		near(r.A)
		if r.B != 0 {
			b = binary.AppendVarint(b, int64(r.B-r.A))
		}
		if r.Off != 0 {
			b = binary.AppendVarint(b, int64(r.Off))
		}
		if r.Size != 0 {
			b = binary.AppendUvarint(b, uint64(r.Size))
		}
		if r.Reg != 0 {
			b = append(b, r.Reg)
		}
	}
	for _, p := range u.Passes {
		near(p.Callee)
		b = p.Moves.append(b)
	}
	for i := range u.More().Sites {
		s := &u.More().Sites[i]
		near(s.PC)
		b = append(b, byte(s.Gate))
		for _, l := range [4][]Value{s.Values, s.Args[0], s.Args[1], s.Args[2]} {
			b = binary.AppendUvarint(b, uint64(len(l)))
			for _, v := range l {
				b = v.append(b)
			}
		}
	}
	for _, k := range u.More().Kept {
		near(k.Slot)
		b = append(b, byte(k.Kind), k.Reg, k.Size)
		if k.Kind == StoreConst {
			b = binary.AppendVarint(b, k.N)
		}
	}
	for _, g := range u.More().Gaps {
		near(g.PC)
		b = append(b, byte(g.Kind))
	}
	for i, t := range u.More().Targets {
		if i == 0 {
			near(t)
		} else {
			b = binary.AppendUvarint(b, t-at)
			at = t
		}
	}
	var last Part
	for _, p := range div.Parts {
		b = binary.AppendUvarint(b, uint64(p.Refs-last.Refs))
		b = binary.AppendUvarint(b, uint64(p.Passes-last.Passes))
		b = binary.AppendUvarint(b, uint64(p.Sites-last.Sites))
		b = binary.AppendUvarint(b, uint64(p.Kept-last.Kept))
		last = p
	}
	for _, p := range div.InPart {
		b = binary.AppendUvarint(b, uint64(p))
	}
	for _, e := range div.Edges {
		b = binary.AppendUvarint(b, uint64(e.From))
		b = binary.AppendUvarint(b, uint64(e.To))
		b = binary.AppendUvarint(b, uint64(e.Cond))
	}
	for _, c := range div.Conds {
		near(c.A)
		b = append(b, byte(c.Kind), c.Cmp, c.Size)
		b = binary.AppendUvarint(b, c.N)
	}
	for _, r := range u.Returns {
		b = binary.AppendUvarint(b, uint64(r.Part))
		b = append(b, byte(r.Kind))
		b = binary.AppendVarint(b, r.N)
	}
	return b
}

// append writes which registers hold something, with the bit of rsp for Slot, and then what they hold, two to a byte.
func (m Moves) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.registers()))
	half := false
	for m &^= movesSlot; m != 0; {
		i := bits.TrailingZeros64(uint64(m)) &^ 3
		r := byte(m>>i) & 0xf
		if half {
			b[len(b)-1] |= r << 4
		} else {
			b = append(b, r)
		}
		half = !half
		m &^= 0xf << i
	}
	return b
}

// registers returns a bit for each register in whose place something is.
func (m Moves) registers() (regs uint16) {
	for m != 0 {
		i := bits.TrailingZeros64(uint64(m)) &^ 3
		regs |= 1 << (i / 4)
		m &^= 0xf << i
	}
	return regs
}

func (v Value) append(b []byte) []byte {
	b = append(b, byte(v.Kind)|bit(v.N != 0, hasB)|bit(v.Off != 0, hasOff)|bit(v.Size != 0, hasSize)|bit(v.Reg != 0, hasReg))
	if v.N != 0 {
		b = binary.AppendVarint(b, v.N)
	}
	if v.Off != 0 {
		b = binary.AppendVarint(b, int64(v.Off))
	}
	if v.Size != 0 {
		b = append(b, v.Size)
	}
	if v.Reg != 0 {
		b = append(b, v.Reg)
	}
	return b
}

// bit returns flag if set.
func bit(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}

// UnmarshalBinary reads what MarshalBinary wrote. Empty slices come back nil.
// An error is a *FormatError, and then f is the zero File. Any input is safe to
// read: at most 24 times its size is allocated, in at most 16 pieces and up to three for each unit with a Rest.
// What is read does not refer to data.
func (f *File) UnmarshalBinary(data []byte) error {
	*f = File{}
	d := decoder{b: data}
	g := d.file()
	if d.err != nil {
		return d.err
	}
	*f = g
	return nil
}

// decoder reads varints. After an error it reads zeros.
type decoder struct {
	b   []byte
	off int
	err *FormatError

	units   []Unit // room for all elements; the units take theirs from the front
	refs    []Ref
	passes  []ArgPass
	sites   []Site
	values  []Value
	kept    []ArgStore
	gaps    []Gap
	targets []uint64
	parts   []Part
	edges   []Edge
	conds   []Cond
	returns []Return
}

// fail records what is wrong with what starts at offset at.
func (d *decoder) fail(at int, err error, format string, args ...any) {
	if d.err == nil {
		d.err = &FormatError{Offset: at, Problem: fmt.Sprintf(format, args...), Err: err}
		d.off = len(d.b)
	}
}

func (d *decoder) byte() byte {
	if d.off >= len(d.b) {
		d.fail(d.off, ErrTruncated, "truncated")
		return 0
	}
	c := d.b[d.off]
	d.off++
	return c
}

// uint reads a number of at most limit.
func (d *decoder) uint(limit uint64) uint64 {
	at := d.off
	if at < len(d.b) && d.b[at] < 0x80 && uint64(d.b[at]) <= limit {
		d.off++
		return uint64(d.b[at])
	}
	x, n := binary.Uvarint(d.b[at:])
	switch {
	case n == 0:
		d.fail(at, ErrTruncated, "truncated")
	case n < 0:
		d.fail(at, nil, "a number of more than 64 bits")
	case n > 1 && d.b[at+n-1] == 0:
		d.fail(at, nil, "a number that is longer than it need be")
	case x > limit:
		d.fail(at, nil, "%d is more than %d", x, limit)
	default:
		d.off += n
		return x
	}
	return 0
}

// int reads a signed number of the given size in bits.
func (d *decoder) int(bits uint) int64 {
	x := d.uint(1<<bits - 1)
	return int64(x>>1) ^ -int64(x&1)
}

const (
	maxUint32 = 1<<32 - 1
	maxUint64 = 1<<64 - 1
)

func (d *decoder) near(at *uint64) uint64 {
	*at += uint64(d.int(64))
	return *at
}

// nonzero reads a number that is there because it is not zero.
func (d *decoder) nonzero(x int64) int64 {
	if x == 0 {
		d.fail(d.off, nil, "a zero that should not be written")
	}
	return x
}

// file reads everything. What it returns is whole only if d.err is nil.
func (d *decoder) file() (f File) {
	if len(d.b) < len(magic)+1 || string(d.b[:len(magic)]) != magic {
		d.fail(0, nil, "not a summary")
		return
	}
	if v := d.b[len(magic)]; v != version {
		d.fail(len(magic), ErrVersion, "format version %d is not %d", v, version)
		return
	}
	end := len(d.b) - 4
	if end < len(magic)+1+32+totals {
		d.fail(len(d.b), ErrTruncated, "truncated")
		return
	}
	if binary.LittleEndian.Uint32(d.b[end:]) != crc32.Checksum(d.b[:end], castagnoli()) {
		d.fail(end, ErrChecksum, "the checksum is wrong: the bytes have changed since they were written")
		return
	}
	d.b = d.b[:end]
	d.off = len(magic) + 1
	f.SHA256 = hex.EncodeToString(d.b[d.off : d.off+32])
	d.off += 32

	var n [totals]uint64
	at, need := d.off, uint64(0)
	for i := range n {
		n[i] = d.uint(uint64(len(d.b)))
		need += n[i] * least[i]
	}
	if need > uint64(len(d.b)-d.off) {
		d.fail(at, ErrTruncated, "%d bytes cannot hold what they are said to", len(d.b)-d.off)
	}
	if d.err != nil {
		return
	}
	d.units, d.refs, d.passes, d.sites = room[Unit](n[tUnits]), room[Ref](n[tRefs]), room[ArgPass](n[tPasses]), room[Site](n[tSites])
	d.values, d.kept, d.gaps, d.targets = room[Value](n[tValues]), room[ArgStore](n[tKept]), room[Gap](n[tGaps]), room[uint64](n[tTargets])
	d.parts, d.edges, d.conds, d.returns = room[Part](n[tParts]), room[Edge](n[tEdges]), room[Cond](n[tConds]), room[Return](n[tReturns])
	all := d.units
	f.Units = room[*Unit](n[tUnits])
	entry := uint64(0)
	for i := range all {
		at := d.off
		step := d.uint(maxUint64)
		if i > 0 && (step == 0 || entry+step < entry) {
			d.fail(at, nil, "the entry of unit %d does not ascend", i)
		}
		entry += step
		d.unit(&all[i], entry)
		if d.err != nil {
			return
		}
		f.Units[i] = &all[i]
	}
	if k := len(d.refs) + len(d.passes) + len(d.sites) + len(d.values) + len(d.kept) + len(d.gaps) + len(d.targets) +
		len(d.parts) + len(d.edges) + len(d.conds) + len(d.returns); k > 0 {
		d.fail(d.off, nil, "%d elements that the header counts are missing", k)
	} else if d.off != len(d.b) {
		d.fail(d.off, nil, "%d bytes follow the last unit", len(d.b)-d.off)
	}
	return
}

// room returns n zero elements, nil for none.
func room[T any](n uint64) []T {
	if n == 0 {
		return nil
	}
	return make([]T, n)
}

// cut takes the next n elements from the front of the room for all of them.
func cut[T any](d *decoder, all *[]T, n uint64) []T {
	if n > uint64(len(*all)) {
		d.fail(d.off, nil, "%d elements, but only %d are left of those that the header counts", n, len(*all))
		return nil
	}
	if n == 0 {
		return nil
	}
	l := (*all)[:n:n]
	*all = (*all)[n:]
	return l
}

func (d *decoder) unit(u *Unit, entry uint64) {
	u.Entry = entry
	x := d.uint(1<<32 - 1)
	u.Insts, u.Indirect = int32(x>>1), x&1 != 0
	u.ArgUse = uint16(d.uint(1<<16 - 1))
	u.ArgBack = uint16(d.uint(1<<16 - 1))
	var n [10]uint64
	for i := range n {
		n[i] = d.uint(maxUint64)
	}
	u.Refs, u.Passes = cut(d, &d.refs, n[0]), cut(d, &d.passes, n[1])
	more := Rest{Sites: cut(d, &d.sites, n[2]), Kept: cut(d, &d.kept, n[3]), Gaps: cut(d, &d.gaps, n[4]), Targets: cut(d, &d.targets, n[5])}
	if n[6]|n[7]|n[8] != 0 {
		more.Division = &Division{Parts: cut(d, &d.parts, n[6]), Edges: cut(d, &d.edges, n[7]), Conds: cut(d, &d.conds, n[8])}
	}
	if n[2]|n[3]|n[4]|n[5]|n[6]|n[7]|n[8] != 0 {
		rest := more // only where there is one
		u.Rest = &rest
	}
	u.Returns = cut(d, &d.returns, n[9])
	at := entry
	for i := range u.Refs {
		r := &u.Refs[i]
		head := d.head(byte(lastKind))
		r.Kind = Kind(head & kindMask)
		r.A = d.near(&at)
		if head&hasB != 0 {
			r.B = r.A + uint64(d.int(64))
			d.nonzero(int64(r.B))
		}
		if head&hasOff != 0 {
			r.Off = int32(d.nonzero(d.int(32)))
		}
		if head&hasSize != 0 {
			r.Size = uint16(d.nonzero(int64(d.uint(1<<16 - 1))))
		}
		if head&hasReg != 0 {
			r.Reg = uint8(d.nonzero(int64(d.byte())))
		}
	}
	for i := range u.Passes {
		p := &u.Passes[i]
		p.Callee = d.near(&at)
		p.Moves = d.moves()
	}
	for i := range more.Sites {
		s := &more.Sites[i]
		s.PC = d.near(&at)
		s.Gate = Gate(d.uint(uint64(lastGate)))
		for _, l := range [...]*[]Value{&s.Values, &s.Args[0], &s.Args[1], &s.Args[2]} {
			*l = cut(d, &d.values, d.uint(maxUint64))
			for j := range *l {
				d.value(&(*l)[j])
			}
		}
	}
	for i := range more.Kept {
		k := &more.Kept[i]
		k.Slot = d.near(&at)
		k.Kind, k.Reg, k.Size = StoreKind(d.uint(uint64(lastStore))), d.byte(), d.byte()
		if k.Kind == StoreConst {
			k.N = d.int(64)
		}
	}
	for i := range more.Gaps {
		more.Gaps[i] = Gap{PC: d.near(&at), Kind: GapKind(d.uint(uint64(lastGap)))}
	}
	for i := range more.Targets {
		if i == 0 {
			more.Targets[0] = d.near(&at)
			continue
		}
		here := d.off
		step := d.uint(maxUint64)
		if step == 0 || at+step < at {
			d.fail(here, nil, "the targets of unit %#x do not ascend", entry)
		}
		at += step
		more.Targets[i] = at
	}
	d.parted(u, at)
}

// parted reads the parts of a unit, and what goes with them. at is the last address.
func (d *decoder) parted(u *Unit, at uint64) {
	here, div := d.off, u.Div()
	var before Part
	for i := range div.Parts {
		for _, f := range [...]struct{ to, from *uint32 }{
			{&div.Parts[i].Refs, &before.Refs}, {&div.Parts[i].Passes, &before.Passes}, {&div.Parts[i].Sites, &before.Sites}, {&div.Parts[i].Kept, &before.Kept},
		} {
			*f.to = *f.from + uint32(d.uint(uint64(maxUint32-*f.from)))
		}
		before = div.Parts[i]
	}
	if len(div.Parts) > 0 {
		div.InPart = room[uint16](uint64(len(u.More().Targets)))
		for i := range div.InPart {
			div.InPart[i] = uint16(d.uint(1<<16 - 1))
		}
	}
	for i := range div.Edges {
		div.Edges[i] = Edge{uint16(d.uint(1<<16 - 1)), uint16(d.uint(1<<16 - 1)), uint16(d.uint(1<<16 - 1))}
	}
	for i := range div.Conds {
		c := &div.Conds[i]
		c.A = d.near(&at)
		c.Kind, c.Cmp, c.Size = CondKind(d.uint(uint64(lastCond))), d.byte(), d.byte()
		c.N = d.uint(maxUint64)
	}
	for i := range u.Returns {
		r := &u.Returns[i]
		r.Part = uint16(d.uint(1<<16 - 1))
		r.Kind = ReturnKind(d.uint(uint64(lastEnd)))
		r.N = d.int(64)
	}
	if d.err == nil {
		if err := u.checkParts(); err != nil {
			d.fail(here, nil, "unit %#x: %v", u.Entry, err)
		}
	}
}

// head reads the first byte of a Ref or a Value.
func (d *decoder) head(last byte) byte {
	at := d.off
	c := d.byte()
	if c&kindMask > last {
		d.fail(at, nil, "unknown kind %d", c&kindMask)
	}
	return c
}

// moves reads what Moves.append writes.
func (d *decoder) moves() (m Moves) {
	regs := uint16(d.uint(1<<16 - 1))
	if regs>>rsp&1 != 0 {
		m, regs = movesSlot, regs&^(1<<rsp)
	}
	at, two := d.off, byte(0)
	for half := false; regs != 0; regs &= regs - 1 {
		if !half {
			at, two = d.off, d.byte()
		}
		if two&0xf == 0 {
			d.fail(at, nil, "a register that holds nothing is said to hold something")
		}
		m |= Moves(two&0xf) << (4 * bits.TrailingZeros16(regs))
		two >>= 4
		half = !half
	}
	if two != 0 {
		d.fail(at, nil, "more is held than there are registers")
	}
	return m
}

func (d *decoder) value(v *Value) {
	head := d.head(byte(lastValue))
	v.Kind = ValueKind(head & kindMask)
	if head&hasB != 0 {
		v.N = d.nonzero(d.int(64))
	}
	if head&hasOff != 0 {
		v.Off = int32(d.nonzero(d.int(32)))
	}
	if head&hasSize != 0 {
		v.Size = uint8(d.nonzero(int64(d.byte())))
	}
	if head&hasReg != 0 {
		v.Reg = uint8(d.nonzero(int64(d.byte())))
	}
}
