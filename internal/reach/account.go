package reach

import (
	"bytes"
	"slices"

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

// Account sweeps the images. Call it after Run.
func (g *Graph) Account() Account {
	live := make([]map[uint64]bool, len(g.Members))
	for i := range live {
		live[i] = map[uint64]bool{}
	}
	for i := range g.Units {
		if u := &g.Units[i]; u.Sum != nil && !u.held {
			for _, s := range u.Sum.More().Sites {
				live[u.Image][s.PC] = true
			}
		}
	}
	var a Account
	for _, m := range g.Members {
		for _, r := range m.ExecRanges() {
			b := m.Bytes(r.Start)
			if uint64(len(b)) > r.End-r.Start {
				b = b[:r.End-r.Start]
			}
			entering(b, func(off int) {
				pc := r.Start + uint64(off)
				if live[m.id][pc] {
					a.Live++
					return
				}
				switch m.boundary(pc) {
				case onBoundary:
					a.Dead++
				case insideInst:
					a.Inside++
				default:
					a.Data++
				}
			})
		}
		m.Evict()
	}
	return a
}

// entering calls found for each place in code where the bytes of a kernel-entering instruction are. It looks for one instruction
// after the other, in as much code at a time as the processor keeps near.
func entering(code []byte, found func(off int)) {
	const most = 16 << 10
	for start := 0; start < len(code); start += most {
		b := code[start:min(start+most+1, len(code))] // they are two bytes
		for _, gate := range gates {
			for next := gate.rare; next < len(b); {
				i := bytes.IndexByte(b[next:], gate.code[gate.rare])
				if i < 0 {
					break
				}
				off := next + i - gate.rare
				next += i + 1
				if off < most && off+2 <= len(b) && [2]byte(b[off:]) == gate.code {
					found(start + off)
				}
			}
		}
	}
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
