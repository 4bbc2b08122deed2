package image

import (
	"fmt"
	"math"
)

// Dynamic symbols are found as glibc's ld.so finds them (elf/dl-lookup.c).

const (
	maxChain   = 1 << 16 // symbols in one hash chain
	verHidden  = 0x8000  // in a versym entry
	verIndex   = 0x7fff
	verFlgBase = 1
)

// version is what a version index stands for.
type version struct {
	name string // "" if the index is unused or the base version
	file string // of a needed version: the soname that must define it
}

// gnuHash is a validated DT_GNU_HASH table.
type gnuHash struct {
	ok      bool
	shift   uint32
	symOff  uint32
	bloom   []byte // 64-bit words, a power of two of them
	buckets []byte // 32-bit
	chain   []byte // 32-bit, from symOff; every chain ends in it
}

// sysvHash is a validated DT_HASH table, used where there is no DT_GNU_HASH.
type sysvHash struct {
	ok             bool
	buckets, chain []byte
}

func (f *File) parseSymbols() error {
	t := &f.dyn
	n := 0
	if t.gnuHash != 0 {
		c, err := f.parseGNUHash()
		if err != nil {
			return err
		}
		n = c
	}
	if t.hash != 0 {
		c, err := f.parseSysvHash()
		if err != nil {
			return err
		}
		n = max(n, c)
	}
	// A GNU hash table counts no undefined symbols when nothing is exported.
	maxSym := uint32(0)
	for i := range f.Relocs {
		maxSym = max(maxSym, f.Relocs[i].Sym)
	}
	if maxSym > 0 {
		n = max(n, int(maxSym)+1)
	}
	if f.HasDynamic && t.symtab != 0 {
		if tab, addr, ok := findSymtab(f.Data, f.shdrs, shtDynsym); ok && addr == t.symtab {
			n = max(n, tab.len())
		}
		b := f.Bytes(t.symtab)
		if n > len(b)/symSize {
			return f.truncated("DT_SYMTAB", fmt.Sprintf("%d symbols at %#x are not in the file", n, t.symtab))
		}
		f.symtab.syms = b[: n*symSize : n*symSize]
	} else if n > 0 {
		return f.bad("DT_SYMTAB", "%d symbols are used, but there is no symbol table", n)
	}
	return f.parseVersions()
}

func (f *File) parseGNUHash() (count int, err error) {
	const where = "DT_GNU_HASH"
	b := f.Bytes(f.dyn.gnuHash)
	if len(b) < 16 {
		return 0, f.truncated(where, "not in the file")
	}
	nb, symOff, nbloom, shift := uint64(le32(b)), le32(b[4:]), uint64(le32(b[8:])), le32(b[12:])
	if nbloom == 0 || nbloom&(nbloom-1) != 0 {
		return 0, f.bad(where, "%d Bloom filter words, not a power of two", nbloom)
	}
	head := 16 + nbloom*8 + nb*4
	if head > uint64(len(b)) {
		return 0, f.truncated(where, "longer than the file")
	}
	h := &f.dyn.gnu
	h.shift, h.symOff = shift, symOff
	h.bloom = b[16 : 16+nbloom*8]
	h.buckets = b[16+nbloom*8 : head]
	chain := b[head:]
	last := uint32(0)
	for i := 0; i < len(h.buckets); i += 4 {
		v := le32(h.buckets[i:])
		if v != 0 && v < symOff {
			return 0, f.bad(where, "bucket %d starts at symbol %d, before the first hashed one (%d)", i/4, v, symOff)
		}
		last = max(last, v)
	}
	if last == 0 {
		h.ok = len(h.buckets) > 0
		return int(symOff), f.checkSymOff(symOff)
	}
	// The last chain ends the table; all others then end inside of it.
	run := 0
	for i := uint64(0); ; i++ {
		if (i+1)*4 > uint64(len(chain)) {
			return 0, f.truncated(where, "the last chain does not end")
		}
		if run++; run > maxChain {
			return 0, f.bad(where, "a chain of more than %d symbols", maxChain)
		}
		if le32(chain[i*4:])&1 != 0 {
			run = 0
			if i >= uint64(last-symOff) {
				h.chain = chain[:(i+1)*4]
				h.ok = true
				return int(uint64(symOff) + i + 1), nil
			}
		}
	}
}

