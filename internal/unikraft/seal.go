package unikraft

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofind-dev/gofind/internal/compartment"
	"github.com/gofind-dev/gofind/internal/gatecode"
	"github.com/gofind-dev/gofind/internal/pku"
	"github.com/gofind-dev/gofind/internal/relocate"
	"github.com/gofind-dev/gofind/internal/rules"
	"github.com/gofind-dev/gofind/internal/sysno"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Options are choices in sealing.
type Options struct {
	OnDeny  gatecode.Denial
	Protect bool   // write-protect text and rules
	PKU     bool   // PKRU tells compartments apart, as FlexOS's intel-pku has it, and keys protect the tag
	Tool    string // version, for the rules
}

// Report is what sealing did.
type Report struct {
	Rules     *rules.Rules
	Unneeded  int      // gates into the first compartment, and of functions that call nothing
	Added     uint64   // bytes of code, data and rules in the file
	Protected []string // what --protect-rules could not protect, or what remains
}

// mustNotReturn are calls after which callers expect not to be.
var mustNotReturn = []int{60, 231} // exit, exit_group

// Seal writes the plan's rules into the image: into the file with symbols and into final, the one that boots, if it is not nil.
// Both are changed. An error means that neither may be used.
func Seal(plan *compartment.Plan, debug, final *File, opts Options) (*Report, error) {
	files := []*File{debug}
	if final != nil {
		files = append(files, final)
	}
	for _, f := range slices.Backward(files) { // the one that the user named first
		switch _, err := f.Rules(); {
		case err == nil:
			return nil, f.errorf(ErrSealed, "is already sealed; seal the image as it was built")
		case !errors.Is(err, rules.ErrNone):
			return nil, f.errorf(ErrSealed, "is already sealed: %v; seal the image as it was built", err)
		}
	}
	if err := debug.check(); err != nil {
		return nil, err
	}
	if err := fits(plan, debug); err != nil {
		return nil, err
	}
	code := scan(debug)
	for _, r := range roles() {
		if y, ok := code.byName[r.symbol]; ok && r.kind == "setkey" && !opts.PKU {
			return nil, debug.errorf(nil, "has compartments that memory keys separate (%s), which could not write a tag without keys of its own; leave out --no-pku, and give --pku if no kraft.yaml says so", y.Name)
		}
	}
	s := &sealing{plan: plan, code: code, opts: opts, hooks: map[uint64]*gatecode.Hook{}}
	first := 0
	for i := range plan.Compartments {
		if plan.Compartments[i].Default && !plan.Compartments[i].Transparent {
			first++
		}
	}
	if opts.PKU && first != 1 {
		return nil, debug.errorf(nil, "%d of its compartments are default, and with memory keys it starts in one", first)
	}
	if opts.PKU && len(plan.Compartments) > pku.Tag {
		return nil, debug.errorf(nil, "there are %d compartments, and memory keys can tell %d apart", len(plan.Compartments), pku.Tag)
	}
	if plan.Alone {
		return s.alone(debug, files)
	}
	return s.seal(debug, files)
}

// fits reports whether rules can have as many compartments as a plan.
func fits(plan *compartment.Plan, debug *File) error {
	if n := len(plan.Compartments); n > compartment.MaxCompartments {
		return debug.errorf(nil, "there are %d compartments, and an image can have %d", n, compartment.MaxCompartments)
	}
	return nil
}

// sealing is the work on one image.
type sealing struct {
	plan  *compartment.Plan
	code  *code
	opts  Options
	first uint32 // mask of the compartment in which the image starts
	hooks map[uint64]*gatecode.Hook
	gaps  []rules.Gap
	rep   Report

	link *linking // nil, or hooks are linked

	// With keys:
	entryAt map[uint64]int // entries by address
	sites   []gatecode.Site
	wipes   []uint64
	offset  uint64 // gatecode.Keys.Offset
}

func (s *sealing) gap(weakens uint32, addr uint64, name string, reason error) {
	s.gaps = append(s.gaps, rules.Gap{Func: name, Addr: addr, Reason: reason.Error(), Weakens: weakens})
}

