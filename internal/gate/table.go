package gate

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/reach"
	"github.com/gofind-dev/gofind/internal/summary"
)

// given are the addresses of an image that rows are about because functions return them, and which of them code
// that was read refers to.
type given struct {
	tables map[string]uint64 // by function
	all    []uint64          // the addresses, which are few
	used   map[uint64]bool
}

// gives reports whether live code of an image refers to the address that an exported function returns: a compiler may have
// made the function part of another. If that address is not known code may.
func (k *Keeper) gives(g *reach.Graph, img int, name string) bool {
	for k.tableRead = max(k.tableRead, 1); int(k.tableRead) < g.NumUnits(); k.tableRead++ {
		sum, m := g.Full(k.tableRead), g.Unit(k.tableRead).Image
		if sum == nil {
			break // not analysed yet
		}
		t := k.givenBy(m)
		if len(t.tables) == 0 {
			continue
		}
		for i := range sum.Refs {
			switch r := &sum.Refs[i]; r.Kind {
			case summary.RefAddr, summary.RefPass, summary.RefPassSlot:
				if slices.Contains(t.all, r.A) && !slices.ContainsFunc(k.exported(m).at(g.Unit(k.tableRead).Entry), func(e export) bool { return t.tables[e.name] != 0 }) {
					t.used[r.A] = true
				}
			}
		}
	}
	t := k.givenBy(img)
	a, known := t.tables[name]
	return !known || t.used[a]
}

// givenBy returns what functions of an image return that rows are about.
func (k *Keeper) givenBy(img int) *given {
	if t := k.given[img]; t != nil {
		return t
	}
	t := &given{tables: map[string]uint64{}, used: map[uint64]bool{}}
	k.given[img] = t
	for _, r := range k.rows(img) {
		for _, n := range r.needs {
			if !n.table {
				continue
			}
			for _, e := range k.exported(img).named(n.name) {
				if a, ok := returned(k.p.Images[img], e.addr); ok {
					t.tables[n.name] = a
					t.all = append(t.all, a)
				}
			}
		}
	}
	return t
}

// returned returns the address that a function does nothing but return: lea rax, [rip+d]; ret, behind endbr64 or not.
func returned(m *process.Image, entry uint64) (uint64, bool) {
	b, end := m.Bytes(entry), entry
	if endbr := []byte{0xf3, 0x0f, 0x1e, 0xfa}; bytes.HasPrefix(b, endbr) {
		b, end = b[4:], end+4
	}
	if len(b) < 8 || !bytes.HasPrefix(b, []byte{0x48, 0x8d, 0x05}) || b[7] != 0xc3 {
		return 0, false
	}
	return end + 7 + uint64(int64(int32(binary.LittleEndian.Uint32(b[3:])))), true
}
