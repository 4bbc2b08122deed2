package unikraft

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/rules"
)

// Source is the input of the micro-library (runtime/unikraft): rules that are linked into an image, instead
// of being written into one. What is hooked is the same, and decided by the same code; how differs.
//
// A function that the compiler makes starts with a no-operation of five bytes (-pg -mfentry -mnop-mcount of GCC), in the place of which a
// call of its hook is written when the image starts. So no instruction is moved, and any such function can be hooked, whoever calls it and
// however. Hooks name functions by their symbols; one that is local to its library is made global under another
// name. A function in assembly is wrapped by the linker (--wrap), when its library is linked and when the image is: so references
// from all other source files are seen.
type Source struct {
	Rules     *rules.Rules
	Files     []SourceFile    // by name
	Libraries []SourceLibrary // by name; those with local functions that are hooked
	Wrap      []SourceWrap    // symbols that the linker wraps, by name
	Unneeded  int             // as in Report
}

// SourceFile is one file of the input.
type SourceFile struct {
	Name string
	Data []byte
}

// SourceLibrary is a library whose local functions are made visible. Its files are NAME.h, which each of its sources includes,
// NAME.syms, by which objcopy renames symbols, and NAME.exports, symbols that must stay global, all after "gofind_".
type SourceLibrary struct {
	Name    string
	Exposed []string // functions
}

// SourceWrap is a symbol that the linker wraps, and the library that defines it, "" if that is not known.
type SourceWrap struct{ Symbol, Library string }

// room is what functions that can be hooked start with: nopl 0(%rax,%rax,1).
var room = []byte{0x0f, 0x1f, 0x44, 0x00, 0x00}

// ErrNoRoom says that an image was built without the micro-library.
var ErrNoRoom = errors.New("none of its functions has room for a hook")

// Reasons why a function cannot be hooked when the image is linked.
var (
	errAssembly = errors.New("it has no room for a call, as it is in assembly or was compiled without -mfentry -mnop-mcount, and its symbol is local")
	errNear     = errors.New("it has no room for a call, and a function that may be of the same source file goes to it, which the linker does not see")
	errTwins    = errors.New("another function or object has its name, so that it cannot be made visible")
	errName     = errors.New("its symbol cannot be written in assembly")
	errNoLib    = errors.New("its symbol is local, and its library is not known")
)

// linking is what sealing from source knows of the image's symbols.
type linking struct {
	library func(addr uint64) string // "" if not known
	symbols map[string][]Symbol      // all, by name
	globals map[uint64][]string      // names of global symbols by address
	exposed map[string][]string      // local functions, by library
}

// FromSource makes the input of the micro-library from a plan and the image that was built with it, but without rules. library returns
// the name of the library that code at an address is of, "" if it is not known.
func FromSource(plan *compartment.Plan, debug *File, library func(addr uint64) string, opts Options) (*Source, error) {
	switch _, err := debug.Rules(); {
	case err == nil:
		return nil, debug.errorf(ErrSealed, "has rules; make them from the image as it is built without")
	case !errors.Is(err, rules.ErrNone):
		return nil, debug.errorf(ErrSealed, "has rules: %v; make them from the image as it is built without", err)
	}
	if err := debug.check(); err != nil {
		return nil, err
	}
	if err := fits(plan, debug); err != nil {
		return nil, err
	}
	s := &sealing{plan: plan, code: scan(debug), opts: opts, hooks: map[uint64]*gatecode.Hook{}}
	s.link = &linking{library: library, symbols: map[string][]Symbol{}, globals: map[uint64][]string{}, exposed: map[string][]string{}}
	for _, y := range debug.Symbols() {
		s.link.symbols[y.Name] = append(s.link.symbols[y.Name], y)
		if !y.Local && s.code.exec(y.Addr) && writable(y.Name) {
			s.link.globals[y.Addr] = append(s.link.globals[y.Addr], y.Name)
		}
	}
	if !slices.ContainsFunc(s.code.starts, func(y Symbol) bool { return s.hasRoom(y.Addr) }) {
		return nil, debug.errorf(ErrNoRoom, "was built without the micro-library: %v; add runtime/unikraft to the build, and set CONFIG_LIBGOFIND", ErrNoRoom)
	}
	for i := range plan.Compartments {
		if c := &plan.Compartments[i]; c.Default && !c.Transparent {
			s.first |= 1 << i
		}
	}
	s.complete()
	s.entries()
	s.gates()
	s.flow()
	for _, addr := range slices.Sorted(maps.Keys(s.hooks)) {
		if h := s.hooks[addr]; h.Special == gatecode.Switch && s.hasRoom(addr) {
			s.gap(s.enforced()&^s.first, addr, h.Name, errors.New("it is not followed: it switches contexts and is not in assembly"))
			h.Special = gatecode.Plain
		}
	}
	return s.source(), nil
}

