package dataflow

import (
	"math"

	"github.com/gofind-dev/gofind/internal/x86"
)

// lineSpan is how far linear decoding goes, in bytes.
const lineSpan = 1 << 20

// boundaryOf reports whether a is an instruction boundary of the linear
// decoding from start.
func (w *worker) boundaryOf(start, a uint64) bool {
	if a < start || a-start >= lineSpan {
		return false
	}
	n := a - start
	if w.line.start != start || uint64(len(w.line.bits))*64 <= n {
		w.line = w.decodeLine(start, n)
	}
	return w.line.bits[n/64]>>(n%64)&1 != 0
}

// line has the instruction boundaries of the linear decoding from start, one bit a byte.
type line struct {
	start uint64
	bits  []uint64 // all of these bytes have been decoded: they change no more
	next  uint64   // where it goes on
}

// decodeLine returns the boundaries of the linear decoding from start, of at least n bytes and one more.
func (w *worker) decodeLine(start, n uint64) line {
	const words = 4 // at least, one more call costs as much as to decode these
	w.linesLock.Lock()
	defer w.linesLock.Unlock()
	l, known := w.lines[start]
	if !known {
		l = line{start: start, next: start}
	}
	if uint64(len(l.bits))*64 <= n {
		l.bits = append(l.bits, make([]uint64, int(n/64)/words*words+words-len(l.bits))...)
	}
	var in x86.Inst
	for end := start + 64*uint64(len(l.bits)); l.next < end; {
		pc := l.next
		if d := pc - w.base; d < uint64(len(w.dense)) && w.dense[d] != 0 { // the unit has decoded it
			in.Len = w.insts[w.dense[d]-1].Len
		} else if code := w.f.Bytes(pc); len(code) == 0 {
			l.next = math.MaxUint64
			break
		} else if !x86.Decode(code, pc, &in) {
			l.next++
			continue
		}
		l.bits[(pc-start)/64] |= 1 << ((pc - start) % 64)
		l.next += uint64(in.Len)
	}
	w.lines[start] = l
	return l
}
