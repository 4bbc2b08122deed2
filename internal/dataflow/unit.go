package dataflow

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/gofind-dev/gofind/internal/fresh"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// Budgets. A unit that goes over one is redone with no tracking at all: every
// address escapes where it is formed (GapBudget names it).
const (
	maxInsts  = 400_000 // instructions of one unit
	maxVisits = 2000    // times one block is evaluated
	patience  = 40      // evaluations of a block after which what still changes is given up
	inlineMax = 60_000  // instructions after which jumps out of the function are always tail calls
)

// Param names where a wrapper takes the number from.
type Param = summary.Value

// Passed is what a call site passes for a Param that was asked for.
type Passed struct {
	PC     uint64
	Callee uint64 // as asked for
	From   uint64 // control comes to PC only in a straight line from here; 0: not said
	Values []summary.Value
}

// Analyser analyses units of one file. It is not safe for concurrent use; use
// one per goroutine and file.
type Analyser struct{ w worker }

// New returns an analyser for f.
func New(f *image.File) *Analyser {
	return newAnalyser(f, &files{facts: map[*image.File]*facts{}})
}

// Fork returns an analyser for f that may run beside a, and shares with it what
// is remembered of files.
func (a *Analyser) Fork(f *image.File) *Analyser {
	return newAnalyser(f, a.w.files)
}

func newAnalyser(f *image.File, known *files) *Analyser {
	a := &Analyser{}
	a.w.v = newValues()
	a.w.cur, a.w.equal, a.w.both = newState(), newState(), newState()
	a.w.book.most = maxNotes
	a.w.files = known
	a.w.SetFile(f)
	return a
}

// SetFile switches to another file, keeping the memory.
func (a *Analyser) SetFile(f *image.File) { a.w.SetFile(f) }

// Unit analyses the code that starts at entry.
func (a *Analyser) Unit(entry uint64) *summary.Unit {
	return a.w.run(entry, nil)
}

// Query analyses the code at entry again and returns what it passes for the
// parameters of the callees (direct targets, or slots that are called through).
func (a *Analyser) Query(entry uint64, params map[uint64][]Param) []Passed {
	a.w.run(entry, params)
	return a.w.passed
}

// QueryExact is Query for values of 64 bits: what is known of the low 32 alone is Low,
// stack words are whole, and an address in a file that is not moved is a number. A
// syscall instruction is a callee too, with its own address. For each place and
// callee the answers stand together, in the order of the parameters.
//
// consumes says which registers the code that is called, or that a slot is called for, may consume.
func (a *Analyser) QueryExact(entry uint64, params map[uint64][]Param, consumes func(callee uint64, slot bool) uint16) []Passed {
	a.w.exact, a.w.consumes = true, consumes
	defer func() { a.w.exact, a.w.consumes = false, nil }()
	return a.Query(entry, params)
}

// facts are what is remembered of a file between units, by all analysers.
type facts struct {
	number    uint32 // of the file, from 1 on
	memo      *memo  // of callees
	sweep     sync.Once
	calls     []uint64 // targets of direct calls in code without unwind information that FuncStarts has not, sorted
	label     sync.Once
	labels    []uint64 // code addresses in data, sorted
	linesLock sync.Mutex
	lines     map[uint64]line // by start
	downLock  sync.Mutex
	down      map[uint64]bool // what takenDown found, by the address of the jump
	copy      sync.Once
	copies    []image.Range // what the loader copies other files' variables to
}

// files has the facts of all files.
type files struct {
	sync.Mutex
	facts map[*image.File]*facts
}

