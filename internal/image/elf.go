package image

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// ELF constants, with the names that elf.h has for them.
// gABI: generic ABI chapters 4 and 5; x86-64 psABI 1.0 chapter 4.
const (
	etRel, etExec, etDyn, etCore = 1, 2, 3, 4

	em386, emX86_64 = 3, 62

	ptLoad, ptDynamic, ptInterp, ptNote, ptTLS = 1, 2, 3, 4, 7
	ptGNUEHFrame, ptGNUStack, ptGNURelro       = 0x6474e550, 0x6474e551, 0x6474e552

	pfX, pfW, pfR = 1, 2, 4

	shtSymtab, shtStrtab, shtRela, shtNobits, shtDynsym = 2, 3, 4, 8, 11
	shfWrite, shfAlloc, shfExecinstr, shfTLS            = 1, 2, 4, 0x400
	shfCompressed                                       = 0x800

	shnAbs = 0xfff1

	ehdrSize, phdrSize, shdrSize, symSize, relaSize, dynSize = 64, 56, 64, 24, 24, 16
)

// STT_* and STB_* values that Symbol holds.
const (
	STTNoType, STTObject, STTFunc, STTSection, STTFile = 0, 1, 2, 3, 4
	STTCommon, STTTLS, STTGNUIFunc                     = 5, 6, 10

	STBLocal, STBGlobal, STBWeak, STBGNUUnique = 0, 1, 2, 10
)

// ET_EXEC and ET_DYN, the values that File.Type can have.
const (
	ETExec uint16 = etExec
	ETDyn  uint16 = etDyn
)

// Flags that consumers test in File.DynFlags and File.Flags1.
const (
	DFOrigin, DFSymbolic, DFTextrel = 1, 2, 4

	DF1NoDefLib = 0x800
	DF1PIE      = 0x08000000
)

// Relocation types (x86-64 psABI table 4.9) that matter to the analysis.
const (
	RX8664None, RX866464, RX8664PC32, RX8664Copy         = 0, 1, 2, 5
	RX8664GlobDat, RX8664JumpSlot, RX8664Relative        = 6, 7, 8
	RX866432, RX866432S                                  = 10, 11
	RX8664DTPMod64, RX8664DTPOff64, RX8664TPOff64        = 16, 17, 18
	RX8664TLSDesc, RX8664IRelative, RX8664PC64    uint32 = 36, 37, 24
)

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// maxName is the longest name that is looked at; longer ones are cut, so that
// tables of many names in one unterminated string cost a bounded time each.
const maxName = 1 << 16

// cstr returns the NUL-terminated string at off without copying; "" if off is
// outside of tab, and everything up to the end of tab if no NUL follows.
func cstr(tab []byte, off uint64) string {
	if off >= uint64(len(tab)) {
		return ""
	}
	b := tab[off:]
	if len(b) > maxName {
		b = b[:maxName]
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// shortStr is cstr for names that no real file has longer than a path.
func shortStr(tab []byte, off uint64) string {
	if off < uint64(len(tab)) && uint64(len(tab))-off > maxPath {
		tab = tab[:off+maxPath]
	}
	return cstr(tab, off)
}

// slice returns data[off:off+size], or false if that is not inside of data.
func slice(data []byte, off, size uint64) ([]byte, bool) {
	if off > uint64(len(data)) || size > uint64(len(data))-off {
		return nil, false
	}
	return data[off : off+size : off+size], true
}

// rawSym is an Elf64_Sym.
type rawSym struct {
	name        uint32
	info, other uint8
	shndx       uint16
	value, size uint64
}

func (s rawSym) typ() uint8  { return s.info & 15 }
func (s rawSym) bind() uint8 { return s.info >> 4 }

// symTable is a symbol table with its strings.
type symTable struct{ syms, strs []byte }

func (t *symTable) len() int { return len(t.syms) / symSize }

func (t *symTable) at(i int) rawSym {
	b := t.syms[i*symSize:]
	_ = b[23]
	return rawSym{le32(b), b[4], b[5], le16(b[6:]), le64(b[8:]), le64(b[16:])}
}

func (t *symTable) name(s rawSym) string { return cstr(t.strs, uint64(s.name)) }
