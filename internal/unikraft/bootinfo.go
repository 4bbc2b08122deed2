package unikraft

// The boot information of Unikraft 0.12 and later: plat/common/include/uk/plat/common/bootinfo.h and
// include/uk/plat/memory.h. It starts with a header of 80 bytes that ends with how many
// records of memory there can be and how many there are. Records have 48 bytes, or 80 if
// regions have names (CONFIG_UKPLAT_MEMRNAME: 36 bytes, and 4 that align); before 0.16,
// 32 and 64, without offset and number of pages.
const (
	bootinfoMagic   = 0xb007b0b0
	bootinfoVersion = 1
	bootinfoHeader  = 80
	regionKernel    = 4
)

// region layouts: the size of a record, where its length and its type are.
var regionLayouts = []struct {
	size, length, typ int
	pages             bool
}{
	{48, 24, 40, true},
	{80, 24, 40, true},
	{32, 16, 24, false},
	{64, 16, 24, false},
}

// addRegions tells the boot information, which lies where the section s is, that parts are
// loaded, so that the heap does not get their memory. It reports false if there is no boot information
// yet, as in files with symbols.
func (f *File) addRegions(parts []part, s *section) (bool, error) {
	if s == nil {
		return false, nil
	}
	b := f.Bytes(s.addr)
	b = b[:min(uint64(len(b)), s.size)]
	if len(b) < bootinfoHeader || le.Uint32(b) != bootinfoMagic {
		return false, nil
	}
	if b[4] != bootinfoVersion {
		return false, f.errorf(nil, "its .uk_bootinfo has version %d, and only %d is known", b[4], bootinfoVersion)
	}
	capacity, count := le.Uint32(b[72:]), int(le.Uint32(b[76:]))
	for _, l := range regionLayouts {
		if count == 0 || !f.regionsFit(b[bootinfoHeader:], count, l.size, l.length, l.typ) {
			continue
		}
		if max := (len(b) - bootinfoHeader) / l.size; count+len(parts) > max || count+len(parts) > int(capacity) {
			return false, f.errorf(nil, "its .uk_bootinfo has room for %d regions of memory, and %d are needed; raise CONFIG_UKPLAT_MEMREGION_MAX_COUNT",
				min(max, int(capacity)), count+len(parts))
		}
		for i, p := range parts {
			r := b[bootinfoHeader+(count+i)*l.size:][:l.size]
			copy(r, b[bootinfoHeader+(count-1)*l.size:][:l.size]) // its name
			size := (p.size() + 4095) &^ 4095
			le.PutUint64(r, p.addr)
			le.PutUint64(r[8:], p.addr)
			if l.pages {
				le.PutUint64(r[16:], 0)
				le.PutUint64(r[32:], size>>12)
			}
			le.PutUint64(r[l.length:], size)
			le.PutUint16(r[l.typ:], regionKernel)
			le.PutUint16(r[l.typ+2:], regionFlags(p.flags))
		}
		le.PutUint32(b[76:], uint32(count+len(parts)))
		return true, nil
	}
	return false, f.errorf(nil, "the records of its .uk_bootinfo do not match its segments, whatever their form; it is of a version that is not known")
}

// regionFlags turns the flags of a segment into those of a region: read 1, write 2, execute 4.
func regionFlags(flags uint32) uint16 {
	return uint16(flags>>2&1 | flags&2 | flags&1<<2)
}

// regionsFit reports whether each of count records describes a loaded segment.
func (f *File) regionsFit(b []byte, count, size, length, typ int) bool {
	if count > len(b)/size {
		return false
	}
	for i := range count {
		r := b[i*size:]
		base, n := le.Uint64(r), le.Uint64(r[length:])
		ok := false
		for _, s := range f.segments {
			ok = ok || s.typ == ptLoad && s.memsz > 0 && s.vaddr&^4095 == base && n >= s.memsz && n <= s.memsz+8191
		}
		if !ok || le.Uint64(r[8:]) != base || le.Uint16(r[typ:]) != regionKernel {
			return false
		}
	}
	return true
}