type worker struct {
	f         *image.File
	abs       bool // position-dependent: constants may be addresses
	wide      bool // 32-bit words may hold addresses
	isGo      bool
	low, high uint64

	v               *values
	exact           bool // answer queries as QueryExact says
	consumes        func(callee uint64, slot bool) uint16
	unit            summary.Unit // in the making, and its rest
	rest            summary.Rest
	final           bool // emitting
	chaos           bool // no tracking
	fine            bool // numbers are kept where values come together, see inert
	enters          bool // the unit enters the kernel
	plain           bool // for tests: all that changes is evaluated, see through.go and hub.go
	argUse, argBack uint16

	rows struct { // where what stays of units is
		units     row[summary.Unit]
		rests     row[summary.Rest]
		returns   row[summary.Return]
		divisions row[summary.Division]
		parts     row[summary.Part]
		edges     row[summary.Edge]
		conds     row[summary.Cond]
	}

	// What the emitting pass writes down.
	edges    index    // of the parts
	division division // memory of divide
	sites    []siteIn
	rets     []ret
	links    []link // by the block that they come from
	evals    []link // memory of connect
	conds    []summary.Cond
	condOf   map[summary.Cond]int32
	blk      int32 // the block that is emitted, or whole
	tails    int32 // conditional tail calls, which count as blocks behind the real ones
	taken    int32 // the condition under which a jump is taken
	fall     int32 // and under which control goes on behind the block
	guarded  bool  // there is a link with a condition

	book notebook // and what the visits of the fixpoint saw of that

	insts      []x86.Inst
	instBlk    []int32
	callees    []uint32 // by instruction: what is known of the callee of a direct call, 0: nothing yet; of others it has no meaning
	base       uint64
	dense      []int32 // address - base -> instruction index + 1; behind its end there are only zeros
	sparse     index   // address -> instruction index, elsewhere
	blocks     []block
	queue      queue  // of blocks to evaluate
	rank       uint64 // of the block that is evaluated
	ordered    int    // blocks whose direct successors have been decoded
	path       []step // of order
	post       []int32
	nest       []loop
	hubs       []hub   // of computed jumps
	joints     []joint // of blocks
	gathered   state   // of a hub or a fan that leads on
	seeds      fan     // of jumps that are not resolved: entries of tables
	gotos      fan     // labels
	states     states
	cur, equal state // of the block that is evaluated, and another one
	both       state // where two frames are joined
	escaped    index // values that escape took
	curOf      int32 // the block whose entry state cur is, as it was flowed on just before; -1: none

	fde      *image.FDE
	cover    image.Range         // from the entry on, where fde is that of the code
	fn       image.Range         // extent that counts as inside the function
	padless  image.Range         // code that has no landing pads
	pads     [2]padsOf           // of a function and of its cold part, say; the first was asked for last
	formed   []uint64            // addresses in the function's range that its code forms, as far as it was searched
	searched int                 // instructions
	tables   []uint64            // addresses read as tables of 32-bit offsets
	tabN     map[uint64]int      // entries taken by the table jump at an address
	at       int32               // block that is evaluated
	vague    map[uint64]known    // what was known when the jump at an address was evaluated that is not resolved
	doubts   map[edge]struct{}   // of table jumps, to what was not in the unit then
	anchors  []uint64            // addresses that far constants are added to
	apart    []uint64            // far constants that went where they are not followed
	went     index               // where the jump through a table that is followed led by now
	targets  map[uint64]struct{} // of jumps through tables and to labels, where no block starts
	opaque   bool                // an indirect jump was not resolved
	parts    map[uint64]bool     // by start of an FDE: whether it jumps back into this function
	coarse   bool                // settle gives up what differs
	jumping  bool                // hand is for a jump
	moves    summary.Moves       // and passes this on
	below    int                 // bytes before where the table is indexed from that are part of it
	stop     bool                // the block just evaluated does not go on to the next
	query    map[uint64][]Param
	passed   []Passed
	scans    [neverDepth + 1]scan // of scanNever
	clobs    [clobDepth + 1]scan  // of scanClobbers
	peeked   [peeks]peeked
	slots    [64]slotKind // of the file
	line     line         // the last one that boundaryOf looked at
	*facts
	files *files
}

func (w *worker) SetFile(f *image.File) {
	if w.f == f {
		return
	}
	w.f = f
	clear(w.slots[:])
	w.line = line{}
	w.abs = f.Type == 2
	w.wide = w.abs
	w.low, w.high = f.Low, f.High
	w.files.Lock()
	defer w.files.Unlock()
	if w.facts = w.files.facts[f]; w.facts == nil {
		w.facts = &facts{number: uint32(len(w.files.facts) + 1), memo: newMemo(), lines: map[uint64]line{}, down: map[uint64]bool{}}
		w.files.facts[f] = w.facts
	}
}

// inImage reports whether a may be an address of the file: the end of its last object is one.
func (w *worker) inImage(a uint64) bool { return a >= w.low && a <= w.high && a >= 4096 }

