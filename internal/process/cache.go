package process

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
)

// The format of /etc/ld.so.cache: glibc sysdeps/generic/dl-cache.h. A file is
// in the new format, or in the old one of libc5 with the new one after it, where
// the old one's strings begin. All offsets of the new format are from its own
// header, except those of the extensions, which are from the file's start. (That
// ldconfig, after an old part, writes the names of hwcaps directories with
// offsets from the header all the same makes them unusable: ld.so ignores such entries.)
const (
	cacheMagicOld  = "ld.so-1.7.0"
	cacheMagicNew  = "glibc-ld.so.cache1.1"
	cacheHeaderOld = 16 // magic, padding, nlibs
	cacheHeaderNew = 48
	cacheEntryOld  = 12
	cacheEntryNew  = 24

	cacheLibc6X64  = 0x0303             // FLAG_ELF_LIBC6 | FLAG_X8664_LIB64; 0x0803 is x32, 0x0003 i386
	cacheExtension = uint64(1) << 62    // DL_CACHE_HWCAP_EXTENSION
	cacheISAMask   = 1<<10 - 1          // DL_CACHE_HWCAP_ISA_LEVEL_MASK, of hwcap >> 32
	cacheExtMagic  = uint32(0xeaa42174) // cache_extension_magic, -358342284
	cacheExtHwcaps = 1                  // cache_extension_tag_glibc_hwcaps
)

// maxHwcaps bounds the number of glibc-hwcaps directories; there are three.
const maxHwcaps = 1024

// ldCache is a parsed ld.so.cache: where ldconfig found each soname.
type ldCache struct {
	first   map[string]int32 // by soname: index into entries
	entries []cacheEntry
}

// cacheEntry is one file for a soname.
type cacheEntry struct {
	path   string
	hwcaps string // subdirectory of glibc-hwcaps that it is in, "" for the base file
	isa    int    // with hwcaps: x86-64 level that the file's own ISA note demands
	legacy bool   // bound to a hardware capability or platform of the mechanism that glibc 2.37 dropped
	next   int32  // another one for the same soname, 0 if there is none
}

func newCache(n uint64) *ldCache {
	return &ldCache{first: make(map[string]int32, min(n, 1<<16)), entries: make([]cacheEntry, 1, min(n, 1<<16)+1)}
}

// push puts an entry before the others of its soname: files are read from their
// end, because glibc prefers the first of equals.
func (c *ldCache) push(name string, e cacheEntry) {
	e.next = c.first[name]
	c.first[name] = int32(len(c.entries))
	c.entries = append(c.entries, e)
}

// all yields the entries of a soname.
func (c *ldCache) all(name string) iter.Seq[*cacheEntry] {
	return func(yield func(*cacheEntry) bool) {
		if c == nil {
			return
		}
		for i := c.first[name]; i != 0; i = c.entries[i].next {
			if !yield(&c.entries[i]) {
				return
			}
		}
	}
}

// parseCache reads a cache. As in ld.so, a damaged one is no cache: ok is false.
// Entries of other ABIs, and those whose strings are outside of the file, are left out.
func parseCache(data []byte) (c *ldCache, ok bool) {
	le := binary.LittleEndian
	tab := data // the new format
	if !bytes.HasPrefix(tab, []byte(cacheMagicNew)) {
		if !bytes.HasPrefix(data, []byte(cacheMagicOld)) || len(data) <= cacheHeaderOld {
			return nil, false
		}
		n := uint64(le.Uint32(data[12:]))
		if n > uint64(len(data)-cacheHeaderOld)/cacheEntryOld {
			return nil, false
		}
		end := cacheHeaderOld + n*cacheEntryOld
		off := (end + 7) &^ 7
		if off+cacheHeaderNew > uint64(len(data)) || !bytes.HasPrefix(data[off:], []byte(cacheMagicNew)) {
			return parseCacheOld(data[cacheHeaderOld:end], string(data[end:])), true
		}
		tab = data[off:]
	}
	if len(tab) <= cacheHeaderNew {
		return nil, false
	}
	n := uint64(le.Uint32(tab[20:]))
	if n > uint64(len(tab)-cacheHeaderNew)/cacheEntryNew {
		return nil, false
	}
	if order := tab[28] & 3; order != 0 && order != 2 {
		return nil, false // written for big-endian, or marked invalid
	}
	strs := string(tab) // which the entries keep
	all := strs
	if len(tab) != len(data) {
		all = string(data)
	}
	hwcaps := cacheHwcaps(data, all, le.Uint32(tab[32:]))
	c = newCache(n)
	for ; n > 0; n-- {
		e := tab[cacheHeaderNew+(n-1)*cacheEntryNew:]
		if le.Uint32(e) != cacheLibc6X64 {
			continue
		}
		key, ok1 := cacheString(strs, le.Uint32(e[4:]))
		val, ok2 := cacheString(strs, le.Uint32(e[8:]))
		if !ok1 || !ok2 || !validName(key) || !strings.HasPrefix(val, "/") {
			continue
		}
		ent := cacheEntry{path: val}
		if h := le.Uint64(e[16:]); (h>>32)&^cacheISAMask == cacheExtension>>32 {
			if uint64(uint32(h)) >= uint64(len(hwcaps)) {
				continue // not usable, says glibc_hwcaps_priority
			}
			ent.hwcaps, ent.isa = hwcaps[uint32(h)], int(h>>32&cacheISAMask)+1
		} else if h != 0 {
			ent.legacy = true
		}
		c.push(key, ent)
	}
	return c, true
}

