package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/bpf"
	"github.com/gofind-dev/gofind/internal/image"
)

// A Sealed is what a sealed file says about itself.
type Sealed struct {
	Meta   Meta
	Filter []byte // struct sock_filter, 8 bytes each
	Probe  uint64
	Addr   uint64 // of the segment
	Size   uint64 // of the segment

	f *file
}

// segmentOf returns the segment of a sealed file, nil if it is not sealed.
func segmentOf(f *image.File) []byte {
	for i := range f.Segments {
		s := &f.Segments[i]
		if b := f.Bytes(s.Addr); f.Entry == s.Addr+headLen && len(b) >= headLen && string(b[:len(magic)]) == magic {
			return b[:s.FileSize]
		}
	}
	return nil
}

func (f *file) sealed() []byte { return segmentOf(f.File) }

// Read returns the seal of a file. It is an *Error if the file has none, if it is of
// another version, or if it is damaged.
func Read(file string, data []byte) (*Sealed, error) {
	f, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	b := f.sealed()
	if b == nil {
		return nil, &Error{file, ErrNotSealed.Error(), ErrNotSealed}
	}
	if v := le.Uint32(b[headVersion:]); v != Version {
		return nil, f.errorf("its seal is of version %d, and this gofind reads version %d; use the gofind that sealed it, or a later one", v, Version)
	}
	size := le.Uint64(b[headSize:])
	if size < headLen || size > uint64(len(b)) {
		return nil, f.errorf("its seal is damaged: %d bytes in a segment of %d", size, len(b))
	}
	b = b[:size]
	if sum := sha256.Sum256(b[headLen:]); !bytes.Equal(sum[:], b[headSum:headSum+len(sum)]) {
		return nil, f.errorf("its seal is damaged: the hash differs; seal the original again")
	}
	part := func(at, n uint32) []byte {
		if at < headLen || !inside(uint64(at), uint64(n), size) {
			return nil
		}
		return b[at:][:n]
	}
	count := le.Uint32(b[headCount:])
	if count > bpf.MaxInstructions {
		count = 0
	}
	filter := part(le.Uint32(b[headFilter:]), count*8)
	packed := part(le.Uint32(b[headMeta:]), le.Uint32(b[headMetaLen:]))
	if len(filter) == 0 || packed == nil {
		return nil, f.errorf("its seal is damaged: its header names bytes outside of it")
	}
	meta, err := decode(packed, int(le.Uint32(b[headMetaFull:])))
	if err != nil {
		return nil, f.errorf("its seal is damaged: metadata: %v", err)
	}
	return &Sealed{Meta: *meta, Filter: filter, Probe: le.Uint64(b[headProbe:]), Addr: f.Entry - headLen, Size: size, f: f}, nil
}

// Begins returns from when the filter holds: "exec", the first instruction of the process, or "entry",
// the program's entry, and then what runs before.
func (s *Sealed) Begins() (when, before string) {
	switch loader := s.f.Interp; {
	case loader == "":
		return "exec", ""
	case strings.HasPrefix(path.Base(loader), "ld-musl"):
		return "entry", "the loader, which maps and relocates the libraries (musl)"
	case strings.HasPrefix(path.Base(loader), "ld-linux"):
		before = "the loader, which maps and relocates the libraries and runs their constructors (glibc)"
		if own := s.f.early(); own != "" {
			before += ", and the program's own " + own
		}
		return "entry", before
	default:
		return "entry", "the loader " + loader
	}
}

// early says which code of a program glibc's loader calls before the entry, "" if none: DT_PREINIT_ARRAY
// (elf/dl-init.c: _dl_init), and functions that choose others (elf/dl-irel.h: elf_ifunc_invoke).
func (f *file) early() string {
	var own []string
	if a := f.PreinitArray; a.End > a.Start {
		own = append(own, "DT_PREINIT_ARRAY")
	}
	indirect := slices.ContainsFunc(f.Relocs, func(r image.Reloc) bool { return r.Type == image.RX8664IRelative })
	for i := 0; i < f.NumSymbols() && !indirect; i++ {
		s := f.Symbol(i)
		indirect = s.Type == image.STTGNUIFunc && s.Shndx != 0
	}
	if indirect {
		own = append(own, "resolvers of indirect functions (ifunc)")
	}
	return strings.Join(own, " and ")
}

// Original returns the bytes of the program as it was before it was sealed. It is an
// *Error if the sealed file was changed since, by strip for instance.
func (s *Sealed) Original() ([]byte, error) {
	o := &s.Meta.Original
	data := s.f.Data
	if o.End > o.Size || o.End > uint64(len(data)) || o.Size-o.End > uint64(len(data))-o.End {
		return nil, s.changed()
	}
	out := make([]byte, 0, o.Size)
	out = append(out, data[:o.End]...)
	for _, p := range o.Patches {
		if !inside(p.Offset, uint64(len(p.Bytes)), o.End) {
			return nil, s.changed()
		}
		copy(out[p.Offset:], p.Bytes)
	}
	out = append(out, data[uint64(len(data))-(o.Size-o.End):]...)
	if sum := sha256.Sum256(out); hex.EncodeToString(sum[:]) != o.SHA256 {
		return nil, s.changed()
	}
	return out, nil
}

// Plain returns the program without its filter, but not as it was before it was sealed: the seal is
// left in it, as data. It is for files that were changed since, and can be sealed.
func (s *Sealed) Plain() []byte {
	out := bytes.Clone(s.f.Data)
	le.PutUint64(out[ehEntry:], s.Meta.Original.Entry)
	// The stub is code of the program no more, for the analysis too.
	for i, p := range s.f.phdrs {
		if at := s.f.phoff + uint64(i)*phdrLen; p.typ == ptLoad && p.vaddr == s.Addr {
			le.PutUint32(out[at+4:], p.flags&^pfX)
		}
	}
	for i := range s.f.sections {
		if h := &s.f.sections[i]; s.f.ours(h) {
			at := le.Uint64(out[ehShoff:]) + uint64(i)*shdrLen
			le.PutUint64(out[at+8:], h.flags&^shfExec)
		}
	}
	return out
}

func (s *Sealed) changed() error {
	return s.f.errorf("it was changed after it was sealed (strip, objcopy, patchelf, another payload), so that the original cannot be given back; seal the program that it was made from")
}
