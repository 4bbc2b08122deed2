// Package seal adds a seccomp filter to an ELF program: the sealed program installs it
// at its entry, with nothing but the kernel, and never goes on without.
//
// # Mechanism
//
// The file gets one more segment (PT_LOAD, R-X, no relocations): a stub, the filter, and
// metadata. e_entry points to the stub, which installs the filter and jumps to the old
// entry. Where the new program header finds room is told in room.go. The segment lies
// above all others in memory, so that PT_LOADs stay in ascending order as the kernel and
// the loaders want them, and the heap begins behind it.
//
// # From when it holds
//
// The kernel starts a static program at its entry: the filter holds for the whole life of
// the process. Of a dynamic program it starts the loader, which jumps to the entry when all is mapped and
// relocated. By then glibc's loader has run the libraries' constructors, and of the
// program DT_PREINIT_ARRAY and the resolvers of indirect functions; musl runs
// them from the program's start code, so after the entry. What the loader does later
// (dlopen, lazy binding) is filtered.
//
// # The stub
//
// It keeps all registers. It asks first whether this very filter is in force (a probe, see
// answering), as filters add up over exec and the kernel has no room for hundreds of
// them. Else it calls seccomp(2) with SECCOMP_FILTER_FLAG_TSYNC, for threads that
// constructors may have started; if that fails with EACCES it sets no_new_privs and calls
// again. Then it asks for the filter once more, as a filter in force may have answered in the kernel's
// place. Any other result, and it writes what the error is to file descriptor 2 and ends with
// ExitCode.
//
// Sealing restrains the program, not who starts it: whoever can run the sealed file can run
// the original, trace it, or answer the probe with a filter of their own.
//
// # The file
//
// All bytes of the ELF file stay where they are; the segment, and a copy of the section headers
// with one for the segment, follow them. Bytes that were appended to the ELF file (AppImage,
// PyInstaller) stay at the end, directly behind the section headers, as those formats find them
// from the end of the file or from the end of the headers. Their offset from the start changes, unless
// the caller asks for that: formats that know the offset (.NET) need it.
// Metadata has what was overwritten, so that Unseal gives back the original.
//
// Sources: Linux fs/binfmt_elf.c, kernel/seccomp.c; glibc elf/rtld.c, elf/dl-map-segments.h;
// musl ldso/dynlink.c; gABI chapter 5.
package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/policy"
)

// Seal returns the bytes of data, an ELF program, with the filter of a policy, which has
// what Children adds. What was appended to the ELF file stays at its end, or, if stay is set, at its
// offset. Of the metadata, Schema, Instructions and Original are filled in. Errors are *Error,
// *bpf.SizeError, or those of image.Parse.
func Seal(path string, data []byte, p *policy.Policy, m Meta, stay bool) ([]byte, error) {
	f, pl, err := prepare(path, data)
	if err != nil {
		return nil, err
	}
	if stay {
		f.end = uint64(len(data))
	}
	filter, probe, err := Filter(p)
	if err != nil {
		return nil, err
	}
	table := f.phoff
	grown := uint64(len(f.phdrs)) * phdrLen
	if pl.drop < 0 {
		grown += phdrLen
	}
	sum := sha256.Sum256(data)
	m.Schema, m.Instructions = Schema, len(filter)/8
	m.Original = Original{
		Size: uint64(len(data)), SHA256: hex.EncodeToString(sum[:]), End: f.end, Entry: f.Entry,
		Patches: []Patch{{0, data[:ehdrLen]}, {table, data[table : table+grown]}},
	}
	for _, a := range pl.words {
		m.Original.Patches = append(m.Original.Patches, Patch{a.off, data[a.off:][:8]})
	}

	w := &writer{f: f, plan: pl}
	high := uint64(0) // empty segments count: loaders want the addresses in order
	for i, p := range f.phdrs {
		if p.typ == ptLoad && !(pl.stale && i == pl.drop) {
			high = max(high, p.vaddr+p.memsz)
		}
	}
	w.addr, w.off = roundUp(high, page), roundUp(f.end, page)
	if err := w.segment(filter, probe, &m); err != nil {
		return nil, err
	}
	out := w.file()
	if err := f.verify(out); err != nil {
		return nil, err
	}
	return out, nil
}

// verify checks that a file is a sealed one, from which the original can be had, and that the loader reads of it what it did
// before: program headers may lie in what they describe.
func (f *file) verify(out []byte) error {
	s, err := Read(f.Path, out)
	if err == nil {
		_, err = s.Original()
	}
	var now *image.File
	if err == nil {
		now, err = image.Parse(f.Path, out)
	}
	if err == nil && !reflect.DeepEqual(loading(now), loading(f.File)) {
		err = errors.New("they overlap what the loader reads")
	}
	if err != nil {
		return f.errorf("its headers are such that no segment can be added: %v", err)
	}
	return nil
}

// loading is what a loader reads of a file.
func loading(f *image.File) []any {
	return []any{f.Interp, f.BuildID, f.ExecStack, f.TLS, f.HasDynamic, f.Needed, f.NumSymbols(), f.InitArray, f.Relro}
}

// Check returns the error that Seal would, but for those of the filter, and how many bytes were appended to
// the ELF file.
func Check(path string, data []byte) (appended int, err error) {
	f, _, err := prepare(path, data)
	if err != nil {
		return 0, err
	}
	return len(data) - int(f.end), nil
}

func prepare(path string, data []byte) (*file, *plan, error) {
	f, err := parse(path, data)
	if err != nil {
		return nil, nil, err
	}
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	pl, err := f.findRoom()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range pl.words {
		if a.off < f.phoff+uint64(len(f.phdrs)+1)*phdrLen {
			return nil, nil, f.errorf("its symbols or its dynamic section overlap its headers")
		}
	}
	return f, pl, nil
}

// check refuses what cannot be sealed.
func (f *file) check() error {
	entry := slices.IndexFunc(f.Segments, func(s image.Segment) bool { return s.X && f.Entry >= s.Addr && f.Entry < s.End() })
	outside := slices.IndexFunc(f.phdrs, func(p phdr) bool { return !f.inFile(&p) })
	switch {
	case outside >= 0:
		return f.errorf("program header %d is of bytes outside of the file", outside)
	case f.Soname != "" && f.Flags1&df1PIE == 0:
		return f.errorf("this is the shared library %s; seal the programs that use it", f.Soname)
	case entry < 0:
		return f.errorf("its entry %#x is in no executable segment", f.Entry)
	case f.phoff < ehdrLen:
		return f.errorf("its program headers overlap its ELF header")
	case f.sealed() != nil:
		return f.errorf("it is sealed already; unseal it first")
	case f.High >= 1<<47-1<<32:
		return f.errorf("no room for a segment above %#x", f.High)
	case f.High-f.Low > math.MaxInt32-1<<28:
		return f.errorf("its segments span %d bytes; the stub jumps at most 2 GiB far", f.High-f.Low)
	}
	return nil
}
