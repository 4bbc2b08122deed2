package image

// LandingPads reads the call-site table of f's LSDA (Itanium C++ ABI:
// Exception Handling, "Exception Handling Tables"; GCC's and Rust's
// personalities use the same). Rows without a landing pad are left out. It
// reports false if there is an LSDA that cannot be understood: any code of the
// function may then be a landing pad. Allocates.
func (f *File) LandingPads(fde *FDE) ([]LandingPad, bool) {
	return f.AppendLandingPads(nil, fde)
}

// AppendLandingPads is LandingPads that uses the memory of buf, and so allocates
// only if that is too small.
func (f *File) AppendLandingPads(buf []LandingPad, fde *FDE) ([]LandingPad, bool) {
	if fde.LSDA == 0 {
		return nil, true
	}
	b := f.Bytes(fde.LSDA)
	if b == nil {
		return nil, false
	}
	pads, ok := parseLSDA(buf[:0], ehReader{b: b, addr: fde.LSDA}, ehBases{data: f.GotPLT}, fde.Start, fde.End)
	if !ok {
		return nil, false
	}
	for i := range pads {
		if f.execSegment(pads[i].Pad) == nil {
			return nil, false
		}
	}
	return pads, true
}

// parseLSDA reads an LSDA of the code in [start, end).
func parseLSDA(pads []LandingPad, r ehReader, bases ehBases, start, end uint64) ([]LandingPad, bool) {
	lpStart := start
	if enc := r.byte(); enc != peOmit {
		if enc&peIndirect != 0 {
			return nil, false
		}
		lpStart = r.pointer(enc, bases, start)
	}
	if enc := r.byte(); enc != peOmit {
		r.uleb() // the type table ends where the tables end
	}
	enc := r.byte()
	size := r.uleb()
	// Offsets from the start of the function need no base of their own.
	if r.bad || enc&0xf0 != 0 || size > uint64(len(r.b)-r.pos) {
		return nil, false
	}
	r.b = r.b[:r.pos+int(size)]
	rows := uint64(0)
	for r.pos < len(r.b) {
		s, n, p := r.raw(enc), r.raw(enc), r.raw(enc)
		r.uleb()
		if rows++; r.bad || s > end-start || n > end-start-s || rows > end-start {
			return nil, false // more rows than bytes of code: made to waste time
		}
		if p != 0 {
			pads = append(pads, LandingPad{start + s, start + s + n, lpStart + p})
		}
	}
	return pads, true
}
