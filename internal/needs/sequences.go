package needs

import (
	"bytes"

	"github.com/gofind-dev/gofind/internal/x86"
)

// Sequence is a byte sequence that changes the rights of protection keys: code that jumps there
// takes the rights of another compartment. It need not be an instruction of the program.
type Sequence struct {
	Addr uint64
	What string // wrpkru, xrstor, xrstors
	Func string
	Lib  int  // index of Libraries, -1 if not known
	Code bool // an instruction of the program, and not a part of one
}

// sequences finds them in all executable sections. Intel SDM volume 2: wrpkru is
// 0f 01 ef, xrstor 0f ae /5 with memory, xrstors 0f c7 /3 with memory.
func (r *Result) sequences() {
	f := r.Image.File
	for _, x := range f.ExecRanges() {
		code := f.Bytes(x.Start)
		if uint64(len(code)) > x.End-x.Start {
			code = code[:x.End-x.Start]
		}
		for i := 0; i+2 < len(code); i++ {
			j := bytes.IndexByte(code[i:], 0x0f)
			if j < 0 {
				break
			}
			if i += j; i+2 >= len(code) {
				break
			}
			what := ""
			switch m := code[i+2]; {
			case code[i+1] == 0x01 && m == 0xef:
				what = "wrpkru"
			case code[i+1] == 0xae && m>>3&7 == 5 && m < 0xc0:
				what = "xrstor"
			case code[i+1] == 0xc7 && m>>3&7 == 3 && m < 0xc0:
				what = "xrstors"
			default:
				continue
			}
			a := x.Start + uint64(i)
			r.Sequences = append(r.Sequences, Sequence{a, what, r.Graph.NameAt(a), r.Image.Owner(a), r.boundary(a)})
		}
	}
}

// boundary reports whether an instruction of the function around an address starts there, or
// is a prefix before it.
func (r *Result) boundary(a uint64) bool {
	f := r.Image.At(a)
	if f == nil {
		return false
	}
	var in x86.Inst
	for pc := f.Addr; pc <= a; {
		if !x86.Decode(r.Image.File.Bytes(pc), pc, &in) {
			return false
		}
		next := pc + uint64(in.Len)
		if a < next {
			for ; pc < a; pc++ {
				if b := r.Image.File.Bytes(pc)[0]; b&0xf0 != 0x40 && b != 0x66 && b != 0xf2 && b != 0xf3 {
					return false
				}
			}
			return true
		}
		pc = next
	}
	return false
}
