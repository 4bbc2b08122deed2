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
	sortByAddr(out, func(a *uint64) uint64 { return *a })
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
type nameTable struct {
	tabs []*symTable
	list []nameEntry
}

// nameEntry is a function [start, start+size) with the name of a symbol of one of the tables.
type nameEntry struct {
	start, size uint64
	tab, sym    uint32
}

func (t *nameTable) find(addr uint64) (string, uint64, bool) {
	l := t.list
	i := sort.Search(len(l), func(i int) bool { return l[i].start > addr }) - 1
	for n := 0; i >= 0 && n < 8; i, n = i-1, n+1 { // symbols hardly nest deeper
		if addr-l[i].start < l[i].size {
			return t.name(&l[i]), addr - l[i].start, true
		}
	}
	return "", 0, false
}

// symbol returns the symbol of an entry.
func (t *nameTable) symbol(e *nameEntry) rawSym { return t.tabs[e.tab].at(int(e.sym)) }

// name returns the name of an entry, without its version.
func (t *nameTable) name(e *nameEntry) string {
	name := shortStr(t.tabs[e.tab].strs, uint64(t.symbol(e).name)) // enough for people
	if k := strings.IndexByte(name, '@'); k > 0 {
		name = name[:k]
	}
	return name
}

// label is the name of an entry and its rank among those of the same address: the least is the best.
type label struct {
	rank int
	name string
}

func (t *nameTable) label(e *nameEntry) label {
	s, l := t.symbol(e), label{name: t.name(e)}
	if s.typ() == STTNoType {
		l.rank = 4000
	}
	if strings.HasPrefix(l.name, "__GI_") {
		l.rank += 2000
	}
	if s.bind() == STBLocal {
		l.rank += 1000
	}
	l.rank += min(len(l.name)-len(strings.TrimLeft(l.name, "_")), 99)
	return l
}

func (l label) better(than label) bool {
	return cmp.Or(cmp.Compare(l.rank, than.rank), cmp.Compare(len(l.name), len(than.name)), strings.Compare(l.name, than.name)) < 0
}

// named calls each with the functions of the tables that have a name, and with labels (STT_NOTYPE) in executable memory.
func (t *nameTable) named(f *File, each func(nameEntry)) {
	for k, tab := range t.tabs {
		for i, n := 0, tab.len(); i < n; i++ {
			s := tab.at(i)
			if typ := s.typ(); typ != STTFunc && typ != STTGNUIFunc && typ != STTNoType || s.shndx == 0 || !f.Exec(s.value) {
				continue
			}
			if c := tab.strs[min(uint64(s.name), uint64(len(tab.strs))):]; len(c) == 0 || c[0] == 0 || s.typ() == STTNoType && (c[0] == '.' || c[0] == '$') {
				continue
			}
			each(nameEntry{s.value, s.size, uint32(k), uint32(i)})
		}
	}
}

// nameTable collects the functions of symbol tables, and labels outside of
// functions. A symbol without a size extends to the next, at most to the end
// of its FDE or executable range.
func (f *File) nameTable(tabs ...*symTable) nameTable {
	t := nameTable{tabs: tabs}
	n := 0
	t.named(f, func(nameEntry) { n++ })
	// No more: this is at the end of a scan, when most memory is in use.
	list := make([]nameEntry, 0, n)
	t.named(f, func(e nameEntry) { list = append(list, e) })
	sortByAddr(list, func(e *nameEntry) uint64 { return e.start })
	k := 0
	sized := uint64(0) // end of the functions with a size so far
	for i := 0; i < len(list); {
		e := list[i]
		var best label
		for i++; i < len(list) && list[i].start == e.start; i++ {
			if best.name == "" {
				best = t.label(&e)
			}
			size := max(e.size, list[i].size)
			if l := t.label(&list[i]); l.better(best) {
				e, best = list[i], l
			}
			e.size = size
		}
		if e.start < sized && t.symbol(&e).typ() == STTNoType {
			continue
		}
		if e.size == 0 {
			e.size = f.codeEnd(e.start) - e.start
			if i < len(list) {
				e.size = min(e.size, list[i].start-e.start)
			}
		} else {
			e.size = min(e.size, maxAddr)
			sized = max(sized, e.start+e.size)
		}
		list[k] = e
		k++
	}
	t.list = list[:k]
	return t
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