// enforced is the mask of the compartments whose rules are enforced.
func (s *sealing) enforced() uint32 {
	var m uint32
	for i := range s.plan.Compartments {
		if !s.plan.Compartments[i].Transparent {
			m |= 1 << i
		}
	}
	return m
}

// denied is the mask of the compartments that must not make call n.
func (s *sealing) denied(n int) uint32 {
	m := s.enforced()
	for i := range s.plan.Compartments {
		if s.plan.Compartments[i].Needs.Has(n) {
			m &^= 1 << i
		}
	}
	return m
}

// hook returns the hook of the function at addr, a new one if there is none, or the reason why there cannot be one.
func (s *sealing) hook(addr, size uint64, name string) (*gatecode.Hook, error) {
	if h := s.hooks[addr]; h != nil {
		return h, nil
	}
	cut := func() (*relocate.Prologue, error) { return s.code.cut(addr, size) }
	if s.link != nil {
		cut = func() (*relocate.Prologue, error) { return s.linkable(addr, name) }
	}
	p, err := cut()
	if err != nil {
		return nil, err
	}
	h := &gatecode.Hook{Name: name, Prologue: p}
	s.hooks[addr] = h
	return h, nil
}

func (s *sealing) seal(debug *File, files []*File) (*Report, error) {
	for i := range s.plan.Compartments {
		if c := &s.plan.Compartments[i]; c.Default && !c.Transparent {
			s.first |= 1 << i
		}
	}
	s.complete()
	s.entries()
	if s.opts.PKU {
		s.keyEntries()
	}
	s.gates()
	s.flow()
	if s.opts.PKU {
		if err := s.keySites(debug); err != nil {
			return nil, err
		}
	}
	in, err := s.input(debug)
	if err != nil {
		return nil, err
	}
	base, err := free(files)
	if err != nil {
		return nil, err
	}
	in.Data = base
	if s.opts.PKU {
		in.Keys = s.keys()
		in.Keys.Alias = base // for sizes, which do not depend on addresses
		s.keyPages(in.Keys, in, 0, 0, 0)
	}
	in.Code = base
	out, err := gatecode.Generate(in)
	if err != nil {
		return nil, debug.errorf(err, "cannot be sealed: %v", err)
	}
	r := s.rules(in, out)
	r.Protected = s.opts.Protect
	memory := out.DataMem
	if s.opts.PKU {
		in.Keys.Alias = (base + memory + 4095) &^ 4095
		in.Keys.Pass = in.Keys.Alias + 4096
		in.Keys.Descriptors = in.Keys.Pass + 4096*uint64(len(s.plan.Compartments))
		memory = in.Keys.Descriptors + 2*4096 - base
	}
	in.Code = (base + memory + 4095) &^ 4095
	rulesAt := (in.Code + uint64(len(out.Code)) + 4095) &^ 4095
	if s.opts.PKU {
		s.keyPages(in.Keys, in, len(out.Code), rulesAt, len(rules.Encode(r)))
	}
	if out, err = gatecode.Generate(in); err != nil {
		return nil, debug.errorf(err, "cannot be sealed: %v", err)
	}
	reserved := len(rules.Encode(r)) // in the tables of pages
	if s.opts.PKU {
		s.own(in, out)
	}
	r = s.rules(in, out)
	r.Protected = s.opts.Protect
	if n := len(rules.Encode(r)); s.opts.PKU && (n+4095)/4096 != (reserved+4095)/4096 {
		return nil, debug.errorf(nil, "cannot be sealed: the rules have %d bytes, and not %d", n, reserved)
	}
	parts := []part{
		{name: ".gofind_data", flags: flagR | flagW, addr: in.Data, bytes: out.Data, memory: memory},
		{name: ".gofind_text", flags: flagR | flagX, addr: in.Code, bytes: out.Code},
		{name: ".gofind_rules", flags: flagR, addr: rulesAt},
	}
	switch {
	case s.opts.PKU:
		// Until keys are turned on, the second mapping of the data is memory of its own.
		parts[0].bytes = append(append(slices.Clone(out.Data), make([]byte, int(in.Keys.Alias-base)-len(out.Data))...), out.Data...)
		s.keyNotes()
	case s.opts.Protect:
		p, err := s.protect(files, parts, len(rules.Encode(r)))
		if err != nil {
			return nil, err
		}
		parts = append(parts, p...)
	}
	parts[2].bytes = rules.Encode(r)
	return s.write(files, in, out, parts, r, out.Frames)
}

