// Package rules is the form in which a sealed image holds its rules: which calls each
// compartment may make, where they are enforced, and where they could not be.
//
// They lie at the start of a loaded segment of their own, so that they are found in
// an image without sections and symbols. All numbers are little-endian, offsets count from
// the start of the rules.
//
//	header, 96 bytes
//	   0  8  magic: "gofindR" and 0x1a
//	   8  2  version: 1, or 2 if the linker filled in the addresses
//	  10  2  size of the header
//	  12  4  size of the rules, the checksum included
//	  16  4  compartments
//	  20  4  entries of system calls
//	  24  4  gates
//	  28  4  gaps
//	  32  4  offset of the strings, each ended by a zero byte
//	  36  4  offset in the strings: version of the tool
//	  40  1  default action, for a compartment and a call that its set lacks: 1 denies
//	  41  1  what a denied call does: 0 fails with EPERM, 1 with ENOSYS, 2 ends the image
//	  42  1  1 if text and rules are write-protected
//	  43  1  1 if the value of PKRU says which compartment calls, and memory keys protect the tag
//	  44  1  1 if the image is one compartment by itself: what is denied is refused to all, and there is no tag
//	  45  3  zero
//	  48  8  address of the tag
//	  56  8  the tag at start, a bit for each compartment
//	  64  8  address of the code of gates and hooks
//	  72  8  its size
//	  80  8  address of the data of gates
//	  88  8  its size
//	compartment, 80 bytes, in the order of their numbers
//	   0  4  offset in the strings: name
//	   4  1  1 if code that nothing assigns belongs to it
//	   5  1  1 if it is transparent: it adds no bit to the tag, and its set is not enforced
//	   6  2  zero
//	   8  4  the value of PKRU in it, if that is what tells compartments apart
//	  12  4  zero
//	  16 64  calls that are allowed: call n is bit n%8 of byte n/8
//	entry, 32 bytes, by address
//	   0  8  address of the function
//	   8  8  address of its hook, 0 if it has none since nobody is denied the call
//	  16  4  mask of the compartments that are denied
//	  20  2  number of the call
//	  22  1  1 if a refusal sets errno and returns -1
//	  23  1  1 if a refusal ends the image whatever the image does otherwise
//	  24  4  offset in the strings: function
//	  28  4  mask of the compartments that may call it, if PKRU tells them apart
//	gate, 24 bytes, by address
//	   0  8  address of the function
//	   8  8  address of its gate
//	  16  4  offset in the strings: function
//	  20  1  kind: 0 gate of a compartment, 1 handler of interrupts, 2 context switch, 3 start of threads, 4 longjmp,
//	       5 keeps memory with keys from being executed, 6 an instruction that changes keys, which was replaced by one that checks,
//	       7 function that other images may have called, 8 instruction that calls what they ask for
//	  21  1  number of the compartment
//	  22  2  zero
//	gap, 24 bytes
//	   0  8  address of the function, 0 if it is about none
//	   8  4  offset in the strings: function
//	  12  4  offset in the strings: reason
//	  16  4  mask of the compartments whose rules it weakens
//	  20  4  zero
//	strings
//	checksum, 32 bytes: SHA-256 of all before
//
// Rules of version 2 are made before the image is linked. They are those of version 1, but for three things:
// they need not lie at the start of a segment, but lie at a multiple of Align in one; the eight
// bytes of each address and of the two sizes in the header are zero for the checksum; and entries and gates are in
// the order of the image that the rules were made from.
//
// A reader must refuse a version that it does not know. What a later version adds
// within this one lies in bytes that are zero here.
package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gofind-dev/gofind/internal/compartment"
)

// Versions that Encode writes and Parse reads.
const (
	Version       = 1
	LinkedVersion = 2 // for rules that are linked into an image
)

// Align is the alignment of linked rules.
const Align = 64

// Magic starts the rules.
const Magic = "gofindR\x1a"

