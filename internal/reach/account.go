package reach

import (
	"bytes"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Account sorts every byte sequence of a kernel-entering instruction in the
// executable parts of all images.
type Account struct {
	Live   int // executed by a live unit
	Dead   int // on an instruction boundary of other code
	Inside int // inside another instruction
	Data   int // in no function that is known
}

// gates are the instructions, and which of their bytes is the rarer one in code.
var gates = []struct {
	code [2]byte
	rare int
}{{[2]byte{0x0f, 0x05}, 1}, {[2]byte{0x0f, 0x34}, 1}, {[2]byte{0xcd, 0x80}, 0}}

// eachGate calls do for the places in code that hold the bytes of a gate, until it returns false.
func eachGate(code []byte, do func(off int) bool) {
	for _, gate := range gates {
		for next := gate.rare; next < len(code); {
			i := bytes.IndexByte(code[next:], gate.code[gate.rare])
			if i < 0 {
				break
			}
			off := next + i - gate.rare
			next += i + 1
			if off+2 <= len(code) && [2]byte(code[off:]) == gate.code && !do(off) {
				return
			}
		}
	}
}

// gatePiece is the size of the pieces of code of which those with gates are kept: few have any.
const gatePiece = 4096

// withGates returns the pieces of code, which is at an address, in which gates begin.
func withGates(code []byte, addr uint64) (l []image.Range) {
	for at := 0; at < len(code); at += gatePiece {
		end := min(at+gatePiece+1, len(code)) // one that begins with the last byte is in it
		eachGate(code[at:end], func(int) bool {
			l = append(l, image.Range{Start: addr + uint64(at), End: addr + uint64(end)})
			return false
		})
	}
	return l
}

// Account looks at all gates of all images. Call it after Run.
func (g *Graph) Account() Account {
	live := make([]map[uint64]bool, len(g.Members))
	for i := range live {
		live[i] = map[uint64]bool{}
	}
	for i := range g.NumUnits() {
		if u := g.Unit(UnitID(i)); u.Sum != nil && !u.held {
			for _, s := range u.Sum.More().Sites {
				live[u.Image][s.PC] = true
			}
		}
	}
	var a Account
	for _, m := range g.Members {
		for _, r := range m.gates {
			eachGate(m.Bytes(r.Start)[:r.End-r.Start], func(off int) bool {
				pc := r.Start + uint64(off)
				switch {
				case live[m.id][pc]:
					a.Live++
				default:
					switch m.boundary(pc) {
					case onBoundary:
						a.Dead++
					case insideInst:
						a.Inside++
					default:
						a.Data++
					}
				}
				return true
			})
		}
	}
	return a
}

type position uint8

const (
	nowhere position = iota
	onBoundary
	insideInst
)

// boundary decodes the function around pc from its start and says where pc lies.
func (m *member) boundary(pc uint64) position {
	start := uint64(0)
	if f := m.FDEAt(pc); f != nil {
		start = f.Start
	} else {
		// The start before pc, if no function with a known end lies between.
		l := m.FuncStarts()
		i, exact := slices.BinarySearch(l, pc)
		if exact {
			return onBoundary
		}
		if i == 0 || pc-l[i-1] > 1<<16 {
			return nowhere
		}
		start = l[i-1]
		if f := m.FDEAt(start); f != nil {
			start = f.End
		}
	}
	var in x86.Inst
	for at := start; at <= pc; {
		if at == pc {
			return onBoundary
		}
		code := m.Bytes(at)
		if len(code) == 0 {
			return nowhere
		}
		if !x86.Decode(code, at, &in) {
			if m.FDEAt(pc) == nil {
				return nowhere
			}
			at++
			continue
		}
		if at+uint64(in.Len) > pc {
			return insideInst
		}
		at += uint64(in.Len)
	}
	return nowhere
}