func (w *worker) ref(r summary.Ref)       { w.book.note(entryOfRef(r)) }
func (w *worker) pass(p summary.ArgPass)  { w.book.note(entryOfPass(p)) }
func (w *worker) keep(s summary.ArgStore) { w.book.note(entryOfStore(s)) }

func (w *worker) gap(pc uint64, k summary.GapKind) {
	g := summary.Gap{PC: pc, Kind: k}
	if !slices.Contains(w.rest.Gaps, g) {
		w.rest.Gaps = append(w.rest.Gaps, g)
	}
}

// join returns the least value that covers a and b. What no longer fits escapes.
func (w *worker) join(s *state, a, b val) val {
	if a == b || b == vBottom {
		return a
	}
	if a == vBottom {
		return b
	}
	if a > b {
		a, b = b, a
	}
	switch {
	case a == vMany:
		w.escape(s, b)
		return vMany
	case a == vTop && b < setBit:
		switch {
		case b == vMany:
			return vMany
		case w.inert(b):
			return vTop
		}
		return w.v.withTop(b)
	case a == vTop && b&topBit != 0:
		return b
	case b&topBit != 0 && a < setBit && w.inert(a):
		return b
	case a < setBit && b >= setBit && slices.Contains(w.v.members(b), a):
		return b
	}
	c := w.v.memo(a, b)
	if c.epoch != w.v.epoch {
		return w.newJoin(s, c, a, b)
	}
	if c.val == vMany {
		w.escape(s, a)
		w.escape(s, b)
	}
	return c.val
}

// newJoin is join for a < b that were not joined before. c: where it is memoised.
func (w *worker) newJoin(s *state, c *joined, a, b val) val {
	var buf [2*maxSet + 2]val
	l := buf[:0]
	absorbs := (w.v.kinds(a)|w.v.kinds(b))&mayBeInert != 0
	if a < setBit {
		// Mostly one element is added to others that it has nothing to do with.
		if l = w.v.with(l, a, b); len(l) > 0 {
			x := vTop
			if absorbs {
				l = w.absorb(l)
			}
			if len(l) > 1 {
				x = w.v.mkSet(l)
			}
			w.v.memoise(c, a, b, x)
			return x
		}
	}
	for _, x := range [2]val{a, b} {
		if x < setBit {
			l = append(l, x)
			continue
		}
		for _, y := range w.v.members(x) {
			if !slices.Contains(l, y) {
				l = append(l, y)
			}
		}
	}
	l = w.v.widen(l)
	slices.Sort(l)
	l = slices.Compact(l)
	if absorbs {
		l = w.absorb(l)
	}
	var res val
	switch {
	case len(l) == 1:
		res = l[0]
	case len(l) > maxSet:
		w.escape(s, a)
		w.escape(s, b)
		res = vMany
	default:
		res = w.v.mkSet(l)
	}
	w.v.memoise(c, a, b, res)
	return res
}

// escape uses x even before the emitting pass: a value that is dropped here is
// not seen there.
func (w *worker) escape(s *state, x val) {
	if w.final {
		w.use(s, x)
		return
	}
	if x <= vMany {
		return
	}
	if !w.escaped.first(uint64(x)) {
		s.esc = s.esc || w.has(x, kSP) // the rest is the unit's
		return
	}
	open, at := w.book.open, len(w.book.noted)
	w.book.open = w.query == nil
	w.useVal(s, x)
	w.book.open = open
	w.book.setAside(at)
}

// fdeAt returns the FDE that covers pc; the entry's own one is at hand.
func (w *worker) fdeAt(pc uint64) *image.FDE {
	if w.cover.Contains(pc) {
		return w.fde
	}
	return w.f.FDEAt(pc)
}

// flow joins s into the entry state of block b.
func (w *worker) flow(b int32, s *state) {
	if b < 0 {
		return
	}
	if w.blocks[b].rank == 0 {
		w.order(b)
	}
	bl := &w.blocks[b]
	if bl.in < 0 {
		if bl.bad {
			w.gap(w.endOf(bl), summary.GapCode)
		}
		bl.in = w.states.add(s)
		w.enqueue(b)
		return
	}
	w.coarse = bl.visits > patience
	if c := w.merge(w.states.at(bl.in), s); c != 0 {
		w.again(b, c)
	}
	w.coarse = false
}

