package image

import (
	"cmp"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// FuncStarts returns the proven function starts, sorted and without
// duplicates: functions of .dynsym and .symtab, starts of FDEs (of a Signal
// FDE also the byte after), Go's function table, Init, Fini, Entry. Those that
// are not executable are left out. An FDE of a cold part counts too. Computed
// once; do not change it.
func (f *File) FuncStarts() []uint64 {
	f.starts.once.Do(func() { f.starts.list = f.funcStarts() })
	return f.starts.list
}

func (f *File) funcStarts() []uint64 {
	var out []uint64
	if n := len(f.FDEs); n > 0 {
		out = make([]uint64, 0, 2*n)
	}
	add := func(a uint64) {
		if a != 0 && f.Exec(a) {
			out = append(out, a)
		}
	}
	for i := range f.FDEs {
		add(f.FDEs[i].Start)
		if f.FDEs[i].Signal {
			add(f.FDEs[i].Start + 1)
		}
	}
	for _, t := range []*symTable{&f.symtab, &f.fullSym} {
		for i, n := 0, t.len(); i < n; i++ {
			if s := t.at(i); s.shndx != 0 && (s.typ() == STTFunc || s.typ() == STTGNUIFunc) {
				add(s.value)
			}
		}
	}
	if t := f.gopclntab(); t != nil {
		for i := 0; i < t.n; i++ {
			add(t.entry(i))
		}
	}
	add(f.Init)
	add(f.Fini)
	add(f.Entry)
	slices.Sort(out)
	return slices.Compact(out)
}

// DataSymbols returns the extents of the STT_OBJECT symbols with a size of
// .dynsym and .symtab, sorted by start, then end, without duplicates. Extents
// may nest or overlap (aliases). Those not within a segment are left out.
// Computed once; do not change it.
func (f *File) DataSymbols() []Range {
	f.objects.once.Do(func() {
		var out []Range
		for _, t := range []*symTable{&f.symtab, &f.fullSym} {
			for i, n := 0, t.len(); i < n; i++ {
				s := t.at(i)
				if s.typ() == STTObject && s.shndx != 0 && s.size > 0 && s.size < maxAddr {
					if r := (Range{s.value, s.value + s.size}); f.inMemory(r) {
						out = append(out, r)
					}
				}
			}
		}
		slices.SortFunc(out, func(a, b Range) int {
			if a.Start != b.Start {
				return cmpU64(a.Start, b.Start)
			}
			return cmpU64(a.End, b.End)
		})
		f.objects.list = slices.Compact(out)
	})
	return f.objects.list
}

// FuncName returns the best name for the function around addr and addr's
// offset in it: of .symtab or .dynsym, then Go's function table, then the
// separate debug file (see DebugRoot). Of several names for one address it
// takes global before local ones, those without "__GI_", then the one with the
// fewest leading underscores, the shortest, the first in the alphabet. The
// name is without its "@VERSION".
func (f *File) FuncName(addr uint64) (name string, off uint64, ok bool) {
	f.names.once.Do(func() { f.names.tab = f.nameTable(&f.symtab, &f.fullSym) })
	if name, off, ok = f.names.tab.find(addr); ok {
		return name, off, true
	}
	if t := f.gopclntab(); t != nil {
		if i, ok := t.find(addr); ok {
			if name := t.name(i); name != "" {
				return name, addr - t.entry(i), true
			}
		}
	}
	f.debug.once.Do(f.loadDebug)
	return f.debug.tab.find(addr)
}

// loadDebug reads .symtab of the separate debug file, if there is one. A
// broken one is as good as none, since names are only for people to read.
func (f *File) loadDebug() {
	if f.DebugRoot == "" || len(f.BuildID) < 4 {
		return
	}
	path := filepath.Join(f.DebugRoot, ".build-id", f.BuildID[:2], f.BuildID[2:]+".debug")
	data, err := mapFile(path)
	if err != nil {
		return
	}
	f.debug.mapped = data
	if len(data) < ehdrSize || string(data[:6]) != "\x7fELF\x02\x01" || le16(data[18:]) != emX86_64 {
		return
	}
	if hs, _, ok := readShdrs(data); ok {
		if t, _, ok := findSymtab(data, hs, shtSymtab); ok {
			f.debug.tab = f.nameTable(&t)
		}
	}
}

// nameTable is sorted by start. Entries may nest.
type nameTable []nameEntry

type nameEntry struct {
	start, end uint64
	name       string
}

func (t nameTable) find(addr uint64) (string, uint64, bool) {
	i := sort.Search(len(t), func(i int) bool { return t[i].start > addr }) - 1
	for n := 0; i >= 0 && n < 8; i, n = i-1, n+1 { // symbols hardly nest deeper
		if addr < t[i].end {
			return t[i].name, addr - t[i].start, true
		}
	}
	return "", 0, false
}

// nameTable collects the functions of symbol tables, and labels (STT_NOTYPE)
// in executable memory outside of functions. A symbol without a size extends
// to the next, at most to the end of its FDE or executable range.
func (f *File) nameTable(tabs ...*symTable) nameTable {
	type cand struct {
		start, size uint64
		name        string
		rank        int
	}
	n := 0
	for _, t := range tabs {
		n += t.len()
	}
	cs := make([]cand, 0, n) // at most; to grow costs several times as much, at the end of a scan, when most memory is in use
	for _, t := range tabs {
		for i, n := 0, t.len(); i < n; i++ {
			s := t.at(i)
			rank := 0
			switch s.typ() {
			case STTFunc, STTGNUIFunc:
			case STTNoType:
				rank = 4000
			default:
				continue
			}
			if s.shndx == 0 || !f.Exec(s.value) {
				continue
			}
			name := shortStr(t.strs, uint64(s.name)) // enough for people
			if k := strings.IndexByte(name, '@'); k > 0 {
				name = name[:k]
			}
			if name == "" || rank > 0 && (name[0] == '.' || name[0] == '$') {
				continue
			}
			if strings.HasPrefix(name, "__GI_") {
				rank += 2000
			}
			if s.bind() == STBLocal {
				rank += 1000
			}
			rank += min(len(name)-len(strings.TrimLeft(name, "_")), 99)
			cs = append(cs, cand{s.value, s.size, name, rank})
		}
	}
	tmp := scratchPool.Get().(*scratch)
	cs = sorted(tmp, cs, func(i int) uint64 { return cs[i].start })
	tmp.free()
	out := make(nameTable, 0, len(cs))
	sized := uint64(0) // end of the functions with a size so far
	for i := 0; i < len(cs); {
		c := cs[i]
		for i++; i < len(cs) && cs[i].start == c.start; i++ {
			size := max(c.size, cs[i].size)
			if cmp.Or(cmp.Compare(cs[i].rank, c.rank), cmp.Compare(len(cs[i].name), len(c.name)), strings.Compare(cs[i].name, c.name)) < 0 {
				c = cs[i]
			}
			c.size = size
		}
		if c.rank >= 4000 && c.start < sized {
			continue
		}
		end := c.start + min(c.size, maxAddr)
		if c.size == 0 {
			end = f.codeEnd(c.start)
			if i < len(cs) {
				end = min(end, cs[i].start)
			}
		} else {
			sized = max(sized, end)
		}
		out = append(out, nameEntry{c.start, end, c.name})
	}
	return out
}

// codeEnd bounds the function at addr: the end of its FDE, else the start of
// the next, else the end of the executable range.
func (f *File) codeEnd(addr uint64) uint64 {
	if d := f.FDEAt(addr); d != nil {
		return d.End
	}
	end := addr
	if i := sort.Search(len(f.execs), func(i int) bool { return f.execs[i].End > addr }); i < len(f.execs) {
		end = f.execs[i].End
	}
	if i := sort.Search(len(f.FDEs), func(i int) bool { return f.FDEs[i].Start > addr }); i < len(f.FDEs) {
		end = min(end, f.FDEs[i].Start)
	}
	return end
}
