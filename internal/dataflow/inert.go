package dataflow

// Most units neither enter the kernel nor are asked what they pass on. What such a unit refers to hardly depends on
// numbers that came to a place on one of several ways: where values come together, a number is only added to the others. So it is
// not kept there, which spares most blocks a second evaluation. A unit that is found to enter the kernel is analysed again, with all
// values (fine).
//
// What such a number could still do, if it is one of several values, is to be stored or returned, where no more is said of
// it then than that it may be anything; and to be cut, widened and added to an address. That tells two kinds of numbers apart: what
// is negative, or will be when it is widened, moves pointers backwards, which what is not known is not said to do (Back). So those are kept: among them
// RTLD_NEXT, which may be stored where a handle is (package dlopen), and the addresses in the vsyscall page.
// A number that is the only value decides branches and makes other numbers. It is kept wherever it goes.

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
