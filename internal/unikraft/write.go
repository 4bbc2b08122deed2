package unikraft

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/rules"
)

// free returns the first page behind all that the files have in memory.
func free(files []*File) (uint64, error) {
	base := uint64(0)
	for _, f := range files {
		base = max(base, (f.End()+4095)&^4095)
		if f.isKludge() {
			k, err := f.kludge()
			if err != nil {
				return 0, err
			}
			base = max(base, (k.bss+4095)&^4095)
		}
	}
	return base, nil
}

// write puts what was generated into the files, and what it replaces.
func (s *sealing) write(files []*File, in *gatecode.Input, out *gatecode.Output, parts []part, r *rules.Rules, frames func(uint32) []byte) (*Report, error) {
	debug := files[0]
	for i := range parts {
		s.rep.Added += uint64(len(parts[i].bytes))
	}
	if slices.ContainsFunc(files, (*File).isKludge) {
		last := &parts[len(parts)-1]
		if err := s.reserve(files, (last.addr+last.size()+4095)&^4095); err != nil {
			return nil, err
		}
	}
	var symbols []Symbol
	for _, y := range out.Symbols {
		symbols = append(symbols, Symbol{Name: y.Name, Addr: y.Addr, Size: y.Size, Type: sttFunc})
	}
	if out.DataMem > 0 {
		symbols = append(symbols, Symbol{Name: "gofind_tag", Addr: in.Data + gatecode.TagOffset, Size: 4, Type: sttObject})
	}
	if err := patch(files, in, out.Patches); err != nil {
		return nil, err
	}
	for i, f := range files {
		known, err := f.addRegions(parts, debug.section(".uk_bootinfo"))
		if err != nil {
			return nil, err
		}
		if i == len(files)-1 && !known && debug.section(".uk_bootinfo") != nil && len(files) > 1 {
			return nil, f.errorf(nil, "its .uk_bootinfo is empty; give the image that boots")
		}
		if err := f.add(parts, symbols, frames); err != nil {
			return nil, err
		}
	}
	s.rep.Rules = r
	return &s.rep, nil
}

// rules says what was done.
func (s *sealing) rules(in *gatecode.Input, out *gatecode.Output) *rules.Rules {
	r := &rules.Rules{Tool: s.opts.Tool, Deny: true, OnDeny: uint8(s.opts.OnDeny), Tag: in.Data + gatecode.TagOffset, First: uint64(s.first),
		Code: rules.Range{Addr: in.Code, Size: uint64(len(out.Code))}, Data: rules.Range{Addr: in.Data, Size: out.DataMem}, Gaps: s.gaps}
	for i := range s.plan.Compartments {
		c := &s.plan.Compartments[i]
		r.Compartments = append(r.Compartments, rules.Compartment{Name: c.Name, Default: c.Default, Transparent: c.Transparent, Allowed: c.Needs})
	}
	at := map[uint64]uint64{}
	for i, h := range in.Hooks {
		at[h.Prologue.Addr] = out.At[i]
	}
	if s.plan.Alone {
		s.aloneRules(r, in, at)
	}
	for _, e := range s.plan.Entries {
		h := s.hooks[e.Addr]
		re := rules.Entry{Func: e.Func, Addr: e.Addr, Number: uint16(e.Number), Errno: e.Errno,
			NoReturn: e.Inline || slices.Contains(mustNotReturn, e.Number)}
		if h != nil && h.Check {
			re.Hook, re.Denied = at[e.Addr], h.Denied
		}
		r.Entries = append(r.Entries, re)
	}
	kinds := map[gatecode.Special]rules.Kind{gatecode.Handler: rules.Handler, gatecode.Switch: rules.Switch, gatecode.ThreadAdd: rules.Start, gatecode.LongJump: rules.Jump, gatecode.SetProt: rules.Keep}
	for _, h := range in.Hooks {
		g := rules.Gate{Func: h.Name, Addr: h.Prologue.Addr, Code: at[h.Prologue.Addr], To: compartment.ID(h.Bit)}
		if h.Gate {
			r.Gates = append(r.Gates, g)
		}
		if h.Special != gatecode.Plain {
			g.Kind, g.To = kinds[h.Special], 0
			r.Gates = append(r.Gates, g)
		}
	}
	for i, x := range in.Sites {
		r.Gates = append(r.Gates, rules.Gate{Func: x.Name, Addr: x.At.Addr, Code: out.At[len(in.Hooks)+i], Kind: rules.Site})
	}
	slices.SortStableFunc(r.Gates, func(a, b rules.Gate) int { return cmp.Compare(a.Addr, b.Addr) })
	if s.opts.PKU {
		s.keyRules(r)
	}
	return r
}

// patch replaces bytes in all files, the first of which is the one with symbols. They must have the same code.
func patch(files []*File, in *gatecode.Input, patches []gatecode.Patch) error {
	for i, p := range patches {
		var name string
		var at *relocate.Prologue
		if k := i - len(in.Hooks); k < 0 {
			name, at = in.Hooks[i].Name, in.Hooks[i].Prologue
		} else {
			name, at = in.Sites[k].Name, in.Sites[k].At
		}
		n := max(len(p.Bytes), at.Size)
		want := files[0].Bytes(p.Addr)
		for _, f := range files {
			b := f.Bytes(p.Addr)
			if len(b) < n || len(want) < n || !bytes.Equal(b[:n], want[:n]) {
				return f.errorf(nil, "differs from %s at %#x, in %s; the two are not of one build", files[0].Path, p.Addr, name)
			}
		}
	}
	for _, f := range files {
		for _, p := range patches {
			copy(f.Bytes(p.Addr), p.Bytes)
		}
	}
	return nil
}

// Rules returns the rules that an image holds, at the start of a segment, or linked into one. The error is of package rules.
func (f *File) Rules() (*rules.Rules, error) {
	for i := range f.segments {
		if s := &f.segments[i]; s.typ == ptLoad && s.filesz >= uint64(len(rules.Magic)) {
			r, err := rules.Parse(f.elf[s.off:][:s.filesz])
			if !errors.Is(err, rules.ErrNone) {
				return r, err
			}
		}
	}
	err := error(rules.ErrNone)
	for i := range f.segments {
		s := &f.segments[i]
		if s.typ != ptLoad {
			continue
		}
		data := f.elf[s.off:][:s.filesz]
		for at := 0; ; at++ {
			n := bytes.Index(data[at:], []byte(rules.Magic))
			if n < 0 {
				break
			}
			if at += n; (s.vaddr+uint64(at))%rules.Align != 0 {
				continue
			}
			switch r, e := rules.Parse(data[at:]); {
			case e == nil && r.Linked:
				return r, nil
			case e != nil:
				err = e
			}
		}
	}
	return nil, err
}