// Unknown returns a gap for each entry of a system call that an image has and its linked rules do not know: it came after them.
// A file without symbols has none to compare.
func (f *File) Unknown(r *rules.Rules) []rules.Gap {
	s := &sealing{plan: &compartment.Plan{}, code: &code{starts: f.Symbols()}}
	for _, e := range r.Entries {
		s.plan.Entries = append(s.plan.Entries, compartment.Entry{Addr: e.Addr})
	}
	s.complete()
	var gaps []rules.Gap
	for _, e := range s.plan.Entries {
		if e.Func == "" {
			continue // the rules know it
		}
		g := rules.Gap{Func: e.Func, Addr: e.Addr, Reason: fmt.Sprintf("calls of %s are not checked: the rules are older than this entry; make them again", callName(e.Number))}
		for i := range r.Compartments {
			if c := &r.Compartments[i]; !c.Transparent && !c.Allowed.Has(e.Number) {
				g.Weakens |= 1 << i
			}
		}
		if g.Weakens != 0 {
			gaps = append(gaps, g)
		}
	}
	return gaps
}

// hasRoom reports whether a function starts with room for a call.
func (s *sealing) hasRoom(addr uint64) bool {
	return bytes.HasPrefix(s.code.f.Bytes(addr), room)
}

// linkable decides whether the function at addr can be hooked. Nothing of it is moved.
func (s *sealing) linkable(addr uint64, name string) (*relocate.Prologue, error) {
	p := &relocate.Prologue{Addr: addr}
	l := s.link
	switch {
	case !s.code.exec(addr):
		return nil, relocate.Outside
	case !writable(name):
		return nil, errName
	case !s.hasRoom(addr):
		if len(l.globals[addr]) == 0 {
			return nil, errAssembly
		}
		lib := l.library(addr)
		for _, y := range s.code.starts {
			if y.Addr != addr && !s.hasRoom(y.Addr) && l.library(y.Addr) == lib && s.code.goesTo(y.Addr, addr) && !s.leadsOn(y.Addr) {
				return nil, errNear
			}
		}
		return p, nil
	case len(l.globals[addr]) > 0:
		return p, nil
	}
	lib := l.library(addr)
	if lib == "" || lib == "rules" || strings.Contains(lib, ".") || !writable(strings.ReplaceAll(lib, "-", "_")) { // it is part of the names of files
		return nil, errNoLib
	}
	for _, y := range l.symbols[name] {
		if y.Addr != addr && (!y.Local || y.Type == sttObject || l.library(y.Addr) == lib || l.library(y.Addr) == "") {
			return nil, errTwins
		}
	}
	if !slices.Contains(l.exposed[lib], name) {
		l.exposed[lib] = append(l.exposed[lib], name)
	}
	return p, nil
}

// writable reports whether a name can stand in assembly, in a makefile and in a file for objcopy as it is.
func writable(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return name != ""
}

// leadsOn reports whether a function is a longjmp that is hooked itself, before it goes to another.
func (s *sealing) leadsOn(addr uint64) bool {
	return slices.ContainsFunc(roles(), func(r role) bool {
		y, ok := s.code.byName[r.symbol]
		return ok && r.kind == "jump" && y.Addr == addr
	})
}

// symbolOf is the name by which the linker knows a function: "" if it does not.
func (s *sealing) symbolOf(addr uint64, name string) string {
	if names := s.link.globals[addr]; len(names) > 0 {
		return slices.Min(names)
	}
	if lib := s.link.library(addr); slices.Contains(s.link.exposed[lib], name) {
		return exposedName(lib, name)
	}
	return ""
}

func exposedName(lib, name string) string { return "gofind." + lib + "." + name }

