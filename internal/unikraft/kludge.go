package unikraft

import (
	"slices"

	"github.com/gofind-dev/gofind/internal/x86"
)

// Images of Unikraft before 0.12, and of FlexOS, stay ELF64 files, which loaders of multiboot kernels do not know: their
// multiboot header says itself what to load (Multiboot 0.6.96, section 3.1.3). One piece of the file, from load_addr to load_end_addr,
// lies in memory as it does in the file; what follows up to bss_end_addr is zeroed. Segments do not count, and
// what they have behind load_end_addr is not loaded.
//
// So that more is loaded, the piece is made longer, over all of the image and the parts: what was zeroed before becomes zeros in the
// file, and what lies behind it in the file moves.

// kludge is such a header.
type kludge struct {
	at   uint64 // offset in the file
	file uint64 // offset of what lies at load
	load uint64 // addresses
	end  uint64 // of what the file has
	bss  uint64 // of what is zeroed
}

const (
	kludgeFlag = 1 << 16
	kludgeSize = 32
	// maxKludge is the largest image whose memory is written out.
	maxKludge = 1 << 28
)

// isKludge reports whether a boot loader takes the addresses to load at from the multiboot header.
func (f *File) isKludge() bool {
	_, ok := f.multiboot()
	return ok
}

// multiboot returns where a multiboot header with addresses lies.
func (f *File) multiboot() (uint64, bool) {
	if f.Wrapped {
		return 0, false
	}
	head := f.elf[:min(len(f.elf), 8192)]
	for at := 0; at+multibootSize <= len(head); at += 4 {
		if magic, flags := le.Uint32(head[at:]), le.Uint32(head[at+4:]); magic == multibootMagic && magic+flags+le.Uint32(head[at+8:]) == 0 {
			return uint64(at), flags&kludgeFlag != 0 && at+kludgeSize <= len(head)
		}
	}
	return 0, false
}

// kludge reads the header, and checks that it describes what the segments do.
func (f *File) kludge() (kludge, error) {
	at, _ := f.multiboot()
	word := func(i int) uint64 { return uint64(le.Uint32(f.elf[at+uint64(4*i):])) }
	k := kludge{at: at, load: word(4), end: word(5), bss: word(6)}
	before := word(3) - k.load // of the header in the piece
	if word(3) < k.load || before > at {
		return k, f.errorf(ErrTruncated, "has a damaged multiboot header: what is to be loaded starts before the file does")
	}
	k.file = at - before
	if k.end == 0 {
		k.end = k.load + uint64(len(f.elf)) - k.file
	}
	k.bss = max(k.bss, k.end, f.End())
	if k.end < k.load || k.end-k.load > uint64(len(f.elf))-k.file || k.bss-k.load > maxKludge {
		return k, f.errorf(ErrTruncated, "has a multiboot header with impossible sizes: %#x to %#x and %#x", k.load, k.end, k.bss)
	}
	for i := range f.segments {
		s := &f.segments[i]
		if s.typ != ptLoad || s.filesz == 0 || s.vaddr >= k.end {
			continue
		}
		if s.vaddr < k.load || s.off != k.file+s.vaddr-k.load {
			return k, f.errorf(nil, "is loaded by the addresses in its multiboot header, which have other bytes at %#x than its segments", s.vaddr)
		}
	}
	return k, nil
}

// addKludge is what add does first, in a file that is loaded by its multiboot header: it writes the image's memory with
// the parts in it into the file, and the header and all offsets anew.
func (f *File) addKludge(k kludge, parts []part) {
	last := parts[len(parts)-1]
	end := (last.addr + last.size() + 4095) &^ 4095
	memory := make([]byte, end-k.load)
	copy(memory, f.elf[k.file:][:k.end-k.load])
	for _, p := range parts {
		copy(memory[p.addr-k.load:], p.bytes)
	}
	out := append(slices.Clone(f.elf[:k.file]), memory...)
	at := func(addr uint64) uint64 { return k.file + addr - k.load }
	in := func(addr uint64) bool { return addr >= k.load && addr < end }
	for i := range f.segments {
		if s := &f.segments[i]; in(s.vaddr) {
			s.off = at(s.vaddr)
			if s.typ == ptLoad {
				s.filesz = s.memsz
			}
		}
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.flags&shfAlloc != 0 && in(s.addr) {
			s.off = at(s.addr)
		} else if s.typ != shtNobits && s.size > 0 {
			for len(out)%16 != 0 {
				out = append(out, 0)
			}
			b := f.elf[s.off:][:s.size]
			s.off = uint64(len(out))
			out = append(out, b...)
		}
	}
	le.PutUint32(out[k.at+20:], uint32(end))
	le.PutUint32(out[k.at+24:], uint32(end))
	f.elf = out
	for _, p := range parts {
		f.segments = append(f.segments, segment{typ: ptLoad, flags: p.flags, off: at(p.addr), vaddr: p.addr, paddr: p.addr,
			filesz: p.size(), memsz: p.size(), palign: 4096})
		if f.sections != nil {
			f.sections = append(f.sections, p.section(at(p.addr), p.size()))
		}
	}
}

// section is the section of a part.
func (p *part) section(off, size uint64) section {
	s := section{name: p.name, typ: shtProgbits, flags: shfAlloc, addr: p.addr, off: off, size: size, addralign: 4096}
	if p.flags&flagX != 0 {
		s.flags |= shfExec
	}
	if p.flags&flagW != 0 {
		s.flags |= shfWrite
	}
	return s
}

// reserve has the image keep its memory up to end to itself: instructions that compute where free memory starts, from the
// address behind the image (`_end`) and an offset that rounds up, are given the new address. Files are those with equal code.
func (s *sealing) reserve(files []*File, end uint64) error {
	debug := files[0]
	old, ok := s.code.byName["_end"]
	if !ok {
		return debug.errorf(nil, "has no symbol _end, so where its free memory starts is not known")
	}
	found := 0
	for _, r := range roles() {
		y, ok := s.code.byName[r.symbol]
		if !ok || r.kind != "area" {
			continue
		}
		was, now := uint32(old.Addr)+uint32(r.offset), uint32(end)+uint32(r.offset)
		var at []uint64
		s.code.function(y.Addr, func(in *x86.Inst) bool {
			b := debug.Bytes(in.PC)
			if n := int(in.Len); in.Flags&x86.FlagImm != 0 && uint32(in.Imm) == was && n >= 5 && len(b) >= n && le.Uint32(b[n-4:]) == was {
				at = append(at, in.PC+uint64(n)-4)
			}
			return true
		})
		found += len(at)
		for _, pc := range at {
			if s.replaces(pc) {
				return debug.errorf(nil, "computes where its free memory starts at %#x, in %s, where other code has to stand", pc, y.Name)
			}
			for _, f := range files {
				b := f.Bytes(pc)
				if len(b) < 4 || le.Uint32(b) != was {
					return f.errorf(nil, "differs from %s at %#x, in %s; the two are not of one build", debug.Path, pc, y.Name)
				}
			}
			for _, f := range files {
				le.PutUint32(f.Bytes(pc), now)
			}
		}
	}
	if found == 0 {
		return debug.errorf(nil, "computes where its free memory starts in a way that is not known, so nothing can be added behind it")
	}
	return nil
}