// settle is join in blocks that have been evaluated often: what still changes
// is given up at once, so that the fixpoint is near (interpreters' dispatch
// loops, where everything leads to everything).
func (w *worker) settle(s *state, a, b val) val {
	if !w.coarse || a == vBottom {
		return w.join(s, a, b)
	}
	w.escape(s, a)
	w.escape(s, b)
	return vMany
}

// again queues block b since something changed before it.
func (w *worker) again(b int32, c changes) {
	bl := &w.blocks[b]
	fresh := bl.fresh
	w.enqueue(b)
	bl.fresh = fresh
	bl.changed |= c
}

// changes are what changed of a state: registers, from bit 0 on, and more.
type changes uint32

const (
	inFrame changes = 1 << (16 + iota) // words of the frame
	inFlags                            // esc or lost
)

// merge joins src into dst. It returns what that changed.
func (w *worker) merge(dst, src *state) (c changes) {
	esc, lost := dst.esc, dst.lost
	dst.esc, dst.lost = esc || src.esc, lost || src.lost
	for diff := dst.differs(src); diff != 0; diff &= diff - 1 {
		r := bits.TrailingZeros16(diff) & 15
		a, b := dst.r[r], src.r[r]
		var n val
		switch {
		case w.coarse && r != int(x86.RSP):
			n = w.settle(dst, a, b)
		case b == vTop && a&topBit != 0:
			continue
		default:
			n = w.join(dst, a, b)
		}
		if n != a {
			dst.r[r] = n
			c |= 1 << uint(r)
		}
	}
	if w.mergeFrame(dst, src) {
		c |= inFrame
	}
	if dst.esc != esc || dst.lost != lost && w.fine { // otherwise nothing asks whether they are lost
		c |= inFlags
	}
	return c
}

// mergeFrame joins the frame of src into that of dst. It reports whether that changed.
func (w *worker) mergeFrame(dst, src *state) (changed bool) {
	alike := len(dst.st) == len(src.st)
	if alike && (len(dst.st) == 0 || &dst.st[0] == &src.st[0]) {
		return false
	}
	same := common(dst.st, src.st)
	if alike && same == len(dst.st) {
		src.st, src.own = dst.st, false
		return false
	}
	both := &w.both
	both.st, both.own, both.esc, both.lost = dst.st, false, dst.esc, dst.lost
	both.mine()
	left := true // the frame of dst, but for what changed
	for i := same; i < len(both.st); {
		d := &both.st[i]
		j := i // where it is most often
		if j >= len(src.st) || src.st[j].off != d.off || src.st[j].size != d.size {
			for j = 0; j < len(src.st); j++ {
				if src.st[j].off == d.off && src.st[j].size == d.size {
					break
				}
			}
		}
		if j == len(src.st) {
			if d.sp && !src.overlaps(d.off, d.size) {
				if n := w.join(both, d.v, vTop); n != d.v {
					d.v, changed = n, true
				}
				i++
				continue
			}
			if d.sp {
				both.esc, d.sp, left = true, false, false
			}
			if d.off >= 0 {
				// what was there stays, with what the caller put there: to drop it would take back what was joined before
				if n := w.join(both, d.v, vTop); n != d.v {
					d.v, changed = n, true
				}
				i++
				continue
			}
			both.drop(i)
			changed = true
			continue
		}
		if src.st[j].sp && !d.sp {
			d.sp, changed = true, true
		}
		if sv := src.st[j].v; sv != d.v {
			if n := w.settle(both, d.v, sv); n != d.v {
				d.v = n
				changed = true
			}
		}
		i++
	}
	for j := same; j < len(src.st); j++ {
		if t := &src.st[j]; t.sp && !both.holdsSP(t.off) && !both.esc {
			changed = true
			if both.overlaps(t.off, t.size) {
				both.esc = true
			} else {
				both.storeSP(t.off, w.join(both, t.v, vTop))
			}
		}
		if t := &src.st[j]; t.off >= 0 {
			if _, _, ok := both.load(t.off, t.size); !ok {
				both.store(t.off, t.size, w.join(both, t.v, vTop))
				changed = true
			}
		}
	}
	dst.esc, dst.lost = both.esc, both.lost
	switch {
	case left && !changed:
	case len(both.st) == len(src.st) && common(both.st, src.st) == len(src.st):
		w.states.share(src)
		dst.st = src.st
	default:
		dst.st = w.states.frame(both.st)
	}
	return changed
}

