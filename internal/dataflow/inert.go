package dataflow

// Most units neither enter the kernel nor are asked what they pass on. In those, a number is left out where it comes together with
// other values than numbers, and what is loaded from memory behind a register of the entry, behind a pointer in the file, or from the caller's frame is
// anything from the start. That spares most blocks a second evaluation. A unit that is found to enter the kernel is analysed again, with
// all values (fine).
//
// It leaves nothing out of the summary but which numbers are stored and returned where anything may be. For what else happens to one value of
// several, if it is a number? It is cut or widened, added to an address, or goes up in arithmetic of which the result is anything. So what matters is
// whether it is negative, as it is or widened, for then it moves a pointer backwards, which is not said of a value that is not known; and whether it is an
// address, which it may be in a position-dependent file, as an address in the vsyscall page, or in the large code models. Such
// numbers are kept. So is RTLD_NEXT, which is negative: it may be stored where a handle is (package dlopen).
// A number that is the only value decides branches and makes other numbers: that is kept wherever it goes, the frame included.

// mayBeInert are the kinds of values that inert looks closer at.
const mayBeInert = 1<<kConst | 1<<kLow | 1<<kLoad

// inert reports whether the value x, no set, obliges to nothing where others come together with it, so that vTop can stand for all of them.
func (w *worker) inert(x val) bool {
	if w.fine {
		return false
	}
	switch e := &w.v.elems[x]; e.k {
	case kConst:
		return e.r == 0 && !signed(e.a) && !(w.abs && e.a >= 4096) // and no address
	case kLow:
		return !signed(e.a)
	case kLoad:
		return e.r == 4 && !w.wide
	}
	return false
}

// signed reports whether n is negative, or what its low 1, 2 or 4 bytes are widened to.
func signed(n uint64) bool { return n&(1<<7|1<<15|1<<31|1<<63) != 0 }

// absorb leaves out of the sorted elements of a set what vTop stands for as well. Numbers alone stay as they are.
func (w *worker) absorb(l []val) []val {
	if w.fine {
		return l
	}
	top := l[0] == vTop
	for i := 0; i < len(l) && !top; i++ {
		e := &w.v.elems[l[i]]
		top = e.k != kConst && !(e.k == kLow && e.r >= 4) && w.inert(l[i])
	}
	if !top {
		return l
	}
	n := 0
	for _, x := range l {
		if x > vTop && !w.inert(x) {
			l[n] = x
			n++
		}
	}
	l = append(l[:n], vTop)
	copy(l[1:], l)
	l[0] = vTop
	return l
}
