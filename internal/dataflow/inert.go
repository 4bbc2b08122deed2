package dataflow

// Most units neither enter the kernel nor are asked what they pass on. What such a unit refers to does not depend on
// what was only computed from constants or read from memory that is not the file's, but for what it compares, stores to
// the file's data and returns, mostly in the same block. So these values are not kept where others come
// together with them, and not in the frame, which spares most blocks a second evaluation. A unit that is found to enter the kernel is
// analysed again, with all values (fine).

// mayBeInert are the kinds of values that inert looks closer at.
const mayBeInert = 1<<kConst | 1<<kLow | 1<<kArgD | 1<<kStk | 1<<kLoadD | 1<<kLoad

// inert reports whether the value x, no set, obliges to nothing, so that vTop can stand for both of them.
func (w *worker) inert(x val) bool {
	if w.fine {
		return false
	}
	switch e := &w.v.elems[x]; e.k {
	case kConst:
		return w.idle(e)
	case kLow, kArgD, kStk, kLoadD:
		return true
	case kLoad:
		return e.r == 4 && !w.wide
	}
	return false
}

// idle reports whether the constant e is no address, and not RTLD_NEXT, which may be stored where a handle is as well (package dlopen).
func (w *worker) idle(e *elem) bool {
	return e.r == 0 && int32(e.a) != -1 && !isVsyscall(e.a) && !(w.abs && e.a >= 4096)
}

// absorb leaves out of the sorted elements of a set what vTop stands for as well. Constants alone stay as they are.
func (w *worker) absorb(l []val) []val {
	if w.fine {
		return l
	}
	top := l[0] == vTop
	for i := 0; i < len(l) && !top; i++ {
		top = w.v.elems[l[i]].k != kConst && w.inert(l[i])
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

// kept returns what a word of the frame holds after x was stored there.
func (w *worker) kept(x val) val {
	if x < setBit && x > vMany && w.inert(x) {
		return vTop
	}
	return x
}