// checkSymOff guards against a count that only an empty table claims.
func (f *File) checkSymOff(n uint32) error {
	if uint64(n) > uint64(len(f.Data)/symSize) {
		return f.bad("DT_GNU_HASH", "%d unhashed symbols are more than the file can hold", n)
	}
	return nil
}

func (f *File) parseSysvHash() (count int, err error) {
	const where = "DT_HASH"
	b := f.Bytes(f.dyn.hash)
	if len(b) < 8 {
		return 0, f.truncated(where, "not in the file")
	}
	nb, nc := uint64(le32(b)), uint64(le32(b[4:]))
	if 8+(nb+nc)*4 > uint64(len(b)) {
		return 0, f.truncated(where, "longer than the file")
	}
	if f.dyn.gnuHash != 0 {
		return int(nc), nil // ld.so does not use it then
	}
	h := &f.dyn.sysv
	h.buckets, h.chain = b[8:8+nb*4], b[8+nb*4:8+(nb+nc)*4]
	// Chains are disjoint: following all of them takes nc steps, or they cycle.
	steps := uint64(0)
	for i := uint64(0); i < nb; i++ {
		n := 0
		for s := le32(h.buckets[i*4:]); s != 0; s = le32(h.chain[int(s)*4:]) {
			if uint64(s) >= nc {
				return 0, f.bad(where, "symbol %d, but there are %d", s, nc)
			}
			if steps++; steps > nc {
				return 0, f.bad(where, "chains share symbols or run in a circle")
			}
			if n++; n > maxChain {
				return 0, f.bad(where, "a chain of more than %d symbols", maxChain)
			}
		}
	}
	h.ok = nb > 0
	return int(nc), nil
}

// parseVersions reads DT_VERSYM, DT_VERDEF and DT_VERNEED (LSB 5.0 core
// generic, "Symbol Versioning"). As in ld.so's _dl_check_map_versions, both
// fill one table by version index, and a base definition leaves no entry.
func (f *File) parseVersions() error {
	t := &f.dyn
	if err := f.parseVerneed(); err != nil {
		return err
	}
	if err := f.parseVerdef(); err != nil {
		return err
	}
	if t.versym != 0 && len(t.versions) > 0 { // else ld.so takes the file for unversioned
		b := f.Bytes(t.versym)
		n := f.NumSymbols() * 2
		if n > len(b) {
			return f.truncated("DT_VERSYM", "not in the file")
		}
		t.versyms = b[:n:n]
	}
	return nil
}

// versionAt returns the entry for a version index, made if need be.
func (f *File) versionAt(ndx uint16) *version {
	i := int(ndx & verIndex)
	for len(f.dyn.versions) <= i {
		f.dyn.versions = append(f.dyn.versions, version{})
	}
	return &f.dyn.versions[i]
}

func (f *File) parseVerneed() error {
	const where = "DT_VERNEED"
	t := &f.dyn
	if t.verneed == 0 {
		return nil
	}
	mem := f.Bytes(t.verneed)
	// Real records are disjoint, so their number is bounded by the space.
	budget := len(mem) / 16
	off := uint64(0)
	for i := uint64(0); i < t.verneedNum; i++ {
		r, ok := slice(mem, off, 16)
		if budget--; !ok || budget < 0 {
			return f.bad(where, "record %d is not in the file", i)
		}
		if le16(r) != 1 {
			return f.bad(where, "record %d has version %d", i, le16(r))
		}
		need := VersionNeed{File: shortStr(f.symtab.strs, uint64(le32(r[4:])))}
		aux := off + uint64(le32(r[8:]))
		for j := le16(r[2:]); j > 0; j-- {
			a, ok := slice(mem, aux, 16)
			if budget--; !ok || budget < 0 {
				return f.bad(where, "an entry of record %d is not in the file", i)
			}
			name := shortStr(f.symtab.strs, uint64(le32(a[8:])))
			need.Versions = append(need.Versions, name)
			*f.versionAt(le16(a[6:])) = version{name, need.File}
			next := uint64(le32(a[12:]))
			if next == 0 {
				break
			}
			aux += next
		}
		f.Verneed = append(f.Verneed, need)
		next := uint64(le32(r[12:]))
		if next == 0 {
			break
		}
		off += next
	}
	return nil
}