// mergeSome is merge for some registers alone, and for the frame if which has inFrame.
func (w *worker) mergeSome(dst, src *state, which changes) (c changes) {
	esc := dst.esc
	for regs := uint16(which); regs != 0; regs &= regs - 1 {
		r := bits.TrailingZeros16(regs)
		if a := dst.r[r]; a != src.r[r] {
			var n val
			if r == int(x86.RSP) {
				n = w.join(dst, a, src.r[r])
			} else {
				n = w.settle(dst, a, src.r[r])
			}
			if n != a {
				dst.r[r] = n
				c |= 1 << uint(r)
			}
		}
	}
	if which&inFrame != 0 && w.mergeFrame(dst, src) {
		c |= inFrame
	}
	if dst.esc != esc {
		c |= inFlags
	}
	return c
}

func (w *worker) entryState() (s state) {
	s.r = atEntry.r
	s.r[x86.RSP] = w.v.mk(elem{k: kSP})
	return
}

// unknownState is the state at a place that may be entered from anywhere in the frame.
func (w *worker) unknownState() (s state) {
	for r := range s.r {
		s.r[r] = vTop
	}
	s.r[x86.RSP] = w.v.mk(elem{k: kSP, b: anyOff})
	s.esc, s.lost = true, true
	return
}

func (w *worker) begin(entry uint64) {
	w.v.reset()
	w.sparse.reset()
	w.escaped.reset()
	w.seeds.known, w.gotos.known = known{}, known{}
	w.book.reset()
	w.sites, w.rets, w.links, w.conds = w.sites[:0], w.rets[:0], w.links[:0], w.conds[:0]
	clear(w.condOf)
	w.blk, w.tails, w.taken, w.fall = whole, 0, 0, 0
	if w.tabN == nil {
		w.condOf = map[summary.Cond]int32{}
		w.tabN = map[uint64]int{}
		w.vague = map[uint64]known{}
		w.doubts = map[edge]struct{}{}
		w.targets = map[uint64]struct{}{}
		w.parts = map[uint64]bool{}
	}
	clear(w.tabN)
	clear(w.vague)
	clear(w.doubts)
	// Of a large range of which little was reached, undo that little.
	if len(w.dense) > 16*len(w.insts) {
		for i := range w.insts {
			if d := w.insts[i].PC - w.base; d < uint64(len(w.dense)) {
				w.dense[d] = 0
			}
		}
	} else {
		clear(w.dense)
	}
	w.unit, w.rest = summary.Unit{Entry: entry}, summary.Rest{}
	w.argUse, w.argBack, w.opaque, w.guarded, w.enters = 0, 0, false, false, false
	clear(w.targets)
	clear(w.parts)
	w.insts, w.instBlk, w.callees, w.blocks, w.tables = w.insts[:0], w.instBlk[:0], w.callees[:0], w.blocks[:0], w.tables[:0]
	w.states.reset()
	w.anchors, w.apart = w.anchors[:0], w.apart[:0]
	w.formed, w.searched = w.formed[:0], 0
	w.hubs, w.joints = w.hubs[:0], append(w.joints[:0], joint{})
	w.curOf, w.queue.n, w.queue.heap, w.rank, w.ordered, w.nest = -1, 0, w.queue.heap[:0], 0, 0, w.nest[:0]
	w.pads[0].fde, w.pads[1].fde, w.padless = nil, nil, image.Range{}
	w.cover.Start = entry
	if w.fde, w.cover.End = w.f.FDEFrom(entry); w.fde != nil {
		w.fn = image.Range{Start: w.fde.Start, End: w.fde.End}
		if w.fde.LSDA == 0 {
			w.padless = w.fn
		}
	} else {
		w.fn = w.gapAround(entry)
	}
	w.isGo = w.f.GoCode(entry)
	w.base = w.fn.Start
	n := min(w.fn.End-w.fn.Start, 1<<20)
	if most := int(min(n/4, 1<<15)); most > cap(w.insts) { // about as many as a large function has: growing there would cost copies of it
		w.room(most)
	}
	if entry-w.fn.Start >= n {
		w.base = entry
	}
	if uint64(cap(w.dense)) < n {
		w.dense = make([]int32, n+n/2)
		fresh.Touch(w.dense[:n])
	}
	w.dense = w.dense[:n]
}