// entries hooks the entries of calls that are denied to someone. A function that makes
// several calls is one whose callers are not told apart: it is denied to those to whom all of them are. One that has
// bodies inlined makes all of them: it is denied to those to whom one is, and as it has no result that says so, ends the image.
func (s *sealing) entries() {
	all, some := map[uint64]uint32{}, map[uint64]uint32{}
	inline := map[uint64]bool{}
	for _, e := range s.plan.Entries {
		d := s.denied(e.Number)
		inline[e.Addr] = inline[e.Addr] || e.Inline
		if _, ok := all[e.Addr]; !ok {
			all[e.Addr] = ^uint32(0)
		}
		all[e.Addr] &= d
		some[e.Addr] |= d
	}
	for _, e := range s.plan.Entries {
		denied := all[e.Addr]
		if inline[e.Addr] {
			denied = some[e.Addr]
		}
		if rest := some[e.Addr] &^ denied & s.denied(e.Number); rest != 0 {
			s.gap(rest, e.Addr, e.Func, fmt.Errorf("calls of %s are not told from others that it makes", callName(e.Number)))
		}
		if denied == 0 {
			continue
		}
		if cold(e.Func) {
			s.gap(denied, e.Addr, e.Func, fmt.Errorf("calls of %s are not checked: %w", callName(e.Number), errCold))
			continue
		}
		h, err := s.hook(e.Addr, e.Size, e.Func)
		if err != nil {
			s.gap(denied, e.Addr, e.Func, fmt.Errorf("calls of %s are not checked: %w", callName(e.Number), err))
			continue
		}
		h.Check, h.Denied, h.Call, h.Errno = true, denied, callName(e.Number), e.Errno
		h.NoReturn = h.NoReturn || e.Inline || slices.Contains(mustNotReturn, e.Number)
	}
}

// Reasons not to gate a function, beyond those of relocate.
var (
	errReturn = errors.New("it reads its return address")
	errTwo    = errors.New("it belongs to another compartment, too")
	errCold   = errors.New("it is a part of a function, which is not called")
	errInside = errors.New("it lies within a function, and code outside of that jumps to it or calls it directly")
)

// cold reports whether a symbol is that of gcc's cold part of a function, to which only the other part jumps.
func cold(name string) bool {
	return strings.HasSuffix(name, ".cold") || strings.Contains(name, ".cold.")
}

// gates hooks the functions where control comes into a compartment.
func (s *sealing) gates() {
	type failure struct {
		gate   compartment.Gate
		reason error
	}
	var failed []failure
	for _, g := range s.plan.Gates {
		bit := uint32(1) << g.To
		switch {
		case int(g.To) >= len(s.plan.Compartments) || s.enforced()&bit == 0:
			continue
		case s.first&bit != 0 || cold(g.Func) || s.code.leaf(g.Addr):
			s.rep.Unneeded++
			continue
		case g.Inside:
			failed = append(failed, failure{g, errInside})
			continue
		case s.code.readsReturn(g.Addr):
			failed = append(failed, failure{g, errReturn})
			continue
		}
		h, err := s.hook(g.Addr, g.Size, g.Func)
		if err == nil && h.Gate && h.Bit != uint8(g.To) {
			err = errTwo
		}
		if err != nil {
			failed = append(failed, failure{g, err})
			continue
		}
		h.Gate, h.Bit = true, uint8(g.To)
	}
	for _, f := range failed {
		if s.covered(f.gate) {
			s.rep.Unneeded++
			continue
		}
		s.gap(1<<f.gate.To, f.gate.Addr, f.gate.Func, fmt.Errorf("entering it is not noticed: %w", f.reason))
	}
}

