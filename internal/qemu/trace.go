package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Func is a function of the image, from its symbols.
type Func struct {
	Name       string
	Addr, Size uint64 // Size 0: to the next function
}

// A Point is an address at which a system call is made.
type Point struct {
	Addr uint64
	Call string // name of the call
	Func string // the symbol that says so: uk_syscall_r_X, uk_syscall_e_X, __uk_syscall_r_X ...
	Kind string // entry, body, or inline: a body within another function
}

// Points returns the entries of system calls (uk_syscall_{r,e}_X) and the bodies that
// stand as functions of their own (__uk_syscall_{r,e}_X, with what GCC appends to
// clones) among funcs, by address.
func Points(funcs []Func) []Point {
	var ps []Point
	for _, f := range funcs {
		if call, kind, ok := callOf(f.Name); ok {
			ps = append(ps, Point{f.Addr, call, f.Name, kind})
		}
	}
	slices.SortFunc(ps, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), strings.Compare(a.Func, b.Func))
	})
	return ps
}

// callOf returns the name of the call that a symbol is an entry or the body of.
// clone has its registers saved by an assembly entry before: uk_syscall_r_e_clone.
func callOf(symbol string) (call, kind string, ok bool) {
	name, _, clone := strings.Cut(symbol, ".")
	for _, p := range [...]struct{ prefix, kind string }{
		{"uk_syscall_r_e_", "entry"}, {"uk_syscall_e_e_", "entry"}, {"uk_syscall_r_", "entry"}, {"uk_syscall_e_", "entry"},
		{"__uk_syscall_r_e_", "body"}, {"__uk_syscall_e_e_", "body"}, {"__uk_syscall_r_", "body"}, {"__uk_syscall_e_", "body"},
	} {
		if call, ok := strings.CutPrefix(name, p.prefix); ok && call != "" && (p.kind == "body" || !clone) {
			return call, p.kind, true
		}
	}
	return "", "", false
}

// How a Frame was found.
const (
	Exact   = "cfi"           // by the image's call frame information, or at the first instruction of a function
	Pointer = "frame pointer" // by the chain of %rbp: right, but lacks the callers of functions that do not keep it
	Guess   = "guess"         // the next word up the stack that is a return address, and what follows from that
)

// Frame is a return address on the stack.
type Frame struct {
	Func   string `json:"func"`   // "" if no symbol covers it
	Offset uint64 `json:"offset"` // of the return address in Func
	How    string `json:"how"`
}

// Record is a call that was made, and how often in this way. Chain has the callers of Func from the
// innermost one out. Functions that ended with a jump to the next are not on it.
type Record struct {
	Call  string  `json:"call"`
	Func  string  `json:"func"`
	Kind  string  `json:"kind"`
	Chain []Frame `json:"chain"`
	Count int     `json:"count"`
}

// Tracer follows the calls of a machine.
type Tracer struct {
	d      *Debugger
	funcs  []Func // by address
	points map[uint64][]Point
	frames *Frames
	text   []byte // of the image
	base   uint64 // address of text

	records map[string]*Record
	order   []*Record
}

// maxChain is how many frames of a chain are kept, maxGuess how far a guess looks up the stack, in words.
const (
	maxChain = 256
	maxGuess = 512
)

