package dataflow

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/fresh"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/x86"
)

// opcode is the first byte of a direct call.
const opcode = 0xe8

// sweepCalls finds the targets of direct calls in code without unwind information,
// as decoding it from end to end would, but for those that are known to start functions anyhow.
// Only what may be such a call is decoded: the byte e8 with a displacement that leads to code.
func (w *worker) sweepCalls() {
	s := sweep{f: w.f, found: map[uint64]bool{}}
	for _, x := range w.f.ExecRanges() {
		fdes, covered := w.f.FDEs, uint64(0) // those behind pc, and where the others end
		for pc := x.Start; pc < x.End; {
			for len(fdes) > 0 && fdes[0].Start <= pc {
				covered = max(covered, fdes[0].End)
				fdes = fdes[1:]
			}
			if covered > pc {
				pc = covered
				continue
			}
			end, next := x.End, covered
			if len(fdes) > 0 && fdes[0].Start < end {
				end, next = fdes[0].Start, fdes[0].End
			}
			behind := s.region(pc, end)
			if pc = end; end < x.End && next-min(next, end) < x86.MaxLen {
				pc = s.boundary(behind, end) // what is decoded last may end behind that FDE
			}
		}
	}
	for t := range s.found {
		w.calls = append(w.calls, t)
	}
	slices.Sort(w.calls)
}

// entered reports whether code takes the address of the code at a, which has no unwind information: a
// unit begins there anyhow, so that a jump there is taken for a tail call. To take other code for a function is sound.
func (w *worker) entered(a uint64) bool {
	_, found := slices.BinarySearch(w.f.Routines(), a)
	return found
}

// sweep is the state of sweepCalls.
type sweep struct {
	f      *image.File
	asked  int
	starts []bitmap // of functions, one for each range of code, once that has been asked often
	found  map[uint64]bool
	met    []bool // of the places that boundary looks at: whether an instruction was decoded there
}

// bitmap has a bit for each address of a range.
type bitmap struct {
	r    image.Range
	bits []uint64
}

// counts reports whether t is code that is not known to start a function.
func (s *sweep) counts(t uint64) bool {
	const often = 1000 // as in files of Go, where nothing has unwind information
	if s.asked++; s.asked < often {
		_, start := slices.BinarySearch(s.f.FuncStarts(), t)
		return !start && s.f.Exec(t)
	}
	if s.asked == often {
		s.mark()
	}
	for i := range s.starts {
		if b := &s.starts[i]; b.r.Contains(t) {
			d := t - b.r.Start
			return b.bits[d/64]>>(d%64)&1 == 0
		}
	}
	return s.f.Exec(t)
}

// mark makes starts.
func (s *sweep) mark() {
	for _, x := range s.f.ExecRanges() {
		s.starts = append(s.starts, bitmap{x, fresh.Make[uint64](int(x.End-x.Start+63) / 64)})
	}
	for _, a := range s.f.FuncStarts() {
		for _, b := range s.starts {
			if b.r.Contains(a) {
				b.bits[(a-b.r.Start)/64] |= 1 << ((a - b.r.Start) % 64)
			}
		}
	}
}

// region finds the calls that linear decoding from pc meets before end. It returns a boundary from which that comes to end.
func (s *sweep) region(pc, end uint64) uint64 {
	code := s.f.Bytes(pc)
	code = code[:min(uint64(len(code)), end-pc)]
	var in x86.Inst
	for i, start := 0, pc; ; i++ {
		k := bytes.IndexByte(code[i:], opcode)
		if k < 0 {
			return pc
		}
		i += k
		at := start + uint64(i)
		if rel := s.f.Bytes(at + 1); len(rel) >= 4 && !prefixed(code[:i]) {
			t := at + 5 + uint64(int64(int32(binary.LittleEndian.Uint32(rel))))
			if !s.counts(t) || s.found[t] {
				continue
			}
		}
		// What is decoded here, whatever it is.
		for pc = s.boundary(pc, max(pc, at-min(at, x86.MaxLen-1))); pc <= at; pc += uint64(in.Len) {
			if x86.Decode(s.f.Bytes(pc), pc, &in) && in.Op == x86.OpCall && s.counts(uint64(in.Imm)) {
				s.found[uint64(in.Imm)] = true
			}
		}
	}
}

// prefixed reports whether the operand size prefix, which makes displacements of calls
// shorter, is among the prefixes that code ends with.
func prefixed(code []byte) bool {
	for i := len(code) - 1; i >= 0; i-- {
		switch b := code[i]; {
		case b == 0x66:
			return true
		case b&0xf0 == 0x40, b == 0x26, b == 0x2e, b == 0x36, b == 0x3e, b == 0x64, b == 0x65, b == 0x67, b == 0xf0, b == 0xf2, b == 0xf3:
		default:
			return false
		}
	}
	return false
}

// boundary returns the first boundary at or behind a of the instructions that are decoded one
// behind the other from start, a boundary. As no instruction is longer than MaxLen, one of the
// MaxLen places from any place on is a boundary: if decoding comes to the same
// boundary from all of them, which it mostly does after a few instructions, it is that one.
func (s *sweep) boundary(start, a uint64) uint64 {
	const most = 1 << 20 // bytes, of which each takes one of met
	for n := uint64(96); ; n *= 4 {
		if a-start <= n || n > most {
			return s.straight(start, a)
		}
		s.met = zeros(s.met, int(n))
		b, _ := s.decode(a-n, a-n, a)
		same := true
		for k := uint64(1); k < x86.MaxLen && same; k++ {
			c, met := s.decode(a-n, a-n+k, a)
			same = met || c == b
		}
		if same {
			return b
		}
	}
}

// straight is boundary by decoding all that is between.
func (s *sweep) straight(pc, a uint64) uint64 {
	var in x86.Inst
	for pc < a {
		code := s.f.Bytes(pc)
		if len(code) == 0 {
			return a
		}
		x86.Decode(code, pc, &in)
		pc += uint64(in.Len)
	}
	return pc
}

// decode returns the first boundary at or behind a of the instructions from pc on, or reports that
// they meet those that were decoded before. from is where met begins.
func (s *sweep) decode(from, pc, a uint64) (boundary uint64, met bool) {
	var in x86.Inst
	for pc < a {
		m := &s.met[pc-from]
		if *m {
			return 0, true
		}
		*m = true
		code := s.f.Bytes(pc)
		if len(code) == 0 {
			return a, false
		}
		x86.Decode(code, pc, &in)
		pc += uint64(in.Len)
	}
	return pc, false
}
