package unikraft

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of the headers (System V gABI, chapters 4 and 5).
const (
	ehdr32, phdr32, shdr32 = 52, 32, 40
	ehdr64, phdr64, shdr64 = 64, 56, 64

	multibootMagic = 0x1badb002
	multibootFlags = 3  // modules on pages, memory map (Multiboot 0.6.96, section 3.1.2)
	multibootSize  = 12 // magic, flags, checksum
)

var le = binary.LittleEndian

// wrap returns the file that boot loaders for 32-bit systems load: an ELF32 header
// with a multiboot header and program headers in front of the ELF64 file, and
// section headers behind it. All of them describe the parts of the ELF64 file
// where they lie now.
func wrap(elf64 []byte) ([]byte, error) {
	phoff, phnum, shoff, shnum, err := tables64(elf64)
	if err != nil {
		return nil, err
	}
	front := uint64(ehdr32 + multibootSize + phdr32*phnum)
	total := front + uint64(len(elf64)) + uint64(shdr32*shnum)
	if total > 1<<32-1 {
		return nil, errors.New("it is too large for 32-bit headers")
	}
	out := make([]byte, total)
	copy(out[front:], elf64)

	copy(out, "\x7fELF\x01\x01\x01")
	copy(out[16:18], elf64[16:18]) // e_type
	le.PutUint16(out[18:], 3)      // EM_386
	copy(out[20:24], elf64[20:24]) // e_version
	copy(out[24:28], elf64[24:28]) // e_entry
	le.PutUint32(out[28:], ehdr32+multibootSize)
	le.PutUint32(out[32:], uint32(front)+uint32(len(elf64)))
	copy(out[36:40], elf64[48:52]) // e_flags
	le.PutUint16(out[40:], ehdr32)
	le.PutUint16(out[42:], phdr32)
	le.PutUint16(out[44:], uint16(phnum))
	le.PutUint16(out[46:], shdr32)
	le.PutUint16(out[48:], uint16(shnum))
	copy(out[50:52], elf64[62:64]) // e_shstrndx

	sum := uint32(multibootMagic + multibootFlags)
	le.PutUint32(out[ehdr32:], multibootMagic)
	le.PutUint32(out[ehdr32+4:], multibootFlags)
	le.PutUint32(out[ehdr32+8:], -sum)

	for i := range phnum {
		p, q := elf64[phoff+uint64(i)*phdr64:], out[ehdr32+multibootSize+phdr32*i:]
		le.PutUint32(q, le.Uint32(p)) // p_type
		le.PutUint32(q[4:], uint32(le.Uint64(p[8:])+front))
		for j, at := range []int{16, 24, 32, 40} { // p_vaddr, p_paddr, p_filesz, p_memsz
			v := le.Uint64(p[at:])
			if v > 1<<32-1 {
				return nil, fmt.Errorf("program header %d: %#x does not fit 32-bit headers", i, v)
			}
			le.PutUint32(q[8+4*j:], uint32(v))
		}
		le.PutUint32(q[24:], le.Uint32(p[4:]))          // p_flags
		le.PutUint32(q[28:], uint32(le.Uint64(p[48:]))) // p_align
	}
	for i := range shnum {
		s, q := elf64[shoff+uint64(i)*shdr64:], out[front+uint64(len(elf64))+uint64(shdr32*i):]
		copy(q[:8], s[:8])                                    // sh_name, sh_type
		le.PutUint32(q[8:], uint32(le.Uint64(s[8:])))         // sh_flags
		le.PutUint32(q[12:], uint32(le.Uint64(s[16:])))       // sh_addr
		le.PutUint32(q[16:], uint32(le.Uint64(s[24:])+front)) // sh_offset
		le.PutUint32(q[20:], uint32(le.Uint64(s[32:])))       // sh_size
		copy(q[24:32], s[40:48])                              // sh_link, sh_info
		le.PutUint32(q[32:], uint32(le.Uint64(s[48:])))       // sh_addralign
		le.PutUint32(q[36:], uint32(le.Uint64(s[56:])))       // sh_entsize
	}
	return out, nil
}

// wrappedSize returns the size of a file that wrap has made, by its headers, 0 for one that it has not made.
func wrappedSize(data []byte) uint64 {
	if !isWrapped(data) {
		return 0
	}
	return uint64(le.Uint32(data[32:])) + shdr32*uint64(le.Uint16(data[48:]))
}

// isWrapped reports whether a file starts as one that wrap has made.
func isWrapped(data []byte) bool {
	return len(data) >= ehdr32+multibootSize && string(data[:6]) == "\x7fELF\x01\x01" && le.Uint16(data[18:]) == 3 &&
		le.Uint32(data[ehdr32:]) == multibootMagic && le.Uint32(data[28:]) == ehdr32+multibootSize
}

// unwrap returns the ELF64 file in a file that wrap has made, and whether it was one.
// The 64-bit file starts behind the 32-bit program headers and ends where the
// 32-bit section headers start.
func unwrap(data []byte) ([]byte, bool) {
	if !isWrapped(data) {
		return nil, false
	}
	start := uint64(ehdr32) + multibootSize + phdr32*uint64(le.Uint16(data[44:]))
	end := uint64(le.Uint32(data[32:]))
	if le.Uint16(data[48:]) == 0 {
		end = uint64(len(data))
	}
	if start > end || end > uint64(len(data)) {
		return nil, false
	}
	return data[start:end:end], true
}

// tables64 returns where the tables of an ELF64 file are, which lie within it.
func tables64(f []byte) (phoff uint64, phnum int, shoff uint64, shnum int, err error) {
	if len(f) < ehdr64 || string(f[:6]) != "\x7fELF\x02\x01" {
		return 0, 0, 0, 0, errors.New("it has no 64-bit ELF header")
	}
	phoff, shoff = le.Uint64(f[32:]), le.Uint64(f[40:])
	phnum, shnum = int(le.Uint16(f[56:])), int(le.Uint16(f[60:]))
	size := uint64(len(f))
	switch {
	case phnum > 0 && le.Uint16(f[54:]) != phdr64 || phoff > size || size-phoff < uint64(phnum*phdr64):
		err = errors.New("its program headers do not lie in the file")
	case shnum > 0 && (le.Uint16(f[58:]) != shdr64 || shoff > size || size-shoff < uint64(shnum*shdr64)):
		err = errors.New("its section headers do not lie in the file")
	}
	return
}