// source writes the input.
func (s *sealing) source() *Source {
	out := &Source{Unneeded: s.rep.Unneeded}
	r := &rules.Rules{Tool: s.opts.Tool, Linked: true, Deny: true, OnDeny: uint8(s.opts.OnDeny), First: uint64(s.first), Gaps: s.gaps}
	for i := range r.Gaps {
		r.Gaps[i].Addr = 0 // of the image that the rules were made from
	}
	var names []string
	for i := range s.plan.Compartments {
		c := &s.plan.Compartments[i]
		names = append(names, c.Name)
		r.Compartments = append(r.Compartments, rules.Compartment{Name: c.Name, Default: c.Default, Transparent: c.Transparent, Allowed: c.Needs})
	}
	var hooks []*gatecode.Hook
	for _, h := range s.hooks {
		if h.Check || h.Gate || h.Special != gatecode.Plain {
			hooks = append(hooks, h)
		}
	}
	slices.SortFunc(hooks, func(a, b *gatecode.Hook) int { return cmp.Compare(a.Prologue.Addr, b.Prologue.Addr) })
	w := &sourceText{s: s, first: s.first, names: names, errno: 1}
	if s.opts.OnDeny == gatecode.ENOSYS {
		w.errno = 38
	}
	label := map[uint64]string{} // of hooks
	for _, h := range hooks {
		label[h.Prologue.Addr] = w.hook(h)
	}
	// What addresses are of, in the order of rules.Addresses.
	of := map[rules.Part][]string{
		rules.TagPart: {"gofind_state"}, rules.CodePart: {"gofind_hooks"}, rules.CodeSizePart: {"gofind_hooks_end - gofind_hooks"},
		rules.DataPart: {"gofind_table"}, rules.DataSizePart: {"gofind_table_end - gofind_table"}, rules.GapPart: make([]string, len(r.Gaps)),
	}
	add := func(part rules.Part, symbol string) { of[part] = append(of[part], symbol) }
	function := func(addr uint64, name string) string {
		symbol := s.symbolOf(addr, name)
		if label[addr] != "" && !s.hasRoom(addr) {
			symbol = "__real_" + symbol // as it is wrapped
		}
		return symbol
	}
	for _, e := range s.plan.Entries {
		re := rules.Entry{Func: e.Func, Number: uint16(e.Number), Errno: e.Errno, NoReturn: e.Inline || slices.Contains(mustNotReturn, e.Number)}
		hook := ""
		if h := s.hooks[e.Addr]; h != nil && h.Check {
			hook, re.Denied = label[e.Addr], h.Denied
		}
		r.Entries = append(r.Entries, re)
		add(rules.EntryPart, function(e.Addr, e.Func))
		add(rules.HookPart, hook)
	}
	kinds := map[gatecode.Special]rules.Kind{gatecode.Handler: rules.Handler, gatecode.Switch: rules.Switch, gatecode.ThreadAdd: rules.Start, gatecode.LongJump: rules.Jump}
	for _, h := range hooks {
		gate := func(kind rules.Kind, to compartment.ID) {
			r.Gates = append(r.Gates, rules.Gate{Func: h.Name, Kind: kind, To: to})
			add(rules.GatePart, function(h.Prologue.Addr, h.Name))
			add(rules.GateCodePart, label[h.Prologue.Addr])
		}
		if h.Gate {
			gate(rules.Enter, compartment.ID(h.Bit))
		}
		if h.Special != gatecode.Plain {
			gate(kinds[h.Special], 0)
		}
	}
	out.Rules = r
	slices.SortFunc(w.wrap, func(a, b SourceWrap) int { return strings.Compare(a.Symbol, b.Symbol) })
	out.Wrap = slices.Compact(w.wrap)
	exports := ""
	for _, w := range out.Wrap {
		exports += "__wrap_" + w.Symbol + "\n"
	}
	out.Files = append(out.Files, SourceFile{"gofind_rules.S", w.finish(r, of)}, SourceFile{"gofind_rules.exports", []byte(exports)})
	for lib, exposed := range s.link.exposed {
		slices.Sort(exposed)
		out.Libraries = append(out.Libraries, SourceLibrary{lib, exposed})
	}
	slices.SortFunc(out.Libraries, func(a, b SourceLibrary) int { return strings.Compare(a.Name, b.Name) })
	for _, l := range out.Libraries {
		var h, syms, exports strings.Builder
		for _, f := range l.Exposed {
			fmt.Fprintf(&h, "__asm__(\".globl %s\");\n", f)
			fmt.Fprintf(&syms, "%s %s\n", f, exposedName(l.Name, f))
			fmt.Fprintf(&exports, "%s\n", exposedName(l.Name, f))
		}
		for _, f := range []struct {
			ext  string
			text *strings.Builder
		}{{"h", &h}, {"syms", &syms}, {"exports", &exports}} {
			out.Files = append(out.Files, SourceFile{"gofind_" + l.Name + "." + f.ext, []byte(f.text.String())})
		}
	}
	out.Files = append(out.Files, SourceFile{"gofind_rules.mk", out.makefile()})
	slices.SortFunc(out.Files, func(a, b SourceFile) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// makefile is what Makefile.uk includes.
func (o *Source) makefile() []byte {
	var b strings.Builder
	b.WriteString("# Written by gofind kraft rules.\nLIBGOFIND_EXPORTS-y += $(LIBGOFIND_RULES_DIR)/gofind_rules.exports\n")
	for _, l := range o.Libraries {
		v := makeName(l.Name)
		path := "$(LIBGOFIND_RULES_DIR)/gofind_" + l.Name
		fmt.Fprintf(&b, "%s_CFLAGS-y += -include %s.h\n%s_CXXFLAGS-y += -include %s.h\n", v, path, v, path)
		fmt.Fprintf(&b, "%s_OBJCFLAGS-y += --redefine-syms=%s.syms\n", v, path)
		// A library without a list exports all.
		fmt.Fprintf(&b, "%s_EXPORTS-y += $(if $(%s_EXPORTS),%s.exports)\n", v, v, path)
	}
	for _, w := range o.Wrap {
		if writable(makeName(w.Library)) {
			fmt.Fprintf(&b, "%s_LDFLAGS-y += -Wl,--wrap=%s\n", makeName(w.Library), w.Symbol)
		}
		fmt.Fprintf(&b, "LDFLAGS-y += -Wl,--wrap=%s\n", w.Symbol)
	}
	return []byte(b.String())
}

// makeName is what variables of a library begin with in make.
func makeName(library string) string { return strings.ToUpper(strings.ReplaceAll(library, "-", "_")) }
