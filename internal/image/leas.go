package image

import (
	"bytes"
	"encoding/binary"
)

// Leas are the addresses that instructions lea may form from the program counter: at any place in the file's
// code, decoded or not. They are in the order of those places, and may stand there more than once.
type Leas struct {
	Code []uint64 // in executable memory
	Data []uint64 // elsewhere, those alone that are multiples of LeaAlign
}

// LeaAlign is the alignment that GCC gives to static objects of its size
// and more (ix86_data_alignment), and clang to arrays of half of it.
const LeaAlign = 32

// Leas returns those of the file. All of its code is read for that, once.
func (f *File) Leas() *Leas {
	f.leas.once.Do(func() {
		const after = 6 // bytes of such an instruction behind its prefix
		l := &f.leas.list
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
				switch {
				case f.Exec(a):
					l.Code = append(l.Code, a)
				case a%LeaAlign == 0 && a >= f.Low && a < f.High:
					l.Data = append(l.Data, a)
				}
			}
		}
	})
	return &f.leas.list
}
