package image

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Leas calls data for each address outside of code that an instruction lea may form from the program counter: at any place in the
// file's code, decoded or not.
func (f *File) Leas(data func(a uint64)) {
	found := f.sweepLeas(data)
	f.routines.once.Do(func() { f.routines.list = found })
}

// Routines returns the addresses in code, without unwind information, that lea may form likewise, ascending. Leas finds them on its way;
// else all code is read for them.
func (f *File) Routines() []uint64 {
	f.routines.once.Do(func() { f.routines.list = f.sweepLeas(func(uint64) {}) })
	return f.routines.list
}

// sweepLeas is Leas, and returns what Routines does.
func (f *File) sweepLeas(data func(a uint64)) (routines []uint64) {
	const after = 6 // bytes of such an instruction behind its prefix
	for _, x := range f.ExecRanges() {
		code := f.Bytes(x.Start)[:x.End-x.Start]
		for i := 1; i+after <= len(code); i++ {
			k := bytes.IndexByte(code[i:len(code)-after+1], 0x8d)
			if k < 0 {
				break
			}
			if i += k; code[i-1]&0xf8 != 0x48 || code[i+1]&0xc7 != 5 {
				continue
			}
			a := x.Start + uint64(i+after) + uint64(int64(int32(binary.LittleEndian.Uint32(code[i+2:]))))
			if !f.Exec(a) {
				data(a)
			} else if f.FDEAt(a) == nil {
				routines = append(routines, a)
			}
		}
	}
	slices.Sort(routines)
	return slices.Clip(slices.Compact(routines))
}
