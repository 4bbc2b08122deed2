package gate

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/reach"
)

// openers are the functions that load a file and depend on who calls them.
var openers = []string{"dlopen", "dlmopen"}

// programOpens reports whether the loader may take the program itself for the caller of dlopen: it calls it,
// another image may jump to it instead of calling it, so that it returns to that image's caller, or
// code that is not known may call it.
func (k *Keeper) programOpens(g *reach.Graph) bool {
	for _, name := range openers {
		if g.LookedUp(name) || k.refers(0, name) {
			return true
		}
		for img, m := range k.p.Images {
			if !slices.Contains(cLibrary, m.Soname) {
				continue
			}
			for _, e := range k.exported(img).named(name) {
				if id, live := g.Lookup(img, e.addr); live && (g.Unit(id).Given || k.jumpedTo(g, id)) {
					return true
				}
			}
		}
	}
	return false
}

// refers reports whether an image refers to a symbol of another.
func (k *Keeper) refers(img int, symbol string) bool {
	at := imported{img, symbol}
	is, known := k.imported[at]
	if !known {
		m := k.p.Images[img]
		for s := 1; s < m.NumSymbols() && !is; s++ {
			is = m.Symbol(s).Shndx == 0 && m.SymbolName(s) == symbol
		}
		k.imported[at] = is
	}
	return is
}

// imported is an image, and the name of a symbol that it may refer to.
type imported struct {
	img    int
	symbol string
}

// jumpedTo reports whether an image that calls a unit of another may also jump to it, or lead a call from a third image there.
func (k *Keeper) jumpedTo(g *reach.Graph, id reach.UnitID) bool {
	return slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
		u := g.Unit(e.Unit)
		m := g.Members[u.Image]
		slot, stub := dataflow.Stub(m.File, e.At)
		switch {
		case stub:
		case m.Exec(e.At): // it is of the same file
			return k.has(g, e.Unit, jumping, e.At)
		default:
			slot = e.At
		}
		if s, entry := dataflow.Stub(m.File, u.Entry); entry && s == slot { // an entry of the PLT, or a function that only jumps
			if g.Entered(e.Unit) || slices.ContainsFunc(g.Callers(e.Unit), func(c reach.Edge) bool {
				return g.Unit(c.Unit).Image != u.Image || !k.has(g, c.Unit, calling, u.Entry)
			}) {
				return true
			}
		} else if k.has(g, e.Unit, jumpingThrough, slot) || !k.has(g, e.Unit, callingThrough, slot) {
			return true // what a register leads to may be jumped to
		}
		at := place{u.Image, slot}
		if _, known := k.jumps[at]; !known {
			k.jumps[at] = jumps(m.File, slot)
		}
		return k.jumps[at]
	})
}

// transferring is a kind of instructions that go to a place, or through a slot.
type transferring uint8

const (
	jumping transferring = iota
	calling
	jumpingThrough
	callingThrough
)

// instruction is what may be in a function.
type instruction struct {
	fn   place // its start; none: all code of a file without unwind information
	kind transferring
	to   uint64
}

// has reports whether any bytes of a unit's function may be an instruction: of what its unwind information covers, or
// of all code of the file if it has none.
func (k *Keeper) has(g *reach.Graph, id reach.UnitID, kind transferring, to uint64) bool {
	f, in := g.Members[g.Unit(id).Image].File, instruction{place{g.Unit(id).Image, noFunction}, kind, to}
	d := f.FDEAt(g.Unit(id).Entry)
	if d != nil {
		in.fn.at = d.Start
	}
	is, known := k.inside[in]
	if known {
		return is
	}
	find := func(code []byte, addr uint64) {
		switch kind {
		case jumping:
			is = is || jumpsTo(code, addr, []uint64{to})
		case calling:
			is = is || callsTo(code, addr, to)
		case jumpingThrough:
			is = is || through(code, addr, 0x25, to)
		case callingThrough:
			is = is || through(code, addr, 0x15, to)
		}
	}
	if d != nil {
		code := f.Bytes(d.Start)
		find(code[:min(uint64(len(code)), d.End-d.Start)], d.Start)
	} else {
		eachCode(f, find)
	}
	k.inside[in] = is
	return is
}