// Sizes of the parts.
const (
	headerSize      = 96
	compartmentSize = 80
	entrySize       = 32
	gateSize        = 24
	gapSize         = 24
	sumSize         = sha256.Size

	// MaxSize is the largest size of rules that is read.
	MaxSize = 1 << 26
)

// Rules are the rules of an image.
type Rules struct {
	Tool         string // version
	Linked       bool   // the linker fills in addresses: they are in no checksum
	Deny         bool   // default action
	OnDeny       uint8  // as in the package comment
	Protected    bool
	Keys         bool   // PKRU tells compartments apart
	Alone        bool   // the image is one compartment, without a tag
	Tag          uint64 // address
	First        uint64 // the tag at start
	Code, Data   Range
	Compartments []Compartment
	Entries      []Entry
	Gates        []Gate
	Gaps         []Gap
}

// Range is where something lies in memory.
type Range struct{ Addr, Size uint64 }

// Compartment has the calls that are allowed to one.
type Compartment struct {
	Name        string
	Default     bool
	Transparent bool
	PKRU        uint32 // with Keys: its value
	Allowed     compartment.Calls
}

// Entry is the entry of a call.
type Entry struct {
	Func     string
	Addr     uint64
	Hook     uint64 // 0: none is needed
	Denied   uint32 // mask
	Executes uint32 // mask, with Keys: who may call it, beside not being denied
	Number   uint16
	Errno    bool
	NoReturn bool
}

// Kind is what a gate is for.
type Kind uint8

// Kinds, see the package comment.
const (
	Enter Kind = iota
	Handler
	Switch
	Start
	Jump
	Keep
	Site
	Export
	Server
	kinds
)

// Gate is a gate.
type Gate struct {
	Func string
	Addr uint64
	Code uint64
	Kind Kind
	To   compartment.ID
}

// Gap is something that could not be done, to the disadvantage of the rules.
type Gap struct {
	Func    string
	Addr    uint64
	Reason  string
	Weakens uint32 // mask
}

var le = binary.LittleEndian

