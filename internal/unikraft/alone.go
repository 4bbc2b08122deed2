package unikraft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/x86"
)

var (
	errServer = errors.New("it calls what other images ask for, and reads the address from the memory that they share in the call itself, so that it cannot be compared before")
	errNone   = errors.New("no code is known that calls what other images ask for, so that they may have any function called")
)

// alone seals an image that is one compartment by itself: a call that it does not need is refused whoever makes it, and of its
// functions other images may have those called that the plan exports.
func (s *sealing) alone(debug *File, files []*File) (*Report, error) {
	if len(s.plan.Compartments) != 1 || s.opts.PKU {
		return nil, debug.errorf(nil, "is one compartment by itself, so its plan has one, and memory keys separate none")
	}
	s.first = 1
	s.complete()
	s.entries()
	exports := s.exports()
	s.servers()
	in, err := s.input(debug)
	if err != nil {
		return nil, err
	}
	in.Alone, in.Exports = true, exports
	if in.Code, err = free(files); err != nil {
		return nil, err
	}
	in.Data = in.Code
	out, err := gatecode.Generate(in)
	if err != nil {
		return nil, debug.errorf(err, "cannot be sealed: %v", err)
	}
	r := s.rules(in, out)
	r.Alone, r.Tag, r.First = true, 0, 0
	parts := []part{
		{name: ".gofind_text", flags: flagR | flagX, addr: in.Code, bytes: out.Code},
		{name: ".gofind_rules", flags: flagR, addr: (in.Code + uint64(len(out.Code)) + 4095) &^ 4095},
	}
	if s.opts.Protect {
		p, err := s.protect(files, parts, len(rules.Encode(r)))
		if err != nil {
			return nil, err
		}
		r.Protected = true
		parts = append(parts, p...)
	}
	parts[1].bytes = rules.Encode(r)
	return s.write(files, in, out, parts, r, func(uint32) []byte { return nil })
}

// exports returns the addresses of what other images may have called.
func (s *sealing) exports() []uint64 {
	var out []uint64
	for _, e := range s.plan.Exports {
		out = append(out, e.Addr)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// servers hooks what calls functions for other images.
func (s *sealing) servers() {
	for _, v := range s.plan.Servers {
		var in x86.Inst
		b := s.code.f.Bytes(v.Addr)
		if !s.code.exec(v.Addr) || !x86.Decode(b[:min(len(b), 16)], v.Addr, &in) || in.Op != x86.OpCallInd {
			s.gap(1, v.Addr, v.Func, errors.New("no call that other images ask for is there"))
			continue
		}
		if v.Reg == compartment.NoReg || in.Flags&x86.FlagMem != 0 || uint8(in.Src) != v.Reg {
			s.gap(1, v.Addr, v.Func, errServer)
			continue
		}
		h, err := s.hook(v.Addr, v.Size, v.Func)
		if err != nil {
			s.gap(1, v.Addr, v.Func, fmt.Errorf("what other images have it call is not checked: %w", err))
			continue
		}
		h.Server, h.Reg = true, v.Reg
	}
	if len(s.plan.Servers) == 0 {
		s.gap(1, 0, "", errNone)
	}
}

// aloneRules adds to the rules what other images may have called, and where that is checked.
func (s *sealing) aloneRules(r *rules.Rules, in *gatecode.Input, at map[uint64]uint64) {
	for _, e := range s.plan.Exports {
		r.Gates = append(r.Gates, rules.Gate{Func: e.Func, Addr: e.Addr, Kind: rules.Export})
	}
	for _, h := range in.Hooks {
		if h.Server {
			r.Gates = append(r.Gates, rules.Gate{Func: h.Name, Addr: h.Prologue.Addr, Code: at[h.Prologue.Addr], Kind: rules.Server})
		}
	}
}
