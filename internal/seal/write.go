package seal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
)

// writer puts a sealed file together.
type writer struct {
	f    *file
	plan *plan
	addr uint64   // of the segment
	off  uint64   // of the segment
	body []byte   // the segment: the seal, and what moved to it
	own  int      // bytes of the seal
	at   []uint64 // where in body each of plan.moved is
}

// segment makes the bytes of the segment.
func (w *writer) segment(filter []byte, probe uint64, m *Meta) error {
	code, jump := stub()
	b := slices.Clone(code)
	to := int64(w.f.Entry) - int64(w.addr) - int64(jump+4)
	if to != int64(int32(to)) {
		return w.f.errorf("its entry %#x is more than 2 GiB before the room for a segment", w.f.Entry)
	}
	le.PutUint32(b[jump:], uint32(to))

	put := func(at int, v int) { le.PutUint32(b[at:], uint32(v)) }
	put(headFilter, len(b))
	put(headCount, len(filter)/8)
	b = append(b, filter...)

	message := fmt.Sprintf("gofind: %s: cannot install its filter: error ", printable(cmp.Or(m.Named, m.Program)))
	put(headMessage, len(b)-int(le.Uint32(b[headData:])))
	put(headMsgLen, len(message))
	b = append(b, message...)

	meta, full, err := m.encode()
	if err != nil {
		return w.f.errorf("metadata: %v", err)
	}
	put(headMeta, len(b))
	put(headMetaLen, len(meta))
	put(headMetaFull, full)
	b = append(b, meta...)

	w.own = len(b)
	for _, m := range w.plan.moved {
		for uint64(len(b))%m.align != m.vaddr%m.align {
			b = append(b, 0)
		}
		w.at = append(w.at, uint64(len(b)))
		b = append(b, w.f.Data[m.off:m.off+m.size]...)
	}
	if uint64(len(b)) > 1<<28 {
		return w.f.errorf("a segment of %d bytes", len(b))
	}
	copy(b, magic)
	le.PutUint32(b[headVersion:], Version)
	le.PutUint64(b[headSize:], uint64(w.own))
	le.PutUint64(b[headProbe:], probe)
	sum := sha256.Sum256(b[headLen:w.own])
	copy(b[headSum:], sum[:])
	w.body = b
	return nil
}

// printable returns a path for a message on a terminal.
func printable(path string) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, []byte(path)))
}

// phdrs makes the new table: the header of the segment comes after the last PT_LOAD.
func (w *writer) phdrs() []byte {
	f := w.f
	grow := uint64(0)
	if w.plan.drop < 0 {
		grow = phdrLen
	}
	end := f.phoff + uint64(len(f.phdrs))*phdrLen + grow
	last := 0
	for i, p := range f.phdrs {
		if p.typ == ptLoad {
			last = i
		}
	}
	var b []byte
	for i, p := range f.phdrs {
		if i != w.plan.drop {
			switch k := w.movedWith(&p); {
			case p.typ == ptPhdr && p.off == f.phoff:
				p.size += grow
				p.memsz += grow
			case p.typ == ptLoad && w.plan.extend && p.off <= f.phoff && p.end() >= end-phdrLen:
				p.size, p.memsz = end-p.off, end-p.off
			case k >= 0:
				p.paddr += w.addr + w.at[k] - p.vaddr
				p.off, p.vaddr = w.off+w.at[k], w.addr+w.at[k]
			}
			b = p.append(b)
		}
		if i == last {
			n := uint64(len(w.body))
			b = (&phdr{ptLoad, pfR | pfX, w.off, w.addr, w.addr, n, n, page}).append(b)
		}
	}
	return b
}

// movedWith returns which of what moved a program header is for, -1 if none.
func (w *writer) movedWith(p *phdr) int {
	return slices.IndexFunc(w.plan.moved, func(m moved) bool {
		return (p.typ == ptInterp || p.typ == ptNote) && p.off == m.off && p.size == m.size && p.vaddr == m.vaddr
	})
}

// file makes the sealed file.
func (w *writer) file() []byte {
	f := w.f
	out := make([]byte, 0, w.off+uint64(len(w.body))+f.end/32+uint64(len(f.Data))-f.end+2*page)
	out = append(out, f.Data[:f.end]...)
	table := w.phdrs()
	copy(out[f.phoff:], table)
	le.PutUint64(out[ehEntry:], w.addr+headLen)
	le.PutUint16(out[ehPhnum:], uint16(len(table)/phdrLen))
	for _, a := range w.plan.words {
		le.PutUint64(out[a.off:], le.Uint64(f.Data[a.off:])-w.plan.moved[a.moved].vaddr+w.addr+w.at[a.moved])
	}
	out = append(out, make([]byte, w.off-f.end)...)
	out = append(out, w.body...)
	if f.sections != nil {
		out = w.sections(out)
	}
	return append(out, f.Data[f.end:]...)
}

// sections appends the section headers and their names, with those for the segment.
func (w *writer) sections(out []byte) []byte {
	f := w.f
	names := uint64(len(out))
	out = append(out, f.names...)
	if f.names[len(f.names)-1] != 0 {
		out = append(out, 0)
	}
	code := uint64(le.Uint32(w.body[headData:]))
	add := []shdr{
		{flags: shfAlloc | shfExec, addr: w.addr, off: w.off, size: code},
		{flags: shfAlloc, addr: w.addr + code, off: w.off + code, size: uint64(w.own) - code},
	}
	for i, name := range []string{codeSection, dataSection} {
		add[i].name, add[i].typ, add[i].align = uint32(uint64(len(out))-names), shtProgbits, 16
		out = append(append(out, name...), 0)
	}
	headers := slices.Clone(f.sections)
	for i := range headers { // in place of an older seal's
		if f.ours(&headers[i]) && w.plan.stale && len(add) > 0 {
			headers[i], add = add[0], add[1:]
		}
	}
	headers = append(headers, add...)
	end := uint64(len(out))

	// What was appended to the file stays at its place within a page.
	out = append(out, make([]byte, roundUp(end, 8)-end)...)
	n := len(headers)
	if uint64(len(f.Data)) > f.end && f.end%8 == 0 {
		out = append(out, make([]byte, (f.end-uint64(len(out)+n*shdrLen))%page)...)
	}
	le.PutUint64(out[ehShoff:], uint64(len(out)))
	le.PutUint16(out[ehShnum:], uint16(n))
	for i, s := range headers {
		if i < len(f.sections) && uint64(f.sections[i].name) >= uint64(len(f.names)) {
			s.name = 0 // it had none, and must not get one of ours
		}
		if i == f.strndx {
			s.off, s.size = names, end-names
		} else if k := slices.IndexFunc(w.plan.moved, func(m moved) bool { return m.has(&s) }); k >= 0 && i < len(f.sections) {
			s.off += w.off + w.at[k] - w.plan.moved[k].off
			s.addr += w.addr + w.at[k] - w.plan.moved[k].vaddr
		}
		out = s.append(out)
	}
	return out
}