// Encode writes the rules. Their size depends on all but addresses and numbers.
func Encode(r *Rules) []byte {
	var strs []byte
	index := map[string]uint32{}
	str := func(s string) uint32 {
		if i := bytes.IndexByte([]byte(s), 0); i >= 0 {
			s = s[:i]
		}
		at, ok := index[s]
		if !ok {
			at = uint32(len(strs))
			index[s] = at
			strs = append(append(strs, s...), 0)
		}
		return at
	}
	stringsAt := headerSize + compartmentSize*len(r.Compartments) + entrySize*len(r.Entries) + gateSize*len(r.Gates) + gapSize*len(r.Gaps)
	b := make([]byte, stringsAt)
	copy(b, Magic)
	le.PutUint16(b[8:], Version)
	if r.Linked {
		le.PutUint16(b[8:], LinkedVersion)
	}
	le.PutUint16(b[10:], headerSize)
	le.PutUint32(b[16:], uint32(len(r.Compartments)))
	le.PutUint32(b[20:], uint32(len(r.Entries)))
	le.PutUint32(b[24:], uint32(len(r.Gates)))
	le.PutUint32(b[28:], uint32(len(r.Gaps)))
	le.PutUint32(b[32:], uint32(stringsAt))
	le.PutUint32(b[36:], str(r.Tool))
	b[40], b[41], b[42], b[43], b[44] = bit(r.Deny), r.OnDeny, bit(r.Protected), bit(r.Keys), bit(r.Alone)
	for i, v := range []uint64{r.Tag, r.First, r.Code.Addr, r.Code.Size, r.Data.Addr, r.Data.Size} {
		le.PutUint64(b[48+8*i:], v)
	}
	p := b[headerSize:]
	for i := range r.Compartments {
		c := &r.Compartments[i]
		le.PutUint32(p, str(c.Name))
		p[4], p[5] = bit(c.Default), bit(c.Transparent)
		le.PutUint32(p[8:], c.PKRU)
		for i, w := range c.Allowed {
			le.PutUint64(p[16+8*i:], w)
		}
		p = p[compartmentSize:]
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		le.PutUint64(p, e.Addr)
		le.PutUint64(p[8:], e.Hook)
		le.PutUint32(p[16:], e.Denied)
		le.PutUint16(p[20:], e.Number)
		p[22], p[23] = bit(e.Errno), bit(e.NoReturn)
		le.PutUint32(p[24:], str(e.Func))
		le.PutUint32(p[28:], e.Executes)
		p = p[entrySize:]
	}
	for i := range r.Gates {
		g := &r.Gates[i]
		le.PutUint64(p, g.Addr)
		le.PutUint64(p[8:], g.Code)
		le.PutUint32(p[16:], str(g.Func))
		p[20], p[21] = byte(g.Kind), byte(g.To)
		p = p[gateSize:]
	}
	for i := range r.Gaps {
		g := &r.Gaps[i]
		le.PutUint64(p, g.Addr)
		le.PutUint32(p[8:], str(g.Func))
		le.PutUint32(p[12:], str(g.Reason))
		le.PutUint32(p[16:], g.Weakens)
		p = p[gapSize:]
	}
	b = append(b, strs...)
	le.PutUint32(b[12:], uint32(len(b)+sumSize))
	if r.Linked {
		return append(b, linkedSum(b, len(r.Compartments), len(r.Entries), len(r.Gates), len(r.Gaps))...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Header offsets of what the linker fills in.
const (
	tagAt      = 48
	codeAt     = 64
	codeSizeAt = 72
	dataAt     = 80
	dataSizeAt = 88
)

// Address is a word of rules that the linker fills in.
type Address struct {
	Offset int
	Of     Part
	Index  int // of the entry, gate or gap
}

// Part is what an address of the rules is of.
type Part uint8

// Parts of rules that have addresses.
const (
	TagPart Part = iota
	CodePart
	CodeSizePart
	DataPart
	DataSizePart
	EntryPart
	HookPart
	GatePart
	GateCodePart
	GapPart
)

// Addresses returns where the encoded rules have addresses, by offset.
func Addresses(r *Rules) []Address {
	return addresses(len(r.Compartments), len(r.Entries), len(r.Gates), len(r.Gaps))
}

func addresses(compartments, entries, gates, gaps int) []Address {
	list := []Address{{tagAt, TagPart, 0}, {codeAt, CodePart, 0}, {codeSizeAt, CodeSizePart, 0}, {dataAt, DataPart, 0}, {dataSizeAt, DataSizePart, 0}}
	at := headerSize + compartmentSize*compartments
	for i := range entries {
		list = append(list, Address{at, EntryPart, i}, Address{at + 8, HookPart, i})
		at += entrySize
	}
	for i := range gates {
		list = append(list, Address{at, GatePart, i}, Address{at + 8, GateCodePart, i})
		at += gateSize
	}
	for i := range gaps {
		list = append(list, Address{at, GapPart, i})
		at += gapSize
	}
	return list
}

// linkedSum is the checksum of rules as they are before they are linked.
func linkedSum(body []byte, compartments, entries, gates, gaps int) []byte {
	body = bytes.Clone(body)
	for _, a := range addresses(compartments, entries, gates, gaps) {
		clear(body[a.Offset:][:8])
	}
	sum := sha256.Sum256(body)
	return sum[:]
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// Errors that Parse returns, some of them wrapped.
var (
	ErrNone    = errors.New("there are no rules")
	ErrNewer   = errors.New("the rules are of a newer version")
	ErrDamaged = errors.New("the rules are damaged")
)

// Parse reads the rules at the start of data, which may go on behind them.
func Parse(data []byte) (*Rules, error) {
	if len(data) < len(Magic) || string(data[:len(Magic)]) != Magic {
		return nil, ErrNone
	}
	damaged := func(what string) error { return fmt.Errorf("%w: %s", ErrDamaged, what) }
	if len(data) < headerSize+sumSize {
		return nil, damaged("they end within the header")
	}
	version := le.Uint16(data[8:])
	if version > LinkedVersion {
		return nil, fmt.Errorf("%w: %d; this program knows versions up to %d", ErrNewer, version, LinkedVersion)
	} else if version == 0 {
		return nil, damaged("version 0")
	}
	size := uint64(le.Uint32(data[12:]))
	if size > uint64(len(data)) || size > MaxSize || size < headerSize+sumSize || le.Uint16(data[10:]) != headerSize {
		return nil, damaged("their size is not right")
	}
	data = data[:size]
	body := data[:size-sumSize]
	wrong := func(sum []byte) bool { return !bytes.Equal(sum, data[size-sumSize:]) }
	if sum := sha256.Sum256(body); version == Version && wrong(sum[:]) {
		return nil, damaged("the checksum is wrong")
	}
	nc, ne, ng, np := uint64(le.Uint32(body[16:])), uint64(le.Uint32(body[20:])), uint64(le.Uint32(body[24:])), uint64(le.Uint32(body[28:]))
	want := headerSize + compartmentSize*nc + entrySize*ne + gateSize*ng + gapSize*np
	if want != uint64(le.Uint32(body[32:])) || want > uint64(len(body)) || nc > compartment.MaxCompartments {
		return nil, damaged("their tables do not fit")
	}
	if version == LinkedVersion && wrong(linkedSum(body, int(nc), int(ne), int(ng), int(np))) {
		return nil, damaged("the checksum is wrong")
	}
	strs := body[want:]
	bad := false
	str := func(at uint32) string {
		if uint64(at) < uint64(len(strs)) {
			if n := bytes.IndexByte(strs[at:], 0); n >= 0 {
				return string(strs[at:][:n])
			}
		}
		bad = true
		return ""
	}
	flag := func(b byte) bool {
		bad = bad || b > 1
		return b == 1
	}
	r := &Rules{Tool: str(le.Uint32(body[36:])), Linked: version == LinkedVersion, Deny: flag(body[40]), OnDeny: body[41], Protected: flag(body[42]), Keys: flag(body[43]), Alone: flag(body[44])}
	for i, p := range []*uint64{&r.Tag, &r.First, &r.Code.Addr, &r.Code.Size, &r.Data.Addr, &r.Data.Size} {
		*p = le.Uint64(body[48+8*i:])
	}
	p := body[headerSize:]
	for range nc {
		c := Compartment{Name: str(le.Uint32(p)), Default: flag(p[4]), Transparent: flag(p[5]), PKRU: le.Uint32(p[8:])}
		for i := range c.Allowed {
			c.Allowed[i] = le.Uint64(p[16+8*i:])
		}
		r.Compartments = append(r.Compartments, c)
		p = p[compartmentSize:]
	}
	for range ne {
		r.Entries = append(r.Entries, Entry{Func: str(le.Uint32(p[24:])), Addr: le.Uint64(p), Hook: le.Uint64(p[8:]),
			Denied: le.Uint32(p[16:]), Executes: le.Uint32(p[28:]), Number: le.Uint16(p[20:]), Errno: flag(p[22]), NoReturn: flag(p[23])})
		bad = bad || le.Uint16(p[20:]) > 511
		p = p[entrySize:]
	}
	for range ng {
		r.Gates = append(r.Gates, Gate{Func: str(le.Uint32(p[16:])), Addr: le.Uint64(p), Code: le.Uint64(p[8:]), Kind: Kind(p[20]), To: compartment.ID(p[21])})
		bad = bad || Kind(p[20]) >= kinds || uint64(p[21]) >= nc
		p = p[gateSize:]
	}
	for range np {
		r.Gaps = append(r.Gaps, Gap{Func: str(le.Uint32(p[8:])), Addr: le.Uint64(p), Reason: str(le.Uint32(p[12:])), Weakens: le.Uint32(p[16:])})
		p = p[gapSize:]
	}
	if bad || r.OnDeny > 2 {
		return nil, damaged("a value is out of range")
	}
	return r, nil
}