// covered reports whether all that a function calls and jumps to is gated for the same compartment, or calls
// nothing: so that it can do nothing on its own.
func (s *sealing) covered(g compartment.Gate) bool {
	end := g.Addr + s.code.size(g.Addr)
	return s.code.function(g.Addr, func(in *x86.Inst) bool {
		switch in.Op {
		case x86.OpJmp, x86.OpJcc, x86.OpCall:
			to := uint64(in.Imm)
			if in.Op != x86.OpCall && to >= g.Addr && to < end {
				return true
			}
			h := s.hooks[to]
			return h != nil && h.Gate && h.Bit == uint8(g.To) || s.code.exec(to) && s.code.leaf(to)
		}
		return plain(in)
	})
}

// flow hooks what changes the flow of control other than by calls and returns.
func (s *sealing) flow() {
	all := s.enforced() &^ s.first
	if s.enforced() == 0 {
		return
	}
	for _, addr := range slices.Compact(slices.Sorted(slices.Values(s.code.handlers))) {
		if s.code.leaf(addr) || !s.code.exec(addr) {
			continue
		}
		name := s.code.name(addr)
		h, err := s.hook(addr, 0, name)
		if err != nil {
			s.gap(0, addr, name, fmt.Errorf("a handler of interrupts runs on behalf of what it interrupts: %w", err))
			continue
		}
		h.Special = gatecode.Handler
	}
	if all == 0 {
		return // outside of handlers the tag never changes
	}
	threads, added := false, false
	for _, r := range roles() {
		y, ok := s.code.byName[r.symbol]
		if !ok || !s.code.exec(y.Addr) {
			continue
		}
		if _, old := s.code.byName["sw_ctx_switch"]; old != (r.kind == "add5") && (r.kind == "add" || r.kind == "add5") {
			continue // of another version
		}
		if old := s.hooks[y.Addr]; old != nil && old.Special != gatecode.Plain {
			continue // another name of the same
		}
		special, offset := gatecode.Plain, r.offset
		switch r.kind {
		case "switch":
			special, threads = gatecode.Switch, true
		case "add", "add5":
			special = gatecode.ThreadAdd
		case "jump":
			special = gatecode.LongJump
			if offset, ok = s.code.stackOffset(y.Addr); !ok {
				if offset, ok = s.jumpsOn(y.Addr); ok && s.link == nil {
					continue
				}
			}
			if !ok {
				s.gap(0, y.Addr, r.symbol, errors.New("what it leaves stays counted, so that calls may be refused that are needed: where it finds the stack pointer was not understood"))
				continue
			}
		default:
			continue
		}
		h, err := s.hook(y.Addr, y.Size, r.symbol)
		if err != nil {
			s.gap(all, y.Addr, r.symbol, fmt.Errorf("it is not followed: %w", err))
			continue
		}
		added = added || special == gatecode.ThreadAdd
		h.Special, h.Offset, h.Pointer = special, offset, r.kind == "add5"
	}
	for _, r := range roles() {
		if y, ok := s.code.byName[r.symbol]; ok && r.kind == "smp" {
			s.gap(all, y.Addr, y.Name, errors.New("it starts other processors, and all share one tag"))
		}
	}
	if threads && !added {
		s.gap(all, 0, "", errors.New("new threads are not known to run on behalf of who makes them: no function of the scheduler is known"))
	}
	for _, name := range []string{"_Unwind_RaiseException", "__cxa_throw"} {
		if y, ok := s.code.byName[name]; ok {
			s.gap(0, y.Addr, name, errors.New("an exception that leaves a gated function ends the image: unwinders do not know gates"))
			break
		}
	}
	s.stacks(all)
}