// gapAround returns the extent of the function at a, which has no unwind
// information: up to the next known start or target of a direct call. Control
// that is followed may leave it; only what must be guessed stays inside.
func (w *worker) gapAround(a uint64) image.Range {
	r := image.Range{Start: a, End: a + 1}
	if x, ok := w.f.ExecRange(a); ok {
		r.End = x.End
	}
	w.sweep.Do(w.sweepCalls)
	for _, starts := range [][]uint64{w.f.FuncStarts(), w.calls} {
		i, ok := slices.BinarySearch(starts, a)
		if ok {
			i++
		}
		if i < len(starts) && starts[i] < r.End {
			r.End = starts[i]
		}
	}
	return r
}

func (w *worker) run(entry uint64, query map[uint64][]Param) *summary.Unit {
	w.query, w.passed = query, w.passed[:0]
	w.chaos, w.fine = false, query != nil
	w.begin(entry)
	solved := w.solve(entry)
	if w.enters && !w.fine {
		w.fine = true
		w.begin(entry)
		solved = w.solve(entry)
	}
	if !solved {
		w.begin(entry)
		w.chaos = true
		k := summary.GapBudget
		if w.sweepAll() && w.isGo {
			// All of it was found: Go's compiler puts no data into code, and its functions are in one piece. What is before a
			// label where a unit begins is in that of the function, which the table makes a root.
			if r, _ := w.f.GoFunc(entry); r.End == w.fn.End {
				k = summary.GapSwept
			}
		}
		w.gap(entry, k)
	}
	w.emit()
	if query != nil {
		return nil
	}
	w.unit.ArgUse, w.unit.ArgBack = w.argUse, w.argBack
	u := w.rows.units.one(w.unit)
	if r := &w.rest; len(r.Sites)+len(r.Kept)+len(r.Gaps)+len(r.Targets) > 0 || r.Division != nil {
		u.Rest = w.rows.rests.one(*r)
	}
	return u
}

// solve runs the fixpoint. It reports false if the budget ran out.
func (w *worker) solve(entry uint64) bool {
	b := w.blockAt(entry)
	if b < 0 {
		w.gap(entry, summary.GapCode)
		return true
	}
	s := w.entryState()
	w.addPred(b, manyPreds)
	w.flow(b, &s)
	if !w.stabilise() {
		return false
	}
	if w.fde != nil && w.fde.LSDA != 0 {
		// Landing pads that no call leads to: instructions that trap may (-fnon-call-exceptions).
		for _, p := range w.landingPads(w.fde.Start) {
			if i := w.instAt(p.Pad); i < 0 || w.blocks[w.instBlk[i]].in < 0 {
				if b := w.blockAt(p.Pad); b >= 0 {
					s := w.unknownState()
					w.addPred(b, manyPreds)
					w.flow(b, &s)
				}
			}
		}
		if !w.stabilise() {
			return false
		}
	}
	for w.opaque {
		// Somewhere control goes to an unknown place in this function: everything in
		// its range that starts after an unconditional transfer may be that place.
		if !w.seed() {
			break
		}
		if !w.stabilise() {
			return false
		}
	}
	return true
}

// stabilise evaluates blocks until neither that nor what is known of the code by then changes anything. It reports false if the budget ran out.
func (w *worker) stabilise() bool {
	for again := true; again; again = w.stale() {
		if !w.iterate() {
			return false
		}
	}
	return true
}

// iterate evaluates queued blocks, lowest rank first, until nothing changes:
// what leads to a block is settled before it is looked at, but for loops.
func (w *worker) iterate() bool {
	for b := w.next(); b >= 0; b = w.next() {
		bl := &w.blocks[b]
		fresh, changed := bl.fresh, bl.changed
		bl.queued, bl.fresh, bl.changed = false, false, 0
		w.rank = bl.rank
		there := b == w.curOf
		w.curOf = -1
		if bl.visits++; bl.visits > maxVisits || w.states.page > maxFrames {
			return false
		}
		if !fresh && w.through(b, changed) {
			continue
		}
		if !there {
			w.cur.set(w.states.at(bl.in))
		}
		w.eval(b, &w.cur)
		if len(w.insts) >= maxInsts || len(w.hubs) > maxHubs {
			return false
		}
	}
	return true
}