// NewTracer sets breakpoints at points. funcs give their names to addresses; frames may be nil; text are the
// bytes of the executable segment, at base, by which return addresses are told from other words.
func NewTracer(d *Debugger, points []Point, funcs []Func, frames *Frames, base uint64, text []byte) (*Tracer, error) {
	t := &Tracer{d: d, points: map[uint64][]Point{}, frames: frames, base: base, text: text, records: map[string]*Record{}}
	if t.frames == nil {
		t.frames = &Frames{}
	}
	t.funcs = slices.Clone(funcs)
	slices.SortStableFunc(t.funcs, func(a, b Func) int { return cmp.Compare(a.Addr, b.Addr) })
	for _, p := range points {
		t.points[p.Addr] = append(t.points[p.Addr], p)
		if err := d.Break(p.Addr); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Run lets the machine go and records calls until ctx ends or the machine does, which are no errors.
func (t *Tracer) Run(ctx context.Context) error {
	for {
		err := t.d.Continue(ctx)
		switch {
		case errors.Is(err, ErrEnded) || err != nil && err == ctx.Err():
			return nil
		case err != nil:
			return err
		}
		if err := t.hit(); err != nil {
			return err
		}
	}
}

// Records returns what was recorded, in the order of first occurrence.
func (t *Tracer) Records() []Record {
	rs := make([]Record, len(t.order))
	for i, r := range t.order {
		rs[i] = *r
	}
	return rs
}

func (t *Tracer) hit() error {
	r, err := t.d.Regs()
	if err != nil {
		return err
	}
	ps := t.points[r[RIP]]
	if len(ps) == 0 {
		return fmt.Errorf("the machine stopped at %#x, where no breakpoint is", r[RIP])
	}
	chain := t.chain(r)
	for _, p := range ps {
		key := p.Func + "\x00" + p.Kind
		for _, f := range chain {
			key += fmt.Sprintf("\x00%s+%x %s", f.Func, f.Offset, f.How)
		}
		rec := t.records[key]
		if rec == nil {
			rec = &Record{Call: p.Call, Func: p.Func, Kind: p.Kind, Chain: chain}
			t.records[key] = rec
			t.order = append(t.order, rec)
		}
		rec.Count++
	}
	return nil
}

// stack reads words of memory, a page at a time.
type stack struct {
	d     *Debugger
	pages map[uint64][]byte
}

func (s *stack) word(addr uint64) (uint64, error) {
	const page = 4096
	if addr%8 != 0 {
		return s.d.Word(addr)
	}
	at := addr &^ (page - 1)
	b := s.pages[at]
	if b == nil {
		b = make([]byte, page)
		if err := s.d.Read(at, b); err != nil {
			return 0, err
		}
		s.pages[at] = b
	}
	var v uint64
	for i := range 8 {
		v |= uint64(b[addr-at+uint64(i)]) << (8 * i)
	}
	return v, nil
}

// chain walks up the stack from the registers at a breakpoint. Call frame information comes first: compilers write it for
// all functions, so that one without is assembly, which need not keep %rbp for itself.
func (t *Tracer) chain(r Regs) []Frame {
	s := &stack{t.d, map[uint64][]byte{}}
	var chain []Frame
	guessed := false
	for pc := r[RIP]; len(chain) < maxChain; pc = r[RIP] - 1 { // after a call that does not return comes another function
		how := Exact
		up, ok := t.frames.caller(r, pc, s.word)
		if !ok && pc == r[RIP] {
			up, ok = t.first(r, s)
		}
		if !ok && len(t.frames.fdes) == 0 {
			how = Pointer
			up, ok = t.pointer(r, s)
		}
		if !ok {
			guessed = true
			up, ok = t.guess(r, s)
		}
		if !ok || !t.returnsTo(up[RIP]) || up[RSP] <= r[RSP] {
			return chain
		}
		if guessed { // what follows from a guess is one
			how = Guess
		}
		f, off := t.name(up[RIP] - 1)
		chain = append(chain, Frame{f, off + 1, how})
		r = up
	}
	return chain
}

// first is the caller at the first instruction of a function, where its address is the word at %rsp.
func (t *Tracer) first(r Regs, s *stack) (Regs, bool) {
	if _, off := t.name(r[RIP]); off != 0 {
		return r, false
	}
	ret, err := s.word(r[RSP])
	if err != nil || !t.returnsTo(ret) {
		return r, false
	}
	r[RIP], r[RSP] = ret, r[RSP]+8
	return r, true
}

// pointer is the caller by the chain of frame pointers: psABI figure 3.3.
func (t *Tracer) pointer(r Regs, s *stack) (Regs, bool) {
	bp := r[RBP]
	if bp < r[RSP] || bp%8 != 0 || bp-r[RSP] > 1<<20 {
		return r, false
	}
	ret, err := s.word(bp + 8)
	if err != nil || !t.returnsTo(ret) {
		return r, false
	}
	up, err := s.word(bp)
	if err != nil {
		return r, false
	}
	r[RIP], r[RSP], r[RBP] = ret, bp+16, up
	return r, true
}

// guess takes the next word of the stack that is a return address.
func (t *Tracer) guess(r Regs, s *stack) (Regs, bool) {
	for i := range uint64(maxGuess) {
		at := r[RSP]&^7 + 8*i
		ret, err := s.word(at)
		if err != nil {
			return r, false
		}
		if t.returnsTo(ret) {
			r[RIP], r[RSP] = ret, at+8
			return r, true
		}
	}
	return r, false
}

// returnsTo reports whether an address can be a return address: it is in the text, after a call instruction.
func (t *Tracer) returnsTo(addr uint64) bool {
	if addr < t.base || addr-t.base > uint64(len(t.text)) {
		return false
	}
	before := t.text[:addr-t.base]
	if n := len(before); n >= 5 && before[n-5] == 0xe8 { // call rel32
		return true
	}
	for n := 2; n <= 7 && n <= len(before); n++ { // call r/m: [REX] ff /2
		b := before[len(before)-n:]
		if b[0]&0xf0 == 0x40 {
			b = b[1:]
		}
		if len(b) >= 2 && b[0] == 0xff && b[1]>>3&7 == 2 && indirectLen(b[1:]) == len(b)-1 {
			return true
		}
	}
	return false
}

// indirectLen is the length of ModRM, SIB and displacement.
func indirectLen(b []byte) int {
	mod, rm, n := b[0]>>6, b[0]&7, 1
	if mod == 3 {
		return n
	}
	if rm == 4 {
		if len(b) < 2 {
			return -1
		}
		n++
		if mod == 0 && b[1]&7 == 5 {
			return n + 4
		}
	} else if mod == 0 && rm == 5 {
		return n + 4
	}
	switch mod {
	case 1:
		n++
	case 2:
		n += 4
	}
	return n
}

// name returns the function that covers addr, and addr's offset in it. Of several at one address it takes the
// first in the alphabet of those with the fewest leading underscores, which aliases of libc have.
func (t *Tracer) name(addr uint64) (string, uint64) {
	last := sort.Search(len(t.funcs), func(i int) bool { return t.funcs[i].Addr > addr }) - 1
	best := -1
	for i := last; i >= 0 && i > last-64; i-- { // none is that deep inside another
		f := &t.funcs[i]
		if best >= 0 && f.Addr != t.funcs[best].Addr {
			break
		}
		if f.Size == 0 && f.Addr != t.funcs[last].Addr || f.Size != 0 && addr-f.Addr >= f.Size {
			continue
		}
		if best < 0 || alias(f.Name) < alias(t.funcs[best].Name) {
			best = i
		}
	}
	if best < 0 {
		return "", 0
	}
	return t.funcs[best].Name, addr - t.funcs[best].Addr
}

func alias(name string) string {
	return strings.Repeat("~", len(name)-len(strings.TrimLeft(name, "_"))) + name
}