func (f *File) parseVerdef() error {
	const where = "DT_VERDEF"
	t := &f.dyn
	if t.verdef == 0 {
		return nil
	}
	mem := f.Bytes(t.verdef)
	budget := len(mem) / 20
	off := uint64(0)
	for i := uint64(0); i < t.verdefNum; i++ {
		r, ok := slice(mem, off, 20)
		if budget--; !ok || budget < 0 {
			return f.bad(where, "record %d is not in the file", i)
		}
		if le16(r) != 1 {
			return f.bad(where, "record %d has version %d", i, le16(r))
		}
		v := f.versionAt(le16(r[4:]))
		if le16(r[2:])&verFlgBase == 0 {
			a, ok := slice(mem, off+uint64(le32(r[12:])), 8)
			if !ok {
				return f.bad(where, "the name of record %d is not in the file", i)
			}
			*v = version{name: shortStr(f.symtab.strs, uint64(le32(a)))}
		}
		next := uint64(le32(r[16:]))
		if next == 0 {
			break
		}
		off += next
	}
	return nil
}

// NumSymbols returns the number of dynamic symbols, the null symbol included.
// It is the largest count that the hash tables, the relocations and the
// section headers know of.
func (f *File) NumSymbols() int { return f.symtab.len() }

// Symbol returns dynamic symbol i, 0 <= i < NumSymbols(). Index 0, the null
// symbol, is always valid, here and for the other methods.
func (f *File) Symbol(i int) Symbol {
	if i == 0 {
		return Symbol{}
	}
	s := f.symtab.at(i)
	return Symbol{Value: s.value, Size: s.size, Type: s.typ(), Bind: s.bind(), Other: s.other, Shndx: s.shndx}
}

// SymbolName returns the name of dynamic symbol i.
func (f *File) SymbolName(i int) string {
	if i == 0 {
		return ""
	}
	return f.symtab.name(f.symtab.at(i))
}

func (f *File) symVersion(i int) (version, uint16) {
	if f.dyn.versyms == nil || i == 0 {
		return version{}, 0
	}
	v := le16(f.dyn.versyms[2*i:])
	if n := int(v & verIndex); n < len(f.dyn.versions) {
		return f.dyn.versions[n], v
	}
	return version{}, v
}

// SymbolVersion returns the version of dynamic symbol i, "" if it has none: of
// a defined symbol its own (hidden: not the default one), of an undefined
// symbol or a copy relocation's target the one it needs.
func (f *File) SymbolVersion(i int) (version string, hidden bool) {
	v, ndx := f.symVersion(i)
	return v.name, ndx&verHidden != 0
}

// SymbolNeededFile returns the soname from which symbol i needs its version, "" if none.
func (f *File) SymbolNeededFile(i int) string {
	v, _ := f.symVersion(i)
	return v.file
}

// GNUHash is the hash function of DT_GNU_HASH.
func GNUHash(name string) uint32 {
	h := uint32(5381)
	for i := 0; i < len(name); i++ {
		h = h*33 + uint32(name[i])
	}
	return h
}

// sysvHashOf is the hash function of DT_HASH (gABI "Hash Table").
func sysvHashOf(name string) uint32 {
	h := uint32(0)
	for i := 0; i < len(name); i++ {
		h = h<<4 + uint32(name[i])
		g := h & 0xf0000000
		h = (h ^ g>>24) &^ g
	}
	return h
}

// Lookup returns the symbol that ld.so finds for (name, version) in this file
// alone (glibc's do_lookup_x and check_match), version "" being an
// unversioned reference. Only definitions count: an undefined symbol with a
// value, which ld.so takes for the address of a function's PLT entry in a
// non-PIE executable, is no definition here.
func (f *File) Lookup(name, version string) (int, bool) {
	return f.LookupHash(GNUHash(name), name, version)
}

// LookupHash is Lookup with GNUHash(name) known.
func (f *File) LookupHash(hash uint32, name, version string) (int, bool) {
	return f.lookup(hash, name, version, 3)
}

// LookupNewest is what dlsym(3) finds in this file alone: unlike Lookup's
// unversioned reference, which may bind to the oldest version of a symbol, it
// takes the default one.
func (f *File) LookupNewest(name string) (int, bool) {
	return f.LookupNewestHash(GNUHash(name), name)
}

// LookupNewestHash is LookupNewest with GNUHash(name) known.
func (f *File) LookupNewestHash(hash uint32, name string) (int, bool) {
	return f.lookup(hash, name, "", 2)
}