// endOf returns the address behind a block.
func (w *worker) endOf(b *block) uint64 {
	if b.end == b.first {
		return b.pc
	}
	in := &w.insts[b.end-1]
	return in.PC + uint64(in.Len)
}

// seed makes every unreached start after an unconditional transfer in the
// function's range a root. It reports whether there was one.
func (w *worker) seed() bool {
	any := false
	pc := w.fn.Start
	for pc < w.fn.End {
		if i := w.instAt(pc); i >= 0 {
			if b := w.instBlk[i]; w.blocks[b].in < 0 { // decoded, but nothing was known to lead there
				s := w.unknownState()
				w.addPred(b, manyPreds)
				w.flow(b, &s)
				any = true
			}
			pc += uint64(w.insts[i].Len)
			continue
		}
		code := w.f.Bytes(pc)
		if len(code) == 0 {
			break
		}
		var in x86.Inst
		if !x86.Decode(code, pc, &in) {
			pc++
			continue
		}
		if in.Op == x86.OpNop || in.Op == x86.OpTrap && in.Len == 1 {
			pc += uint64(in.Len)
			continue
		}
		b := w.blockAt(pc)
		if b >= 0 && w.blocks[b].in < 0 {
			s := w.unknownState()
			w.addPred(b, manyPreds)
			w.flow(b, &s)
			any = true
		}
		if i := w.instAt(pc); i >= 0 {
			pc += uint64(w.insts[i].Len)
		} else {
			pc++
		}
	}
	return any
}

// sweepAll is the fallback of a unit over budget: every instruction in the range
// is a block of its own with an unknown state. It reports whether all bytes are of instructions.
func (w *worker) sweepAll() (whole bool) {
	whole = true
	s := w.unknownState()
	pc := w.fn.Start
	for pc < w.fn.End && len(w.insts) < maxInsts {
		code := w.f.Bytes(pc)
		if len(code) == 0 {
			return false
		}
		var in x86.Inst
		if !x86.Decode(code, pc, &in) {
			whole = false
			pc++
			continue
		}
		b := int32(len(w.blocks))
		if len(w.insts) == cap(w.insts) {
			w.room(max(len(w.insts), 64))
		}
		w.insts = append(w.insts, in)
		w.instBlk = append(w.instBlk, b)
		w.callees = append(w.callees, 0)
		w.setInst(pc, int32(len(w.insts)-1))
		if len(w.states.all) == 0 {
			w.states.add(&s)
		}
		w.blocks = append(w.blocks, block{pc: pc, pred: manyPreds, note: -1, first: int32(len(w.insts) - 1), end: int32(len(w.insts)), next: -1, to: noJump})
		pc += uint64(in.Len)
	}
	w.argUse = 0xffff
	return whole && pc == w.fn.End
}

// eval applies block b to s and flows the result to its successors.
func (w *worker) eval(b int32, s *state) {
	first, end := w.blocks[b].first, w.blocks[b].end
	w.at = b
	s.did = 0
	if !w.final {
		w.book.begin(&w.blocks[b], w.query == nil)
	}
	insts := w.insts[first:end] // which stay as they are when w.insts grows
	if j := w.blocks[b].joint; j != 0 {
		w.walkJoint(s, j, first, insts)
	} else {
		w.walk(s, first, insts)
	}
	if w.chaos {
		// Without tracking every value that an instruction made is used at once.
		if op := w.insts[first].Op; op < x86.OpCall || op > x86.OpRet {
			w.useMask(s, 0xffff)
		}
	}
	stop := w.stop
	w.stop = false
	if w.final {
		w.leave(b, stop)
		return
	}
	w.book.close(stop, s.did)
	// a jump may have split b
	next := w.blocks[b].next
	if w.blocks[b].end != end {
		w.enqueue(b)
		return
	}
	if stop {
		return // a known condition, of which only the jump is taken, or a syscall that does not return
	}
	if next >= 0 {
		first := w.blocks[next].in < 0
		w.flow(next, s)
		if first {
			w.curOf = next
		}
	}
}

