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
				if id, live := g.Lookup(img, e.addr); live && (g.Units[id].Given || k.jumpedTo(g, id)) {
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

// jumpedTo reports whether an image that calls a unit of another may also jump to it.
func (k *Keeper) jumpedTo(g *reach.Graph, id reach.UnitID) bool {
	return slices.ContainsFunc(g.Callers(id), func(e reach.Edge) bool {
		u := &g.Units[e.Unit]
		m := g.Members[u.Image]
		slot, stub := dataflow.Stub(m.File, e.At)
		if !stub {
			slot = e.At
		}
		if _, entry := dataflow.Stub(m.File, u.Entry); entry && u.Taken {
			return true // an entry of the PLT
		}
		at := place{u.Image, slot}
		if _, known := k.jumps[at]; !known {
			k.jumps[at] = jumps(m.File, slot)
		}
		return k.jumps[at]
	})
}

// place is a word of an image.
type place struct {
	img int
	at  uint64
}

// jumps reports whether any bytes of a file's code, wherever its instructions begin, are such as a jump
// has to what a slot holds, or to an entry of the PLT that jumps there.
func jumps(f *image.File, slot uint64) bool {
	var entries []uint64
	is := func(a uint64) bool {
		s, ok := dataflow.Stub(f, a)
		return ok && s == slot
	}
	direct := false
	eachIndirect(f, func(at, word uint64) {
		if word != slot {
			return
		}
		direct = direct || !is(at)
		for a := at - 8; a <= at; a++ { // with prefixes, behind endbr64
			if is(a) {
				entries = append(entries, a)
			}
		}
	})
	if direct || len(entries) == 0 {
		return direct
	}
	eachCode(f, func(code []byte, addr uint64) { direct = direct || jumpsTo(code, addr, entries) })
	return direct
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
	const size = 6 // ff 25 and the distance to the word; of the opcode the second byte is the rarer one
	eachCode(f, func(code []byte, addr uint64) {
		for i := 1; ; i++ {
			n := bytes.IndexByte(code[min(i, len(code)):], 0x25)
			if i += n; n < 0 || i+size-1 > len(code) {
				return
			}
			if code[i-1] == 0xff {
				do(addr+uint64(i-1), addr+uint64(i-1+size)+uint64(int32(binary.LittleEndian.Uint32(code[i+1:]))))
			}
		}
	})
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
