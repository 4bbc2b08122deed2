package image

import (
	"fmt"
	"strings"
)

// gABI "Dynamic Section", glibc's elf.h for the GNU and Sun tags.
const (
	dtNull, dtNeeded, dtPltRelSz, dtPltGot, dtHash, dtStrtab, dtSymtab, dtRela = 0, 1, 2, 3, 4, 5, 6, 7
	dtRelaSz, dtRelaEnt, dtStrSz, dtSymEnt, dtInit, dtFini, dtSoname, dtRpath  = 8, 9, 10, 11, 12, 13, 14, 15
	dtSymbolic, dtPltRel, dtTextrel, dtJmpRel, dtInitArray, dtFiniArray        = 16, 20, 22, 23, 25, 26
	dtInitArraySz, dtFiniArraySz, dtRunpath, dtFlags, dtPreinitArray           = 27, 28, 29, 30, 32
	dtPreinitArraySz, dtRelrSz, dtRelr, dtRelrEnt                              = 33, 35, 36, 37
	dtAndroidRela                                                              = 0x60000011
	dtAndroidRelr, dtAndroidRelrSz                                             = 0x6fffe000, 0x6fffe001
	dtGNUHash, dtDepAudit, dtAudit                                             = 0x6ffffef5, 0x6ffffefb, 0x6ffffefc
	dtVersym, dtFlags1, dtVerdef, dtVerdefNum, dtVerneed, dtVerneedNum         = 0x6ffffff0, 0x6ffffffb, 0x6ffffffc, 0x6ffffffd, 0x6ffffffe, 0x6fffffff
	dtAuxiliary, dtFilter                                                      = 0x7ffffffd, 0x7fffffff
	maxNeeded                                                                  = 4096
)

// table is an address and a size from the dynamic section.
type table struct{ addr, size uint64 }

// dynTables is where the dynamic section says that things are.
type dynTables struct {
	at Range // PT_DYNAMIC

	symtab, strtab          uint64
	rela, jmprel, relr      table
	hash, gnuHash           uint64
	versym, verdef, verneed uint64
	verdefNum, verneedNum   uint64

	versyms  []byte
	versions []version // by version index
	gnu      gnuHash
	sysv     sysvHash
}

// Dynamic returns where the dynamic section is, which linkers call _DYNAMIC; empty if there is none.
func (f *File) Dynamic() Range { return f.dyn.at }

// SymbolTable returns the address of the table of dynamic symbols (DT_SYMTAB), 0 if there is none.
func (f *File) SymbolTable() uint64 { return f.dyn.symtab }