// leave notes where control goes from the end of block b, which was evaluated to be emitted,
// but for where its last instruction jumps to. stop: it goes nowhere else.
func (w *worker) leave(b int32, stop bool) {
	if bl := &w.blocks[b]; bl.end > bl.first {
		if last := &w.insts[bl.end-1]; last.Op == x86.OpCall || last.Op == x86.OpCallInd {
			w.fall = w.back(bl.end - 1)
		}
	}
	w.linkOn(b, w.fall, stop)
	w.fall = 0
}

// emit walks the solved blocks once more and records what they refer to.
func (w *worker) emit() {
	w.final = true
	if w.query == nil {
		w.book.emit()
	}
	for b := int32(0); b < int32(len(w.blocks)); b++ {
		bl := &w.blocks[b]
		if bl.target {
			w.rest.Targets = append(w.rest.Targets, bl.pc)
			for i := bl.first + 1; i < bl.end && bl.joint != 0; i++ {
				w.rest.Targets = append(w.rest.Targets, w.insts[i].PC)
			}
		}
		if bl.in < 0 {
			continue
		}
		w.unit.Insts += bl.end - bl.first
		if w.recall(b) {
			continue
		}
		w.blk = b
		w.cur.set(w.states.at(bl.in))
		w.eval(b, &w.cur)
		w.book.emitted(b)
	}
	w.connect()
	w.blk = whole
	if len(w.apart) > 0 {
		w.farApart()
	}
	w.final, w.book.open = false, false
	if w.query != nil {
		return
	}
	w.book.emitted(whole)
	for t := range w.targets {
		w.rest.Targets = append(w.rest.Targets, t)
	}
	slices.Sort(w.rest.Targets)
	w.rest.Targets = slices.Compact(w.rest.Targets)
	w.finish()
}

// farApart: constants of the large code models were used apart from what they are added to. That is an address that the unit
// adds others to, or that of the global offset table, which the frame may have kept from code of another unit.
func (w *worker) farApart() {
	got := w.f.GotPLT
	for i := 0; i < len(w.f.Sections) && got == 0; i++ {
		if s := &w.f.Sections[i]; s.Name == ".got" || s.Name == ".got.plt" {
			got = s.Start
		}
	}
	if got != 0 {
		w.anchor(&elem{k: kAddr, a: got})
	}
	for _, n := range w.apart {
		for _, a := range w.anchors {
			if w.inImage(a + n) {
				w.obj(a+n, 0)
			}
		}
	}
}

// export turns a value into what a summary says of it.
func (w *worker) export(x val) []summary.Value {
	var out []summary.Value
	one := func(e *elem) {
		switch e.k {
		case kConst:
			out = append(out, summary.Value{Kind: summary.Const, N: int64(e.a)})
		case kLow:
			if e.r >= 4 && !w.exact {
				out = append(out, summary.Value{Kind: summary.Const, N: int64(e.a)})
				break
			}
			out = append(out, summary.Value{Kind: summary.Low, N: int64(e.a), Size: uint8(e.r)})
		case kArg:
			out = append(out, summary.Value{Kind: summary.Arg, Reg: uint8(e.r), Size: uint8(e.b)})
		case kArgOp:
			out = append(out, summary.Value{Kind: summary.Arg, Reg: uint8(e.r), N: int64(e.a), Off: int32(e.b >> 8), Size: uint8(e.b)})
		case kArgD:
			out = append(out, summary.Value{Kind: summary.ArgMem, Reg: uint8(e.r), N: e.b})
		case kStk:
			out = append(out, summary.Value{Kind: summary.Stack, N: e.b})
		case kLoadD:
			out = append(out, summary.Value{Kind: summary.SlotMem, N: int64(e.a), Off: int32(e.b)})
		case kLoad:
			out = append(out, summary.Value{Kind: summary.Slot, N: int64(e.a), Size: uint8(e.r)})
		case kAddr:
			if fixed(e.b) {
				kind := summary.Addr
				if w.exact && w.abs {
					kind = summary.Const
				}
				out = append(out, summary.Value{Kind: kind, N: int64(e.a + uint64(e.b))})
				break
			}
			out = append(out, summary.Value{})
		default:
			out = append(out, summary.Value{})
		}
	}
	if x < setBit {
		one(&w.v.elems[x])
		return out
	}
	for _, y := range w.v.members(x) {
		one(&w.v.elems[y])
	}
	return out
}
