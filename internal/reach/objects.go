package reach

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
)

// R_X86_64_* of the psABI, table 4.9.
const (
	r64       = 1
	rPC32     = 2
	rCopy     = 5
	rGlobDat  = 6
	rJumpSlot = 7
	rRelative = 8
	r32       = 10
	r32S      = 11
	rIRel     = 37
	rRel64    = 38
)

// STT_* of the gABI.
const (
	sttNoType = 0
	sttObject = 1
	sttFunc   = 2
	sttTLS    = 6
	sttIFunc  = 10
)

// member is one image with the state of its data.
type member struct {
	*process.Image
	id       int
	relocs   []image.Reloc // with the words of position-dependent files that hold addresses
	starts   []uint64      // of objects, sorted; the last one is the end of the image
	live     []bool        // per object
	got      []image.Range
	slots    map[uint64]bool   // 8-byte words that live code reads
	held     map[uint64][]held // stores to words that nothing reads yet
	heldIn   map[int][]uint64  // object -> words with held stores
	words    map[uint64]bool   // addresses looked at as text or as offset tables
	symbolic bool              // looks symbols up by name: strings that live code refers to may be names
}

// held is a store that waits for its slot to be read.
type held struct {
	addr uint64
	off  int32
	from cause
}

// newMember partitions the data of an image into objects. Boundaries are only
// where they are proven: sections (segments when there are none) and the
// extents of data symbols. Symbols that overlap are one object.
func newMember(img *process.Image) *member {
	m := &member{Image: img, id: img.ID,
		slots: map[uint64]bool{}, held: map[uint64][]held{}, heldIn: map[int][]uint64{}, words: map[uint64]bool{}}
	m.relocs = img.Relocs
	if img.Type == 2 {
		m.addWords()
	}
	var b []uint64
	for _, s := range img.Sections {
		b = append(b, s.Start, s.End)
		if strings.HasPrefix(s.Name, ".got") {
			m.got = append(m.got, image.Range{Start: s.Start, End: s.End})
		}
	}
	for _, s := range img.Segments {
		b = append(b, s.Addr, s.Addr+s.MemSize)
	}
	if img.Relro.End > img.Relro.Start {
		b = append(b, img.Relro.Start, img.Relro.End)
	}
	end := uint64(0)
	syms := img.DataSymbols()
	for i := 0; i < len(syms); {
		s, e := syms[i].Start, syms[i].End
		for i++; i < len(syms) && syms[i].Start < e; i++ {
			e = max(e, syms[i].End)
		}
		if s < end {
			continue
		}
		end = e
		b = append(b, s, e)
	}
	slices.Sort(b)
	m.starts = slices.Compact(b)
	m.live = make([]bool, len(m.starts)+1)
	return m
}

// addWords adds the words of a position-dependent file that hold addresses of
// the file as if they had relocations: 8-byte words at 8-byte boundaries, and
// 4-byte ones that hold the start of a function. Words in code are looked at
// only if no section says what is code.
func (m *member) addWords() {
	known := make(map[uint64]bool, len(m.relocs))
	for _, r := range m.relocs {
		known[r.Addr] = true
	}
	out := slices.Clone(m.relocs)
	scan := func(start, end uint64) {
		b := m.Bytes(start)
		if uint64(len(b)) > end-start {
			b = b[:end-start]
		}
		off := -start & 3
		for ; off+4 <= uint64(len(b)); off += 4 {
			a := start + off
			v := uint64(binary.LittleEndian.Uint32(b[off:]))
			if v < m.Low || v >= m.High {
				continue
			}
			if a&7 == 0 && off+8 <= uint64(len(b)) && binary.LittleEndian.Uint32(b[off+4:]) == 0 {
				if !known[a] {
					out = append(out, image.Reloc{Addr: a, Addend: v, Type: rRelative})
				}
			} else if m.Exec(v) && m.isStart(v) && !known[a] {
				out = append(out, image.Reloc{Addr: a, Addend: v, Type: r32})
			}
		}
	}
	if len(m.Sections) > 0 {
		for _, s := range m.Sections {
			if s.X || s.NoBits || strings.HasPrefix(s.Name, ".eh_frame") || s.Name == ".gopclntab" || s.Name == ".gcc_except_table" || s.Type == 7 {
				continue
			}
			scan(s.Start, s.End)
		}
	} else {
		for _, s := range m.Segments {
			scan(s.Addr, s.Addr+s.FileSize)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Addr < out[j].Addr })
	m.relocs = out
}

// isStart reports whether a is a proven function start, or lies in code that
// has neither unwind information nor symbols to prove any.
func (m *member) isStart(a uint64) bool {
	if _, ok := slices.BinarySearch(m.FuncStarts(), a); ok {
		return true
	}
	return m.FDEAt(a) == nil
}

// object returns the object that a lies in, -1 if none.
func (m *member) object(a uint64) int {
	return sort.Search(len(m.starts), func(i int) bool { return m.starts[i] > a }) - 1
}

// relocsIn returns the relocations of [start, end).
func (m *member) relocsIn(start, end uint64) []image.Reloc {
	i := sort.Search(len(m.relocs), func(i int) bool { return m.relocs[i].Addr+7 >= start })
	for i < len(m.relocs) && m.relocs[i].Addr+relocSize(m.relocs[i].Type) <= start {
		i++
	}
	j := i
	for j < len(m.relocs) && m.relocs[j].Addr < end {
		j++
	}
	return m.relocs[i:j]
}

func relocSize(t uint32) uint64 {
	switch t {
	case rPC32, r32, r32S:
		return 4
	}
	return 8
}

func (m *member) inGOT(a uint64) bool {
	for _, g := range m.got {
		if a >= g.Start && a < g.End {
			return true
		}
	}
	return false
}