func (f *File) parseDynamic() error {
	if !f.HasDynamic {
		f.staticArrays()
		return nil
	}
	const where = "dynamic section"
	r := f.dyn.at
	b := f.Bytes(r.Start)
	if uint64(len(b)) > r.End-r.Start {
		b = b[:r.End-r.Start]
	}
	if len(b) < dynSize {
		return f.truncated(where, "not in the file")
	}
	t := &f.dyn
	var needed, audit, depAudit, filter, aux []uint64
	var soname, rpath, runpath uint64
	var strSize, initSz, finiSz, preinitSz, initA, finiA, preinitA uint64
	has := func(p *uint64, v uint64) { *p = v + 1 } // offset 0 is valid, so store one more
	for ; len(b) >= dynSize; b = b[dynSize:] {
		tag, v := le64(b), le64(b[8:])
		if tag == dtNull {
			break
		}
		switch tag {
		case dtNeeded:
			needed = append(needed, v)
		case dtAudit:
			audit = append(audit, v)
		case dtDepAudit:
			depAudit = append(depAudit, v)
		case dtFilter:
			filter = append(filter, v)
		case dtAuxiliary:
			aux = append(aux, v)
		case dtSoname:
			has(&soname, v)
		case dtRpath:
			has(&rpath, v)
		case dtRunpath:
			has(&runpath, v)
		case dtStrtab:
			t.strtab = v
		case dtStrSz:
			strSize = v
		case dtSymtab:
			t.symtab = v
		case dtSymEnt:
			if v != symSize {
				return f.bad(where, "DT_SYMENT is %d, not %d", v, symSize)
			}
		case dtRelaEnt:
			if v != relaSize {
				return f.bad(where, "DT_RELAENT is %d, not %d", v, relaSize)
			}
		case dtRelrEnt:
			if v != 8 {
				return f.bad(where, "DT_RELRENT is %d, not 8", v)
			}
		case dtPltRel:
			if v != dtRela {
				return f.bad(where, "DT_PLTREL is %d, not DT_RELA", v)
			}
		case dtHash:
			t.hash = v
		case dtGNUHash:
			t.gnuHash = v
		case dtRela:
			t.rela.addr = v
		case dtRelaSz:
			t.rela.size = v
		case dtJmpRel:
			t.jmprel.addr = v
		case dtPltRelSz:
			t.jmprel.size = v
		case dtRelr, dtAndroidRelr:
			t.relr.addr = v
		case dtRelrSz, dtAndroidRelrSz:
			t.relr.size = v
		case dtAndroidRela:
			return f.unsupported("Android's packed relocations (DT_ANDROID_RELA)")
		case dtInit:
			f.Init = v
		case dtFini:
			f.Fini = v
		case dtInitArray:
			initA = v
		case dtInitArraySz:
			initSz = v
		case dtFiniArray:
			finiA = v
		case dtFiniArraySz:
			finiSz = v
		case dtPreinitArray:
			preinitA = v
		case dtPreinitArraySz:
			preinitSz = v
		case dtPltGot:
			f.GotPLT = v
		case dtFlags:
			f.DynFlags |= v
		case dtTextrel:
			f.DynFlags |= DFTextrel
		case dtSymbolic:
			f.DynFlags |= DFSymbolic
		case dtFlags1:
			f.Flags1 = v
		case dtVersym:
			t.versym = v
		case dtVerdef:
			t.verdef = v
		case dtVerdefNum:
			t.verdefNum = v
		case dtVerneed:
			t.verneed = v
		case dtVerneedNum:
			t.verneedNum = v
		}
	}
	if t.strtab != 0 {
		s := f.Bytes(t.strtab)
		if strSize > uint64(len(s)) || s == nil {
			return f.truncated("DT_STRTAB", fmt.Sprintf("%d bytes at %#x are not in the file", strSize, t.strtab))
		}
		f.symtab.strs = s[:strSize:strSize]
	}
	var err error
	str := func(where string, v uint64, limit int) string {
		s := cstr(f.symtab.strs, v)
		if v >= uint64(len(f.symtab.strs)) {
			err = f.bad(where, "name at offset %#x is outside of the string table", v)
		} else if len(s) >= limit {
			err = f.bad(where, "name of more than %d bytes", limit)
		}
		return strings.Clone(s)
	}
	opt := func(where string, v uint64, limit int) string {
		if v == 0 {
			return ""
		}
		return str(where, v-1, limit)
	}
	list := func(where string, offs []uint64, split bool) (out []string) {
		if len(offs) > maxNeeded {
			err = f.bad(where, "%d entries", len(offs))
			return nil
		}
		for _, v := range offs {
			s := str(where, v, maxPath)
			if split {
				for _, p := range strings.Split(s, ":") {
					if p != "" {
						out = append(out, p)
					}
				}
			} else {
				out = append(out, s)
			}
			if err != nil {
				return nil
			}
		}
		return out
	}
	f.Needed = list("DT_NEEDED", needed, false)
	f.Audit = list("DT_AUDIT", audit, true)
	f.DepAudit = list("DT_DEPAUDIT", depAudit, true)
	f.Filter = list("DT_FILTER", filter, false)
	f.Auxiliary = list("DT_AUXILIARY", aux, false)
	f.Soname = opt("DT_SONAME", soname, maxPath)
	f.Rpath = opt("DT_RPATH", rpath, maxName)
	f.Runpath = opt("DT_RUNPATH", runpath, maxName)
	arr := func(where string, a, n uint64) Range {
		n -= n % 8
		if a == 0 || n == 0 {
			return Range{}
		}
		r := Range{a, a + n}
		if !f.inMemory(r) {
			err = f.bad(where, "[%#x, +%#x) is not in a segment", a, n)
		}
		return r
	}
	f.InitArray = arr("DT_INIT_ARRAY", initA, initSz)
	f.FiniArray = arr("DT_FINI_ARRAY", finiA, finiSz)
	f.PreinitArray = arr("DT_PREINIT_ARRAY", preinitA, preinitSz)
	return err
}

// staticArrays finds by section name what the start-up code of a static
// executable finds by linker-made symbols.
func (f *File) staticArrays() {
	for i := range f.Sections {
		s := &f.Sections[i]
		r := Range{s.Start, s.End - (s.End-s.Start)%8}
		switch s.Name {
		case ".init_array":
			f.InitArray = r
		case ".fini_array":
			f.FiniArray = r
		case ".preinit_array":
			f.PreinitArray = r
		case ".init":
			if s.X {
				f.Init = s.Start
			}
		case ".fini":
			if s.X {
				f.Fini = s.Start
			}
		}
	}
}