const noFunction = ^uint64(0)

// place is a word of an image.
type place struct {
	img int
	at  uint64
}

// jumps reports whether any bytes of a file's code, wherever its instructions begin, are such as a jump
// has to an entry of the PLT that jumps to what a slot holds.
func jumps(f *image.File, slot uint64) (found bool) {
	var entries []uint64
	eachIndirect(f, func(at, word uint64) {
		if word != slot {
			return
		}
		for a := at - 8; a <= at; a++ { // with prefixes, behind endbr64
			if s, ok := dataflow.Stub(f, a); ok && s == slot {
				entries = append(entries, a)
			}
		}
	})
	if len(entries) > 0 {
		eachCode(f, func(code []byte, addr uint64) { found = found || jumpsTo(code, addr, entries) })
	}
	return found
}

// eachCode calls do for the executable bytes of a file and their addresses.
func eachCode(f *image.File, do func(code []byte, addr uint64)) {
	for _, x := range f.ExecRanges() {
		code := f.Bytes(x.Start)
		do(code[:min(uint64(len(code)), x.End-x.Start)], x.Start)
	}
}

// eachIndirect calls do for all bytes of a file's code that may be a jump, at an address, to what a word holds.
func eachIndirect(f *image.File, do func(at, word uint64)) {
	eachCode(f, func(code []byte, addr uint64) { eachThrough(code, addr, 0x25, do) })
}

// eachThrough calls do for all bytes that may be an instruction that goes to what a word holds: by a jump (ff 25), or a call (ff 15).
func eachThrough(code []byte, addr uint64, op byte, do func(at, word uint64)) {
	const size = 6 // with the distance to the word; of the opcode the second byte is the rarer one
	for i := 1; ; i++ {
		n := bytes.IndexByte(code[min(i, len(code)):], op)
		if i += n; n < 0 || i+size-1 > len(code) {
			return
		}
		if code[i-1] == 0xff {
			do(addr+uint64(i-1), addr+uint64(i-1+size)+uint64(int32(binary.LittleEndian.Uint32(code[i+1:]))))
		}
	}
}

// through reports whether bytes may be an instruction of an opcode that goes to what a slot holds.
func through(code []byte, addr uint64, op byte, slot uint64) (is bool) {
	eachThrough(code, addr, op, func(_, word uint64) { is = is || word == slot })
	return is
}

// callsTo reports whether bytes may be a call of a place.
func callsTo(code []byte, addr, to uint64) (is bool) {
	eachByte(code, 0xe8, func(i int) {
		is = is || i+5 <= len(code) && addr+uint64(i+5)+uint64(int64(int32(binary.LittleEndian.Uint32(code[i+1:])))) == to
	})
	return is
}

// jumpsTo reports whether any bytes of code may be a jump to one of some places.
func jumpsTo(code []byte, addr uint64, places []uint64) (found bool) {
	// A distance of 32 bits is behind e9, or behind 0f 80 to 0f 8f.
	distance := func(i int) {
		if i+4 <= len(code) {
			to := addr + uint64(i+4) + uint64(int64(int32(binary.LittleEndian.Uint32(code[i:]))))
			found = found || slices.Contains(places, to)
		}
	}
	eachByte(code, 0xe9, func(i int) { distance(i + 1) })
	eachByte(code, 0x0f, func(i int) {
		if i+1 < len(code) && code[i+1]&0xf0 == 0x80 {
			distance(i + 2)
		}
	})
	// One of 8 bits is behind eb, or 70 to 7f, and that near its place.
	for _, to := range places {
		const near = 2 + 128
		for i := max(int64(to-addr)-near, 0); i < min(int64(to-addr)+near, int64(len(code))-1); i++ {
			if op := code[i]; op == 0xeb || op&0xf0 == 0x70 {
				found = found || addr+uint64(i+2)+uint64(int8(code[i+1])) == to
			}
		}
	}
	return found
}

// eachByte calls do for the places of a byte.
func eachByte(code []byte, b byte, do func(i int)) {
	for i := 0; ; i++ {
		n := bytes.IndexByte(code[i:], b)
		if n < 0 {
			return
		}
		i += n
		do(i)
	}
}