// jumpsOn reports whether a longjmp is only another name that calls or jumps to one which is hooked itself, and where that
// finds the stack pointer.
func (s *sealing) jumpsOn(addr uint64) (int32, bool) {
	for _, r := range roles() {
		if y, ok := s.code.byName[r.symbol]; ok && r.kind == "jump" && y.Addr != addr {
			if offset, ok := s.code.stackOffset(y.Addr); ok && s.code.goesTo(addr, y.Addr) {
				return offset, true
			}
		}
	}
	return 0, false
}

// stacks finds code that goes on on another stack and is none of hooks.txt: with the tag of who ran before.
// Boot code, which does so once, lies on a page with a symbol that is known.
func (s *sealing) stacks(all uint32) {
	boot, known := map[uint64]bool{}, map[string]bool{}
	for _, r := range roles() {
		if y, ok := s.code.byName[r.symbol]; ok {
			known[s.code.name(y.Addr)] = true
			boot[y.Addr&^4095] = boot[y.Addr&^4095] || r.kind == "boot"
		}
	}
	for _, pc := range slices.Sorted(maps.Keys(s.code.stacks)) {
		if name := s.code.stacks[pc]; !known[name] && !boot[pc&^4095] {
			s.gap(all, pc, name, errors.New("it loads the stack pointer, and so may go on in another context, with the tag of this one"))
		}
	}
}

// input makes the input of the generator.
func (s *sealing) input(debug *File) (*gatecode.Input, error) {
	in := &gatecode.Input{First: s.first, OnDeny: s.opts.OnDeny}
	for i := range s.plan.Compartments {
		in.Names = append(in.Names, s.plan.Compartments[i].Name)
	}
	for _, h := range s.hooks {
		in.Hooks = append(in.Hooks, *h)
	}
	slices.SortFunc(in.Hooks, func(a, b gatecode.Hook) int { return cmp.Compare(a.Prologue.Addr, b.Prologue.Addr) })
	for i := 1; i < len(in.Hooks); i++ {
		a, b := in.Hooks[i-1].Prologue, in.Hooks[i].Prologue
		if a.Addr+uint64(max(a.Size, relocate.JumpSize)) > b.Addr {
			return nil, debug.errorf(nil, "%s and %s overlap", in.Hooks[i-1].Name, in.Hooks[i].Name)
		}
	}
	in.Sites = s.sites
	setsErrno := slices.ContainsFunc(in.Hooks, func(h gatecode.Hook) bool { return h.Check && h.Errno })
	for _, r := range roles() {
		y, ok := s.code.byName[r.symbol]
		if !ok || !s.code.exec(y.Addr) {
			continue
		}
		switch r.kind {
		case "end":
			in.Terminate = y.Addr
		case "errno":
			if in.Errno.Function == 0 {
				in.Errno.Function = y.Addr
			}
		}
	}
	if y, ok := s.code.byName["errno"]; ok && in.Errno.Function == 0 {
		if y.Type == sttTLS {
			off, ok := debug.tlsOffset(y.Addr)
			in.Errno.TLS, in.Errno.Offset = ok, off
		} else if y.Type == sttObject {
			in.Errno.Address = y.Addr
		}
	}
	if setsErrno && !in.Errno.Known() && s.opts.OnDeny != gatecode.Crash {
		s.gap(0, 0, "", errors.New("errno was not found: entries that set it (uk_syscall_e_*) leave it as it is when they refuse"))
	}
	return in, nil
}

// tlsOffset returns where a thread-local variable lies from the thread pointer (psABI, variant II of TLS).
func (f *File) tlsOffset(value uint64) (int32, bool) {
	for i := range f.segments {
		if p := &f.segments[i]; p.typ == ptTLS && value < p.memsz {
			align := max(p.palign, 1)
			size := (p.memsz + align - 1) &^ (align - 1)
			off := int64(value) - int64(size)
			return int32(off), off == int64(int32(off))
		}
	}
	return 0, false
}

func callName(n int) string {
	if name, ok := sysno.Name(sysno.X86_64, n); ok {
		return name
	}
	return fmt.Sprintf("syscall %d", n)
}