// EachVersion calls found for all definitions of a name that other files see, with GNUHash(name): dlvsym(3) finds each of them.
func (f *File) EachVersion(hash uint32, name string, found func(sym int)) {
	f.named(hash, name, func(i int) bool {
		if f.match(i, name, "", math.MaxUint16) == matchNow && f.seen(i) {
			found(i)
		}
		return true
	})
}

// HashedNames calls each with the GNU hash of every name that LookupHash may find, without its
// lowest bit. It reports false if the file has no such hashes.
func (f *File) HashedNames(each func(hash uint32)) bool {
	h := &f.dyn.gnu
	for i := 0; i < len(h.chain); i += 4 {
		each(le32(h.chain[i:]) &^ 1)
	}
	return h.ok
}

// lookup: an unversioned reference takes at once a symbol whose version index
// is below oldest, and else the only default version that there is.
func (f *File) lookup(hash uint32, name, version string, oldest uint16) (int, bool) {
	found, versioned, n := -1, -1, 0
	f.named(hash, name, func(i int) bool {
		switch f.match(i, name, version, oldest) {
		case matchNow:
			found = i
			return false
		case matchDefault:
			if n == 0 {
				versioned = i
			}
			n++
		}
		return true
	})
	if found < 0 && n == 1 {
		found = versioned
	}
	if found < 0 || !f.seen(found) {
		return 0, false
	}
	return found, true
}

// seen reports whether other files see a symbol. Local, hidden and internal ones end the search without a result.
func (f *File) seen(i int) bool {
	s := f.symtab.at(i)
	if b := s.bind(); b != STBGlobal && b != STBWeak && b != STBGNUUnique {
		return false
	}
	v := s.other & 3
	return v != 1 && v != 2
}

// named calls each for the symbols whose hash is that of a name, until it returns false.
func (f *File) named(hash uint32, name string, each func(i int) bool) {
	if h := &f.dyn.gnu; h.ok {
		word := le64(h.bloom[hash/64*8&uint32(len(h.bloom)-1):])
		if word>>(hash&63)&(word>>(hash>>(h.shift&31)&63))&1 == 0 {
			return
		}
		i := le32(h.buckets[hash%uint32(len(h.buckets)/4)*4:])
		if i == 0 {
			return
		}
		for ; ; i++ {
			c := le32(h.chain[int(i-h.symOff)*4:])
			if (c^hash)>>1 == 0 && !each(int(i)) || c&1 != 0 {
				return
			}
		}
	} else if h := &f.dyn.sysv; h.ok {
		b := sysvHashOf(name) % uint32(len(h.buckets)/4)
		for i := le32(h.buckets[b*4:]); i != 0; i = le32(h.chain[int(i)*4:]) {
			if !each(int(i)) {
				return
			}
		}
	}
}

type matchKind uint8

const (
	matchNone    matchKind = iota
	matchNow               // this is the symbol
	matchDefault           // a default version, good if it remains the only one
)

const allowedTypes = 1<<STTNoType | 1<<STTObject | 1<<STTFunc | 1<<STTCommon | 1<<STTTLS | 1<<STTGNUIFunc

func (f *File) match(i int, name, version string, oldest uint16) matchKind {
	s := f.symtab.at(i)
	typ := s.typ()
	if s.shndx == 0 || (s.value == 0 && s.shndx != shnAbs && typ != STTTLS) || 1<<typ&allowedTypes == 0 {
		return matchNone
	}
	strs := f.symtab.strs
	o, l := uint64(s.name), uint64(len(name))
	if o+l >= uint64(len(strs)) || strs[o+l] != 0 || string(strs[o:o+l]) != name {
		return matchNone
	}
	if f.dyn.versyms == nil {
		return matchNow
	}
	v, ndx := f.symVersion(i)
	if version != "" {
		if v.name == version || v.name == "" && ndx&verHidden == 0 {
			return matchNow
		}
		return matchNone
	}
	if ndx&verIndex < oldest {
		return matchNow
	}
	if ndx&verHidden == 0 {
		return matchDefault
	}
	return matchNone
}

// StaticSymbol returns the address and size of a symbol of .symtab, which programs run
// without, by a linear search.
func (f *File) StaticSymbol(name string) (addr, size uint64, ok bool) {
	for i := range f.fullSym.len() {
		if s := f.fullSym.at(i); s.shndx != 0 && f.fullSym.name(s) == name {
			return s.value, s.size, true
		}
	}
	return 0, 0, false
}