func parseCacheOld(entries []byte, strs string) *ldCache {
	c := newCache(uint64(len(entries) / cacheEntryOld))
	le := binary.LittleEndian
	for n := len(entries) / cacheEntryOld; n > 0; n-- {
		e := entries[(n-1)*cacheEntryOld:]
		if le.Uint32(e) != cacheLibc6X64 {
			continue
		}
		key, ok1 := cacheString(strs, le.Uint32(e[4:]))
		val, ok2 := cacheString(strs, le.Uint32(e[8:]))
		if ok1 && ok2 && validName(key) && strings.HasPrefix(val, "/") {
			c.push(key, cacheEntry{path: val})
		}
	}
	return c
}

// cacheHwcaps reads the names of the glibc-hwcaps subdirectories that entries refer to by index.
func cacheHwcaps(data []byte, strs string, off uint32) []string {
	le := binary.LittleEndian
	size := uint64(len(data))
	if off == 0 || off%4 != 0 || uint64(off)+8 > size || le.Uint32(data[off:]) != cacheExtMagic {
		return nil
	}
	n := uint64(le.Uint32(data[off+4:]))
	if n > (size-uint64(off)-8)/16 {
		return nil
	}
	var list []byte
	for i := range n {
		s := data[uint64(off)+8+i*16:]
		from, length := uint64(le.Uint32(s[8:])), uint64(le.Uint32(s[12:]))
		if from+length > size {
			return nil
		}
		if le.Uint32(s) == cacheExtHwcaps {
			list = nil // the last one counts
			if length%4 == 0 && from%4 == 0 {
				list = data[from : from+length]
			}
		}
	}
	names := make([]string, min(len(list)/4, maxHwcaps))
	for i := range names {
		names[i], _ = cacheString(strs, le.Uint32(list[4*i:]))
	}
	return names
}

// validName reports whether a soname can be that of a file.
func validName(s string) bool { return s != "" && len(s) <= 255 }

// cacheString is bounded: no path is longer than maxPath.
func cacheString(tab string, off uint32) (string, bool) {
	if uint64(off) >= uint64(len(tab)) {
		return "", false
	}
	s := tab[off:min(uint64(len(tab)), uint64(off)+maxPath)]
	i := strings.IndexByte(s, 0)
	if i < 0 {
		return "", false
	}
	return s[:i], true
}

// lookup says what ld.so would take for name on a machine of an x86-64 level:
// the file in the best glibc-hwcaps directory, else the base file.
func (c *ldCache) lookup(name string, level int) string {
	best, bestPath, base := 0, "", ""
	for e := range c.all(name) {
		switch {
		case e.legacy:
		case e.hwcaps == "":
			if base == "" {
				base = e.path
			}
		default:
			if l := hwcapsLevel(e.hwcaps); l > best && l <= level && e.isa <= level {
				best, bestPath = l, e.path
			}
		}
	}
	if best > 0 {
		return bestPath
	}
	return base
}

// varies reports whether the answer of lookup depends on the level.
func (c *ldCache) varies(name string) bool {
	for e := range c.all(name) {
		if e.hwcaps != "" {
			return true
		}
	}
	return false
}

// legacy lists the files that loaders before glibc 2.37 may prefer.
func (c *ldCache) legacy(name string) (paths []string) {
	for e := range c.all(name) {
		if e.legacy {
			paths = append(paths, e.path)
		}
	}
	return paths
}

// hwcapsDirs are the subdirectories of glibc-hwcaps by x86-64 level: glibc
// sysdeps/x86_64/dl-hwcaps-subdirs.c.
var hwcapsDirs = [5]string{2: "x86-64-v2", 3: "x86-64-v3", 4: "x86-64-v4"}

func hwcapsLevel(name string) int {
	for l, d := range hwcapsDirs {
		if d != "" && d == name {
			return l
		}
	}
	return 0
}
