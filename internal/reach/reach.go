package reach

import (
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofind-dev/gofind/internal/dataflow"
	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/process"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

// UnitID is the dense id of a live unit. 0 is no unit.
type UnitID uint32

// How says why a unit is live.
type How uint8

// Reasons.
const (
	Root     How = iota // entry, constructor, ...
	Call                // called or jumped to
	Slot                // through a pointer in a slot
	Address             // its address is taken
	Data                // a pointer in live data
	Resolver            // an IFUNC resolver, or what it returns
	Symbol              // looked up by name
)

func (h How) String() string {
	return [...]string{"root", "call", "slot", "address", "data", "ifunc", "symbol"}[h]
}

// cause is the edge that made something live first.
type cause struct {
	unit    UnitID
	how     How
	foreign bool // another image refers to it
}

// Unit is a live unit.
type Unit struct {
	Image  int
	Entry  uint64
	Sum    *summary.Unit
	some   *some  // nil if all of it runs
	Parent UnitID // 0 for roots
	why    uint32 // see Graph.Why
	taker  UnitID // the first who took it
	How    How
	Taken  bool // live through a pointer: it may be called from code that is not known to
	Given  bool // Taken, and not just since the loader, whose own requests are few, may look it up by name
	Handed bool // its address was formed by code and given away
	Rooted bool // the kernel or the loader calls it

	held    bool     // waits for Release: neither its references nor its sites count
	ifunc   resolver // whether it is an IFUNC resolver
	takes   uint8    // how often it was taken, 2 for more
	takenAs How      // how the first did
}

// resolver says whether a unit is an IFUNC resolver: the loader calls it.
type resolver uint8

const (
	resolvesNot resolver = iota
	resolves
	resolvesLater // what it returns waits: it is only reached as a resolver
)

// some is what is known of a unit of which not all may run.
type some struct {
	full *summary.Unit // Sum with what does not run of it; nil before it begins to
	gate Held          // what waits for Release
	runs []bool        // by part of full: it can run
}

// Options of a run.
type Options struct {
	Workers int
	// Loaded is called when the worklist is empty; it may add images to the
	// process (dlopen) and roots to the graph, and reports whether it did.
	Loaded func(*Graph) bool
	// Elsewhere, if not nil, reports whether the code at entry hands an address to another process alone, so that nothing here finds it.
	Elsewhere func(entry, addr uint64) bool
}

// Graph is what is live.
type Graph struct {
	P       *process.Process
	Members []*member

	ids       []*addrs[UnitID] // per image, by entry
	todo      []UnitID         // to analyse
	units     blocks[Unit]     // by UnitID; that of 0 is unused
	args      blocks[args]     // likewise
	waiters   waiters
	ready     []ready  // of consume
	wants     []wanted // of want
	reached   reached  // of await
	passing   reached  // of passOn
	opts      Options
	pools     []*dataflow.Analyser
	targets   []process.Target
	Outside   []Outside // control that leaves every image
	callers   callers
	indexed   int       // units before it are in callers
	started   int       // images with which the process starts
	growing   []growing // see rebind
	labels    []label
	Hold      func(g *Graph, id UnitID) Held // what of a unit that was just analysed waits for Release, if set
	gated     map[Place]bool
	data      []dataIn
	derived   *derived
	strict    bool  // see SymbolsBound
	woken     []way // edges that can be taken since conditions came to hold
	pending   []way // edges that wait for a call to come back
	rechecks  int
	Denied    func(img int, c *summary.Cond) bool             // conditions that never hold by assumption, if set
	MayPass   func(g *Graph, id UnitID, c *summary.Cond) bool // whether the callers of a unit may pass what a condition asks for (CondArg), if set; else they may
	takers    map[UnitID][]UnitID                             // by unit: who else made it Taken, of each other image than that of Unit.taker one
	queries   map[query][]dataflow.Passed
	words     map[query][]dataflow.Passed                       // of QueryWords
	chosen    map[Place][]uint64                                // by IFUNC resolver: what it may choose
	unborn    map[Place][]waiter                                // for code that is not live
	Modelled  func(img int, name string) bool                   // names that code of an image refers to whose look-up is modelled elsewhere, if set
	Strings   func(img int, addr uint64, s string, from UnitID) // called for each text that live code refers to (see image.File.Text), if set
	lookups   map[string]looked
	reasons   []string // by Unit.why; the first is empty
	reasonIDs map[string]uint32
	touched   int    // units analysed: see checkAfter
	first     uint64 // of fetch; it means nothing
	keeping   int    // units before it that store to words are in member.keepers
	versions  bool   // see Versions
	relooked  int    // images in which all of lookups were looked up
}

// Outside is a transfer to an address that is in no image.
type Outside struct {
	Unit UnitID
	Addr uint64
}

// New returns a graph of p with no roots.
func New(p *process.Process, opts Options) *Graph {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	g := &Graph{P: p, opts: opts, keeping: 1,
		reasons: []string{""}, reasonIDs: map[string]uint32{}, lookups: map[string]looked{}, started: len(p.Images), relooked: len(p.Images), gated: map[Place]bool{}, queries: map[query][]dataflow.Passed{}, words: map[query][]dataflow.Passed{}, chosen: map[Place][]uint64{}, unborn: map[Place][]waiter{}}
	g.args.add(args{})
	g.units.add(Unit{})
	g.pools = append(g.pools, dataflow.New(p.Images[0].File))
	for range opts.Workers - 1 {
		g.pools = append(g.pools, g.pools[0].Fork(p.Images[0].File))
	}
	return g
}

// sync takes up images that were added to the process, side by side. This is where all bytes of their files are
// read, so they are hashed, too, while they are there.
func (g *Graph) sync() {
	added := g.P.Images[len(g.Members):]
	if len(added) == 0 {
		return
	}
	members := make([]*member, len(added))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(g.opts.Workers, len(added)) {
		wg.Go(func() {
			var room []uint64
			for i := int(next.Add(1)) - 1; i < len(added); i = int(next.Add(1)) - 1 {
				members[i] = newMember(added[i], &room)
				added[i].SHA256()
			}
		})
	}
	wg.Wait()
	for _, m := range members {
		g.Members = append(g.Members, m)
		g.ids = append(g.ids, &addrs[UnitID]{})
	}
	g.evict()
}

// Run computes everything that is live from the roots.
func (g *Graph) Run(ctx context.Context) error {
	for {
		for len(g.todo)+len(g.woken) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			level := g.todo
			g.todo = nil
			g.analyse(g.byPlace(level))
			for i, id := range level {
				if i%fetched == 0 {
					g.fetch(level[i:min(i+fetched, len(level))])
				}
				g.process(id)
			}
			g.wakeParts()
		}
		if g.recheck() || g.takeLabels() {
			continue
		}
		loaded := g.opts.Loaded != nil && g.opts.Loaded(g)
		if !g.rebind() && !loaded {
			g.done()
			return nil
		}
	}
}

// fetched is how many units are fetched at a time.
const fetched = 16

// fetch reads the first reference of each of some units. They are anywhere in memory: so the processor waits for
// them at the same time, and not for one after the other.
func (g *Graph) fetch(ids []UnitID) {
	for _, id := range ids {
		if s := g.Unit(id).Sum; s != nil && len(s.Refs) > 0 {
			g.first ^= s.Refs[0].A
		}
	}
}

// fetchFrom is fetch for units that became live one after another.
func (g *Graph) fetchFrom(id UnitID) {
	var ids [fetched]UnitID
	n := 0
	for ; n < fetched && int(id) < g.NumUnits(); n++ {
		ids[n] = id
		id++
	}
	g.fetch(ids[:n])
}

// byPlace returns units in the order of files and addresses, so that what is read of a file is read
// at a time.
func (g *Graph) byPlace(level []UnitID) []UnitID {
	type place struct {
		entry uint64
		img   uint32
		id    UnitID
	}
	l := make([]place, len(level))
	for i, id := range level {
		l[i] = place{g.Unit(id).Entry, uint32(g.Unit(id).Image), id}
	}
	slices.SortFunc(l, func(a, b place) int {
		if a.img != b.img {
			return cmp.Compare(a.img, b.img)
		}
		return cmp.Compare(a.entry, b.entry)
	})
	out := make([]UnitID, len(l))
	for i := range l {
		out[i] = l[i].id
	}
	return out
}

// checkAfter is how many units are analysed before evict looks at how much memory there is.
const checkAfter = 512

// evict, which any worker may call, drops the pages of all files if there is much memory and they are much of it. What is found out of files
// takes about as much in the end as they do, so until then their pages may: what is dropped and read again is mapped
// again. To drop all each time is a fortieth of a scan of ffmpeg, never to do it 100 MB more.
func (g *Graph) evict() {
	size := uint64(0)
	for _, m := range g.Members {
		size += uint64(len(m.Data))
	}
	all, files, err := image.Resident()
	if err == nil && (all < 28<<20+size+size/4 || files < 12<<20+size/16) {
		return
	}
	g.drop()
}

// drop drops the pages of all files.
func (g *Graph) drop() {
	for _, m := range g.Members {
		m.Evict()
	}
}

// done drops the pages of files if they are many: what is asked from now on is read in few of them, and needs memory of its own.
func (g *Graph) done() {
	const many = 32 << 20
	if _, files, err := image.Resident(); err != nil || files > many {
		g.drop()
	}
}

// label is a code address inside a function that live data holds.
type label struct {
	img  int
	addr uint64
	c    cause
}

// takeLabels makes labels live that the function they are in does not reach
// itself: those of jump tables and computed gotos are part of it.
func (g *Graph) takeLabels() bool {
	list := g.labels
	g.labels = nil
	reached := map[Place]bool{} // those in code without unwind information: whether some function reaches them itself
	bare := make([]bool, len(g.Members))
	for _, l := range list {
		if g.Members[l.img].FDEAt(l.addr) == nil {
			bare[l.img], reached[Place{l.img, l.addr}] = true, false
		}
	}
	if len(reached) > 0 {
		for i := range g.NumUnits() {
			if u := g.Unit(UnitID(i)); u.Sum != nil && bare[u.Image] {
				for _, t := range u.Sum.More().Targets {
					if _, is := reached[Place{u.Image, t}]; is {
						reached[Place{u.Image, t}] = true
					}
				}
			}
		}
	}
	for _, l := range list {
		if g.derived != nil && !g.derived.label(l.addr) {
			continue
		}
		f := g.Members[l.img].FDEAt(l.addr)
		if f == nil && reached[Place{l.img, l.addr}] {
			continue
		}
		if f != nil {
			if id, ok := g.ids[l.img].find(f.Start); ok {
				sum := g.Full(id)
				i, inside := slices.BinarySearch(sum.More().Targets, l.addr)
				if inside && (len(sum.Div().Parts) == 0 || g.Unit(id).mayRun(sum.Div().InPart[i])) {
					continue
				}
			}
		}
		g.take(l.img, l.addr, l.c, "")
	}
	return len(g.todo)+len(g.woken) > 0
}

// analyse fills in the summaries of a level, side by side. Each summary depends
// on its file alone, so the order does not matter.
func (g *Graph) analyse(level []UnitID) {
	before := g.touched
	g.touched += len(level)
	n := min(len(g.pools), (len(level)+31)/32)
	if n <= 1 {
		g.analyseSome(0, level)
		if before/checkAfter != g.touched/checkAfter {
			g.evict()
		}
		return
	}
	// Neighbours in the file share decoded pages and analysers, and what is remembered of it is where it was found.
	var next atomic.Int64
	chunk := max(16, min(len(level)/(8*n), 64))
	work := func(k int) {
		for {
			i := int(next.Add(int64(chunk))) - chunk
			if i >= len(level) {
				return
			}
			g.analyseSome(k, level[i:min(i+chunk, len(level))])
			if (before+i)%checkAfter < chunk {
				g.evict()
			}
		}
	}
	var wg sync.WaitGroup
	for k := 1; k < n; k++ {
		wg.Go(func() { work(k) })
	}
	work(0) // here, where the stack has grown already
	wg.Wait()
}

func (g *Graph) analyseSome(k int, ids []UnitID) {
	for _, id := range ids {
		u := g.Unit(id)
		if g.derived != nil {
			if u.Sum = g.derived.summary(u.Entry); u.Sum != nil {
				continue
			}
		}
		u.Sum = g.analyser(k, u.Image).Unit(u.Entry)
		if g.opts.Elsewhere != nil {
			u.Sum = g.opts.without(u.Entry, u.Sum)
		}
	}
}

// without returns a summary without the addresses that the code hands to another process.
func (o *Options) without(entry uint64, s *summary.Unit) *summary.Unit {
	away := func(r summary.Ref) bool { return r.Kind == summary.RefAddr && r.Off == 0 && o.Elsewhere(entry, r.A) }
	if s == nil || !slices.ContainsFunc(s.Refs, away) {
		return s
	}
	c := *s
	c.Refs = slices.Clone(s.Refs)
	for i := range c.Refs {
		if away(c.Refs[i]) {
			c.Refs[i].Kind = refNone
		}
	}
	return &c
}

func (g *Graph) analyser(k, img int) *dataflow.Analyser {
	g.pools[k].SetFile(g.Members[img].File)
	return g.pools[k]
}

// Query asks what the unit passes to a callee in a parameter. The answer, which
// depends on the unit's file alone, is kept: conditions are looked at many times.
func (g *Graph) Query(id UnitID, callee uint64, par dataflow.Param) []dataflow.Passed {
	k := query{id, callee, par}
	if a, known := g.queries[k]; known {
		return a
	}
	pars := []dataflow.Param{par}
	if slices.Contains(arguments, par) {
		pars = arguments // one analysis has the others, too
	}
	u := g.Unit(id)
	found := g.analyser(0, u.Image).Query(u.Entry, map[uint64][]dataflow.Param{callee: pars})
	n := 0
	for i := range found {
		n += len(found[i].Values)
	}
	values := make([]summary.Value, 0, n)
	for i, par := range pars {
		var a []dataflow.Passed
		for k := i; k < len(found); k += len(pars) {
			p := found[k]
			from := len(values)
			values = append(values, p.Values...)
			p.Values = values[from:len(values):len(values)]
			a = append(a, p)
		}
		g.queries[query{id, callee, par}] = a
	}
	return g.queries[k]
}

// arguments are the registers of arguments (psABI 3.2.3), as parameters.
var arguments = func() (l []dataflow.Param) {
	for _, r := range []x86.Reg{x86.RDI, x86.RSI, x86.RDX, x86.RCX, x86.R8, x86.R9} {
		l = append(l, dataflow.Param{Kind: summary.Arg, Reg: uint8(r)})
	}
	return l
}()

type query struct {
	unit   UnitID
	callee uint64
	par    dataflow.Param
}

// unit returns the id of the unit at an address, making it live.
func (g *Graph) unit(img int, entry uint64, c cause, why string) UnitID {
	if id, ok := g.ids[img].find(entry); ok {
		return id
	}
	id := UnitID(g.NumUnits())
	g.args.add(args{})
	g.units.add(Unit{Image: img, Entry: entry, Parent: c.unit, How: c.how, why: g.reason(why)})
	g.ids[img].put(entry, id)
	g.todo = append(g.todo, id)
	if at := (Place{img, entry}); len(g.unborn) > 0 && g.unborn[at] != nil {
		for _, w := range g.unborn[at] {
			g.wait(id, w)
		}
		delete(g.unborn, at)
	}
	return id
}

// reason returns the number of what makes roots live. Many have the same.
func (g *Graph) reason(why string) uint32 {
	if why == "" {
		return 0
	}
	n, known := g.reasonIDs[why]
	if !known {
		n = uint32(len(g.reasons))
		g.reasons = append(g.reasons, why)
		g.reasonIDs[why] = n
	}
	return n
}

// Why returns what makes a root live, "" of other units.
func (g *Graph) Why(id UnitID) string { return g.reasons[g.Unit(id).why] }

// Lookup returns the live unit at an address. Of an image that was just loaded, and that the
// graph has not taken in yet, nothing is live.
func (g *Graph) Lookup(img int, entry uint64) (UnitID, bool) {
	if img >= len(g.ids) {
		return 0, false
	}
	id, ok := g.ids[img].find(entry)
	return id, ok
}

// Root makes the code at an address live.
func (g *Graph) Root(img int, addr uint64, why string) {
	g.sync()
	if addr != 0 && g.Members[img].Exec(addr) {
		g.take(img, addr, cause{how: Root}, why)
	}
}

// RootSymbol makes what a dynamic symbol stands for live: code, or a data object.
func (g *Graph) RootSymbol(t process.Target, why string) {
	g.sync()
	g.symbol(t, 0, cause{how: Symbol}, why)
}

// Gate holds code back whose address is taken: it becomes live when it is
// called directly or rooted. For functions whose callers package dlopen models.
func (g *Graph) Gate(img int, addr uint64) {
	g.sync()
	g.gated[Place{img, addr}] = true
}

// Place is an address of an image.
type Place struct {
	Image int
	Addr  uint64
}

// take makes code live whose callers are not all known.
func (g *Graph) take(img int, addr uint64, c cause, why string) {
	if len(g.gated) > 0 && g.gated[Place{img, addr}] && (c.how == Address || c.how == Data) {
		return
	}
	if g.strict && c.how == Address && g.elsewhere(img, addr, c.unit) {
		return
	}
	if len(g.data) > 0 && (c.how == Address || c.how == Data) && slices.ContainsFunc(g.data, func(d dataIn) bool { return d.img == img && d.r.Contains(addr) }) {
		return
	}
	id := g.unit(img, addr, c, why)
	u := g.Unit(id)
	if u.takes == 0 {
		u.taker, u.takenAs = c.unit, c.how
	} else if g.Unit(u.taker).Image != g.Unit(c.unit).Image || u.taker == 0 != (c.unit == 0) {
		g.takenBy(id, c.unit)
	}
	u.takes = min(u.takes+1, 2)
	u.Taken = true
	u.Given = u.Given || c.how != Symbol || c.unit == 0 || g.Members[g.Unit(c.unit).Image].Origin != process.OriginLoader
	u.Handed = u.Handed || c.how == Address
	u.Rooted = u.Rooted || c.how == Root
	g.release(id)
}

// takenBy notes that a unit was taken by another image than the one that took it first.
func (g *Graph) takenBy(id, by UnitID) {
	if by == 0 || slices.ContainsFunc(g.takers[id], func(t UnitID) bool { return g.Unit(t).Image == g.Unit(by).Image }) {
		return
	}
	if g.takers == nil {
		g.takers = map[UnitID][]UnitID{}
	}
	g.takers[id] = append(g.takers[id], by)
}

// release makes what a resolver returns live if it was waiting.
func (g *Graph) release(id UnitID) {
	if !g.args.at(id).later {
		return
	}
	u := g.Unit(id)
	g.args.at(id).later = false
	u.ifunc = resolves
	if u.Sum == nil {
		return
	}
	for i := range u.Sum.Refs {
		if r := &u.Sum.Refs[i]; r.Kind == summary.RefAddr {
			g.ref(id, r, int32(i))
		}
	}
}

// resolverRoot makes an IFUNC resolver live; what it returns is live once wanted.
func (g *Graph) resolverRoot(img int, addr uint64, c cause, wanted bool) {
	if !g.Members[img].Exec(addr) {
		return
	}
	id, known := g.ids[img].find(addr)
	if !known {
		id = g.unit(img, addr, c, "IFUNC resolver")
		g.Unit(id).ifunc = resolvesLater
		g.args.at(id).later = true
	}
	if u := g.Unit(id); u.ifunc == resolvesNot {
		u.ifunc = resolves
	}
	if wanted {
		g.release(id)
	}
}

// code makes code live that is called or jumped to from unit c.unit.
func (g *Graph) code(img int, addr uint64, c cause) (UnitID, bool) {
	if !g.Members[img].Exec(addr) {
		// another image at a fixed address?
		for _, m := range g.Members {
			if m.id != img && m.Type == 2 && m.Exec(addr) {
				id := g.unit(m.id, addr, c, "")
				return id, true
			}
		}
		return 0, false
	}
	return g.unit(img, addr, c, ""), true
}

// addr makes what lies at an escaped address live.
func (g *Graph) addr(img int, a uint64, c cause) {
	m := g.Members[img]
	if c.how == Address && !c.foreign && m.marks.has(a, markOut) {
		return
	}
	if m.Exec(a) {
		if c.how == Data && m.isLabel(a) {
			if g.strict {
				return // of a jump table, which its function follows itself, or a number
			}
			g.labels = append(g.labels, label{img, a, c})
			return
		}
		g.take(img, a, c, "")
		if len(m.Sections) > 0 {
			return
		}
	}
	if a < m.Low || a > m.High {
		if a >= vsyscallPage {
			g.Outside = append(g.Outside, Outside{c.unit, a})
			return
		}
		for _, n := range g.Members {
			if n.id != img && n.Type == 2 && n.Exec(a) {
				g.take(n.id, a, c, "")
			}
		}
		return
	}
	if m.inGOT(a) {
		g.read(img, a, 8, c)
		return
	}
	g.dynamic(img, a, c)
	if g.derived != nil {
		g.derived.table(g, img, a, c)
	}
	marks := markSeen | markOffsets
	if c.how == Address && !c.foreign && !m.Exec(a) {
		marks |= markOut
	}
	writable := m.Writable(a)
	if writable {
		marks |= markTaken
	}
	before := m.marks.add(a, marks)
	if before&markSeen == 0 {
		g.text(img, a, c)
	}
	if before&markOffsets == 0 {
		g.offsetsAt(img, a, a, 4, c)
	}
	for w := a; m.entries[w] != 0 && m.marks.set(w, markGiven); w += 8 {
		g.labels = append(g.labels, label{img, m.entries[w], c}) // a jump table that is given away
	}
	o := m.object(a)
	if o < 0 {
		return
	}
	g.object(img, o, c)
	if m.starts[o] == a && o > 0 {
		g.expose(img, o-1, c) // a is its end: what counts down from there may write to it
	}
	// Where the linker's symbols for a whole section are, or before what aligns it.
	if i := sort.Search(len(m.Sections), func(i int) bool { return m.Sections[i].End > a }); i < len(m.Sections) && m.Sections[i].Start >= a && writable {
		for k := o; k < len(m.starts) && m.starts[k] < m.Sections[i].End; k++ {
			g.expose(img, k, c)
		}
	}
	// A few bytes below the start of an object compilers put the base of arrays
	// that are not counted from zero.
	if m.starts[o] != a && !(g.strict && m.text(a)) {
		g.behind(img, o, a, c)
	}
}

// wide makes everything live that lies between the proven boundaries around an
// address that a pointer is moved backwards from.
func (g *Graph) wide(img int, a uint64, c cause) {
	m := g.Members[img]
	if m.Exec(a) || m.inGOT(a) {
		return
	}
	if !m.marks.set(a, markWide) {
		return // the causes are all of this image: none opens more than another
	}
	i, _ := slices.BinarySearch(m.hard, a+1)
	if i == 0 {
		return
	}
	first := i - 1
	if m.hard[first] == a && first > 0 {
		first--
	}
	for k := first; k < i; k++ {
		if m.whole[k] {
			continue
		}
		end := m.High
		if k+1 < len(m.hard) {
			end = m.hard[k+1]
		}
		for o := m.object(m.hard[k]); o >= 0 && o < len(m.starts) && m.starts[o] < end; o++ {
			g.object(img, o, c)
		}
		m.whole[k] = true
	}
}

// beside makes the objects live that end at a, as loops count a negative index up to zero from the end of
// an array, and that begin a few bytes behind it, as of an array that is not counted from zero, if a is the start of one.
func (g *Graph) beside(img int, a uint64, c cause) {
	m := g.Members[img]
	o := m.object(a)
	if o < 0 || m.starts[o] != a || m.Exec(a) {
		return
	}
	if o > 0 {
		g.object(img, o-1, c)
	}
	g.behind(img, o, a, c)
}

// maxBelow is how many bytes below an array its address may be, if its elements are not counted from zero.
const maxBelow = 64

// behind makes the next object behind object o live, if it begins a few bytes behind a. What pads object o may look like one.
func (g *Graph) behind(img, o int, a uint64, c cause) {
	m := g.Members[img]
	for k := o + 1; k < len(m.starts) && m.starts[k]-a <= maxBelow; k++ {
		g.object(img, k, c)
		if m.starts[k]&7 == 0 {
			return
		}
	}
}

// object makes a data object live: what its relocations point to, and what
// live code stores into it.
func (g *Graph) object(img, o int, c cause) {
	m := g.Members[img]
	if m.live[o] && m.open[o] || m.inGOT(m.starts[o]) {
		return // words of the GOT are read one by one
	}
	start, end := m.starts[o], m.High
	if o+1 < len(m.starts) {
		end = m.starts[o+1]
	}
	g.expose(img, o, c)
	if m.live[o] {
		return
	}
	m.live[o] = true
	c.how, c.foreign = Data, false
	for _, r := range m.relocsIn(start, end) {
		g.reloc(img, r, c)
	}
	words := m.heldIn[o]
	delete(m.heldIn, o)
	for _, s := range words {
		g.unhold(img, s)
	}
}

func (g *Graph) unhold(img int, slot uint64) {
	m := g.Members[img]
	l := m.held[slot]
	if l == nil {
		return
	}
	delete(m.held, slot)
	for _, h := range l {
		g.addrOff(img, h.addr, h.off, h.from)
	}
}

func (g *Graph) addrOff(img int, a uint64, off int32, c cause) {
	g.addr(img, a, c)
	if off != 0 {
		g.addr(img, a+uint64(int64(off)), c)
	}
}

// read makes what the words of [a, a+size) hold live.
func (g *Graph) read(img int, a, size uint64, c cause) {
	m := g.Members[img]
	size = max(size, 1)
	g.dynamic(img, a, c)
	for w := a &^ 7; w < a+size; w += 8 {
		if !m.marks.set(w, markRead) {
			continue
		}
		for _, r := range m.relocsIn(w, w+8) {
			g.reloc(img, r, c)
		}
		g.unhold(img, w)
	}
}

// reloc makes what a relocation puts into its word live.
func (g *Graph) reloc(img int, r image.Reloc, c cause) {
	switch r.Type {
	case rRelative, rRel64, r32, r32S:
		if r.Sym == 0 {
			g.addr(img, r.Addend, c)
			return
		}
	case rIRel:
		g.resolverRoot(img, r.Addend, c, true)
		return
	case rCopy:
		for _, t := range g.P.CopySource(img, int(r.Sym)) {
			g.symbol(t, 0, c, "")
		}
		return
	case r64, rGlobDat, rJumpSlot, rPC32:
	default:
		return
	}
	add := uint64(0)
	if r.Type == r64 || r.Type == r32 || r.Type == r32S {
		add = r.Addend
	}
	if r.Sym == 0 {
		g.addr(img, r.Addend, c)
		return
	}
	var buf [4]process.Target
	l := g.P.Resolve(img, int(r.Sym), buf[:0])
	if g.P.MayGrow(img, int(r.Sym)) {
		g.growing = append(g.growing, growing{img, r, c})
	}
	for _, t := range l {
		c.foreign = t.Image != img
		g.symbol(t, add, c, "")
	}
}

// Resolve returns the definitions that a symbol reference binds to, valid until the next call.
func (g *Graph) Resolve(img, sym int) []process.Target {
	g.targets = g.P.Resolve(img, sym, g.targets[:0])
	return g.targets
}

// symbol makes what a definition stands for live.
func (g *Graph) symbol(t process.Target, add uint64, c cause, why string) {
	g.sync()
	m := g.Members[t.Image]
	s := m.Symbol(t.Sym)
	switch s.Type {
	case sttTLS:
	case sttIFunc:
		g.resolverRoot(t.Image, s.Value, c, true)
	case sttFunc:
		if add == 0 {
			if m.Exec(s.Value) {
				g.take(t.Image, s.Value, c, why)
			}
			return
		}
		g.addr(t.Image, s.Value+add, c)
	default:
		g.addr(t.Image, s.Value, c)
		if add != 0 {
			g.addr(t.Image, s.Value+add, c)
		}
		if s.Type == sttObject && s.Size > 0 {
			for o := m.object(s.Value); o >= 0 && o < len(m.starts) && m.starts[o] < s.Value+s.Size; o++ {
				g.object(t.Image, o, c)
			}
		}
	}
}

// Live reports whether a unit counts: it was analysed, and is not held back.
func (g *Graph) Live(id UnitID) bool { return g.Unit(id).Sum != nil && !g.Unit(id).held }

// follow follows what unit id refers to: the Refs from index r on to another, and the Passes.
func (g *Graph) follow(id UnitID, r0, r1, p0, p1 uint32) {
	u := g.Unit(id)
	sum := u.Sum
	hold := u.ifunc == resolvesLater
	g.reached.asked = false
	for i := r0; i < r1; i++ {
		r := &sum.Refs[i]
		if hold && r.Kind == summary.RefAddr && g.Members[u.Image].Exec(r.A) {
			continue
		}
		g.ref(id, r, int32(i))
	}
	a := g.args.at(id)
	a.followed = true
	g.passOn(wanted{id, a.wanted, p0, p1})
	g.settle()
}

// ref follows one reference of unit id.
func (g *Graph) ref(id UnitID, r *summary.Ref, index int32) {
	img := g.Unit(id).Image
	c := cause{unit: id, how: Address}
	switch r.Kind {
	case summary.RefCode:
		c.how = Call
		if g.derived.redirect(g, id, r.A) {
			return
		}
		if callee, ok := g.code(img, r.A, c); !ok {
			g.Outside = append(g.Outside, Outside{id, r.A})
		} else {
			g.release(callee)
		}
	case summary.RefAddr:
		g.addrOff(img, r.A, r.Off, c)
		switch {
		case r.Reg&summary.Back != 0:
			g.wide(img, r.A, c)
		case r.Reg&summary.Near != 0:
			g.beside(img, r.A+uint64(int64(r.Off)), c)
		}
	case summary.RefRead:
		c.how = Slot
		g.read(img, r.A, uint64(r.Size), c)
		g.odd(img, r.A, uint64(r.Size), c)
		if r.Reg&summary.Back != 0 {
			// the pointer in the slot is moved backwards
			for _, x := range g.Members[img].relocsIn(r.A, r.A+8) {
				if x.Sym == 0 && x.Type == rRelative {
					g.wide(img, x.Addend, c)
				}
			}
			// and so is what code stores there: no store waits any more
			g.Members[img].marks.set(r.A&^7, markBack)
			for _, h := range g.Members[img].stored[r.A&^7] {
				g.wide(img, h, c)
			}
		}
	case summary.RefCallSlot:
		c.how = Slot
		g.callSlot(img, r.A, c)
	case summary.RefStore:
		g.storeRef(img, r, c)
	case summary.RefTable:
		g.offsets(img, r.A, r.B, max(int(r.Size), 4), c)
		g.dataOffsets(img, r.A, r.B, c)
	case summary.RefPass, summary.RefPassSlot:
		g.name(img, r.A, c)
		handed := r.Kind == summary.RefPass && g.derived.instead(g, id, r.B) // they get it in another register
		if handed || !g.await(img, r.B, r.Kind == summary.RefPassSlot, waiter{mask: both(r.Reg &^ summary.Back), unit: id, from: uint32(index)}) {
			g.addrOff(img, r.A, r.Off, c)
			if r.Reg&summary.Back != 0 {
				g.wide(img, r.A, c)
			}
		}
	}
}

// callSlot: control goes to what the pointer at a holds. A GOT entry that ld.so
// fills from a symbol has known callees; they are called, not address-taken.
func (g *Graph) callSlot(img int, a uint64, c cause) {
	x := g.Members[img].relocOf(a)
	sym := boundBy(x)
	if sym == 0 {
		if to, ok := g.Members[img].pointsTo(a, x); ok {
			g.release(g.unit(img, to, c, ""))
			return
		}
		g.read(img, a, 8, c)
		return
	}
	var buf [4]process.Target
	for _, t := range g.P.Resolve(img, sym, buf[:0]) {
		s := g.Members[t.Image].Symbol(t.Sym)
		if s.Type == sttIFunc {
			g.resolverRoot(t.Image, s.Value, c, true)
		} else if g.Members[t.Image].Exec(s.Value) {
			g.release(g.unit(t.Image, s.Value, c, ""))
		}
	}
}

// bound appends the definitions that a slot is bound to, if the loader alone writes it.
func (g *Graph) bound(img int, slot uint64, dst []process.Target) ([]process.Target, bool) {
	sym := g.Members[img].boundTo(slot)
	if sym == 0 {
		return nil, false
	}
	return g.P.Resolve(img, sym, dst), true
}

// relocOf returns the relocation of a slot, nil if it has none, or others.
func (m *member) relocOf(slot uint64) *image.Reloc {
	if rs := m.relocsIn(slot, slot+8); len(rs) == 1 && rs[0].Addr == slot {
		return &rs[0]
	}
	return nil
}

// boundBy returns the dynamic symbol that a slot is bound to which the loader alone writes, else 0. x is its relocation.
func boundBy(x *image.Reloc) int {
	if x == nil || x.Type != rJumpSlot && x.Type != rGlobDat {
		return 0
	}
	return int(x.Sym)
}

// boundTo is boundBy for a slot.
func (m *member) boundTo(slot uint64) int { return boundBy(m.relocOf(slot)) }

// pointsTo returns the function of the same file that a slot points to which the loader alone writes: entries of the
// GOT that the linker bound itself. x is its relocation.
func (m *member) pointsTo(slot uint64, x *image.Reloc) (uint64, bool) {
	if x == nil || x.Type != rRelative || !m.sealed(slot, slot+8) || !m.Exec(x.Addend) {
		return 0, false
	}
	return x.Addend, true
}

// Imported returns the name of the symbol that control which goes to code that only jumps
// through a slot (an entry of the PLT), or to what a slot holds, is bound to.
func (g *Graph) Imported(img int, a uint64, slot bool) (string, bool) {
	m := g.Members[img]
	if !slot {
		if a, slot = dataflow.Stub(m.File, a); !slot {
			return "", false
		}
	}
	sym := m.boundTo(a)
	if sym == 0 {
		return "", false
	}
	return m.SymbolName(sym), true
}

// Slots calls each for the slots of an image that the loader alone writes, with the names of the symbols.
func (g *Graph) Slots(img int, each func(symbol string, slot uint64)) {
	g.sync()
	m := g.Members[img]
	for i := range m.relocs {
		if r := &m.relocs[i]; r.Type == rJumpSlot || r.Type == rGlobDat {
			if sym := m.boundTo(r.Addr); sym != 0 {
				each(m.SymbolName(sym), r.Addr)
			}
		}
	}
}

// storeRef: an address is stored to a slot: it is live once something reads the slot.
func (g *Graph) storeRef(img int, r *summary.Ref, c cause) {
	m := g.Members[img]
	w := r.A &^ 7
	m.stored[w] = append(m.stored[w], r.B)
	g.written(img, r.A, 8)
	if r.Reg&summary.Back != 0 || m.marks.has(w, markBack) {
		g.addrOff(img, r.B, r.Off, c)
		g.wide(img, r.B, c)
		return
	}
	o := m.object(r.A)
	if o < 0 || m.marks.has(w, markRead) || m.live[o] || m.inGOT(r.A) || r.A&7 != 0 {
		g.addrOff(img, r.B, r.Off, c)
		return
	}
	if m.held[w] == nil {
		m.heldIn[o] = append(m.heldIn[o], w)
	}
	m.held[w] = append(m.held[w], held{r.B, r.Off, c})
}

// offsets follows a table of offsets of 4 or 8 bytes from base: as long as its words
// lead to function starts. Tables are recognised by where they lead, since no
// relocation marks them.
func (g *Graph) offsets(img int, a, base uint64, size int, c cause) {
	m := g.Members[img]
	if a == base && size == 4 {
		if !m.marks.set(a, markOffsets) {
			return
		}
	} else if key := (table{a, base, size}); m.tables[key] {
		return
	} else {
		m.tables[key] = true
	}
	g.offsetsAt(img, a, base, size, c)
}

// offsetsAt is offsets for a table that was not looked at.
func (g *Graph) offsetsAt(img int, a, base uint64, size int, c cause) {
	m := g.Members[img]
	b := m.Bytes(a)
	miss := 0
	for k := 0; size*(k+1) <= len(b) && miss < 4; k++ {
		v := uint64(int64(int32(binary.LittleEndian.Uint32(b[size*k:]))))
		if size == 8 {
			v = binary.LittleEndian.Uint64(b[size*k:])
		}
		t := base + v
		if v != 0 && m.Exec(t) && m.isStart(t) {
			if _, proven := slices.BinarySearch(m.FuncStarts(), t); proven {
				g.take(img, t, c, "")
			} else {
				g.labels = append(g.labels, label{img, t, c}) // a switch may have come to the same place
			}
			miss = 0
			continue
		}
		miss++
	}
}

// dataOffsets follows a table of 32-bit offsets that lead to data with
// relocations, or to texts (LLVM's relative lookup tables). What leads into the middle of a word
// of the GOT may be an offset with a flag (Swift's), but a table of such that do not have the same one is one of numbers.
func (g *Graph) dataOffsets(img int, a, base uint64, c cause) {
	m := g.Members[img]
	b := m.Bytes(a)
	flag := uint64(0)
	for k, miss := 0, 0; 4*k+4 <= len(b) && k < 1024 && miss < 2; k++ {
		t := base + uint64(int64(int32(binary.LittleEndian.Uint32(b[4*k:]))))
		if f := t & 7; f != 0 && m.inGOT(t) {
			switch {
			case flag == 0 && f < 4:
				flag = f
			case f != flag:
				miss += 2 // this one still counts
			}
		}
		if t < m.Low || t >= m.High || m.Exec(t) {
			miss++
			continue
		}
		if m.Writable(t) {
			g.addr(img, t, c)
		} else {
			g.name(img, t, c)
		}
	}
}

// name: live code refers to a text. If it may be handed to a symbol lookup,
// and some image defines a symbol of that name, that symbol is live.
func (g *Graph) name(img int, a uint64, c cause) {
	if g.Members[img].marks.set(a, markSeen) {
		g.text(img, a, c)
	}
}

// text is name for a text that nothing referred to.
func (g *Graph) text(img int, a uint64, c cause) {
	m := g.Members[img]
	if m.Exec(a) && len(m.Sections) > 0 {
		return
	}
	s := m.Text(a)
	if s == "" {
		return
	}
	if g.Strings != nil {
		g.Strings(img, a, s, c.unit)
	}
	if name, _, assigned := strings.Cut(s, "="); assigned && identifier(name) {
		m.assigned = append(m.assigned, strings.Clone(name))
	}
	if !symbolName(s) || g.Modelled != nil && g.Modelled(img, s) {
		return
	}
	m.texts = append(m.texts, name{a, c.unit, c.how, c.foreign, uint16(len(s))})
	if m.looks != LooksNowhere {
		g.lookup(s, c, m.looks)
	}
}

// Names reports whether live code of an image refers to an identifier, or to a text
// that assigns to it as in the environment.
func (g *Graph) Names(img int, s string) bool {
	m := g.Members[img]
	return slices.Contains(m.assigned, s) || m.refersTo(s)
}

// refersTo reports whether live code refers to an identifier.
func (m *member) refersTo(s string) bool {
	return slices.ContainsFunc(m.texts, func(t name) bool { return int(t.len) == len(s) && m.Text(t.addr) == s })
}

// Assigns reports whether live code of an image refers to a text that assigns to an identifier as in the environment.
func (g *Graph) Assigns(img int, s string) bool { return slices.Contains(g.Members[img].assigned, s) }

// Looks says that live code of an image looks symbols up by name.
func (g *Graph) Looks(img int, where Lookups) bool {
	g.sync()
	m := g.Members[img]
	if m.looks >= where {
		return false
	}
	m.looks = where
	for _, t := range m.texts {
		g.lookup(m.Text(t.addr), cause{t.unit, t.how, t.foreign}, where)
	}
	return true
}

// LookUp says that a unit has the symbol looked up whose name is the text at an address of an image.
// It reports whether that was not known.
func (g *Graph) LookUp(img int, addr uint64, unit UnitID, where Lookups) bool {
	g.sync()
	s := g.Members[img].Text(addr)
	if l, known := g.lookups[s]; s == "" || known && l.where >= where && l.asked || g.Modelled != nil && g.Modelled(img, s) {
		return false
	}
	g.lookup(s, cause{unit: unit}, where)
	l := g.lookups[s]
	l.asked = true
	g.lookups[s] = l
	return true
}

func (g *Graph) lookup(s string, c cause, where Lookups) {
	if l, known := g.lookups[s]; known && l.where >= where {
		return
	}
	c.how = Symbol
	s = strings.Clone(s)
	g.lookups[s] = looked{c, where, g.lookups[s].asked}
	g.found(s, 0)
}

// LookedUp reports whether live code looks a symbol of this name up, but for the
// loader, whose own requests are few.
func (g *Graph) LookedUp(symbol string) bool {
	return g.lookups[symbol].asked || slices.ContainsFunc(g.Members, func(m *member) bool {
		return m.looks != LooksNowhere && m.Origin != process.OriginLoader && m.refersTo(symbol)
	})
}

// looked is a name that is looked up.
type looked struct {
	c     cause
	where Lookups
	asked bool // it is known to be passed to a function that looks names up
}

// found makes the definitions of a name that is looked up live, those in images from id first on.
func (g *Graph) found(s string, first int) {
	l := g.lookups[s]
	for _, t := range g.defined(first, s, nil) {
		o := g.P.Images[t.Image].Origin
		if l.where == LooksEverywhere || o == process.OriginModule || o == process.OriginDlopen || g.Members[t.Image].opened != LooksNowhere && l.where >= g.Members[t.Image].opened {
			g.symbol(t, 0, l.c, s)
		}
	}
}

// defined appends what a look-up of a name may find in images from id first on.
func (g *Graph) defined(first int, s string, dst []process.Target) []process.Target {
	if g.versions {
		return g.P.LookupVersions(first, s, dst)
	}
	return g.P.LookupFrom(first, s, dst)
}

// Versions says that names are looked up with versions, too, so that all definitions of a name are found and not just
// the default ones. It reports whether that was not known.
func (g *Graph) Versions() bool {
	if g.versions {
		return false
	}
	g.versions = true
	for _, s := range slices.Sorted(maps.Keys(g.lookups)) {
		g.found(s, 0)
	}
	return true
}

// Open says that an image is opened by name, so that a handle may lead to it and to what it needs. ofC tells the
// C library's images. It reports whether symbols may be found that were not.
func (g *Graph) Open(img int, ofC func(img int) bool) bool {
	g.sync()
	grown := false
	for todo := []int{img}; len(todo) > 0; {
		id, as := todo[0], LooksInOpened // who looks there, or further, finds it
		todo = todo[1:]
		if id != img && ofC(id) {
			as = LooksInNeeded
		}
		if m := g.Members[id]; m.opened == LooksNowhere || m.opened > as {
			m.opened, grown = as, true
			todo = append(todo, m.Needs...)
		}
	}
	if grown {
		for _, s := range slices.Sorted(maps.Keys(g.lookups)) {
			if w := g.lookups[s].where; w == LooksInOpened || w == LooksInNeeded {
				g.found(s, 0)
			}
		}
	}
	return grown
}

func identifier(s string) bool {
	return len(s) >= 2 && len(s) <= 128 && !strings.ContainsAny(s, ".$") && symbolName(s)
}

// symbolName reports whether a symbol may have a name: C++ has long ones, and Rust ones with dots and dollars.
func symbolName(s string) bool {
	for i := range len(s) {
		ch := s[i]
		if ch == '_' || ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || i > 0 && ch >= '0' && ch <= '9' || ch == '.' || ch == '$' {
			continue
		}
		return false
	}
	return s != ""
}

// Relookup looks the names that live code refers to up again, in images that have come since.
func (g *Graph) Relookup() {
	g.sync()
	first := g.relooked
	g.relooked = len(g.P.Images)
	var names []string // those that the new images define: few
	for s := range g.lookups {
		if g.targets = g.defined(first, s, g.targets[:0]); len(g.targets) > 0 {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	for _, s := range names {
		g.found(s, first)
	}
}

// TextAt returns the zero-terminated text at an address of an image.
func (g *Graph) TextAt(img int, addr uint64) (string, bool) {
	s := g.Members[img].Text(addr)
	return strings.Clone(s), s != ""
}

// Callees appends the live units that a RefCode or RefCallSlot of unit id leads to.
func (g *Graph) Callees(id UnitID, r *summary.Ref, dst []UnitID) []UnitID {
	return g.called(g.Unit(id).Image, r.A, r.Kind == summary.RefCallSlot, dst)
}

// Called returns the live units that a call of an address of an image, or through a slot there, leads to.
func (g *Graph) Called(img int, at uint64, slot bool) []UnitID { return g.called(img, at, slot, nil) }

func (g *Graph) called(img int, at uint64, slot bool, dst []UnitID) []UnitID {
	if slot {
		return g.slotUnits(img, at, dst)
	}
	if c, ok := g.ids[img].find(at); ok {
		return append(dst, c)
	}
	for _, m := range g.Members { // another image at a fixed address
		if m.id == img || m.Type != 2 {
			continue
		}
		if c, ok := g.ids[m.id].find(at); ok {
			return append(dst, c)
		}
	}
	return dst
}

// Reads reports whether live code may read the word at an address of an image
// that is stored to by name: by its address, or since the address of its object
// escapes. If no symbol says what that is, a pointer to twice apart before
// the word is taken to lead to it, and one from farther away not (assumption object-bounds).
func (g *Graph) Reads(img int, a uint64) bool {
	m := g.Members[img]
	o := m.object(a)
	if read := m.marks.has(a&^7, markRead); read || o < 0 || !m.live[o] {
		return read
	}
	for _, s := range m.DataSymbols() {
		if s.Contains(a) {
			return true
		}
	}
	for b := max(m.starts[o], a-min(a, 2*apart)); b <= a+reachBack; b++ {
		if b <= a && m.marks.has(b, markTaken) || b >= a && m.marks.has(b, markWide) {
			return true
		}
	}
	return false
}

// Store is a live unit that stores what it got in register Reg, or the constant N.
type Store struct {
	Unit  UnitID
	N     int64
	Reg   uint8
	Const bool
}

// apart is how far behind an escaped address a word is taken to be a variable
// of its own, if code reads and writes it by name.
const apart = 16

// reachBack is how far before an address a pointer that is moved backwards from
// it is taken to write into variables that code also writes by name.
const reachBack = 256

// Assigned lists the arguments and constants that live units store to the word at slot of an image by name, whatever else may be written there.
func (g *Graph) Assigned(img int, slot uint64) []Store {
	var stores []Store
	g.keepersOf(img, func(id UnitID, kept []summary.ArgStore) bool {
		for _, k := range kept {
			if k.Slot == slot && k.Kind != summary.StoreAny {
				stores = append(stores, Store{id, k.N, k.Reg, k.Kind == summary.StoreConst})
			}
		}
		return true
	})
	return stores
}

// keepersOf calls f for each live unit of an image that stores to words, with these stores, until it returns
// false. It reports whether it never did.
func (g *Graph) keepersOf(img int, f func(id UnitID, kept []summary.ArgStore) bool) bool {
	for ; g.keeping < g.NumUnits(); g.keeping++ {
		u := g.Unit(UnitID(g.keeping))
		if u.Sum == nil {
			break // not analysed yet
		}
		if len(g.Full(UnitID(g.keeping)).More().Kept) > 0 {
			k := g.Members[u.Image]
			k.keepers = append(k.keepers, UnitID(g.keeping))
		}
	}
	call := func(id UnitID) bool {
		u := g.Unit(id)
		return u.Image != img || u.Sum == nil || u.held || f(id, u.Sum.More().Kept)
	}
	for _, id := range g.Members[img].keepers {
		if !call(id) {
			return false
		}
	}
	for id := g.keeping; id < g.NumUnits(); id++ {
		if !call(UnitID(id)) {
			return false
		}
	}
	return true
}

// Stores lists the live units that store arguments of theirs or constants to the word at
// slot of an image. known is false if something else may write the word: it is
// initialised by the loader, in an object whose address escapes, or stored to
// with another value. In a stripped file the word may have a neighbour whose
// address escapes; if the word is stored to by name and not close behind it, it
// is taken to be a variable of its own (assumption object-bounds). null: it is a
// pointer that is null unless something stores to it, so no store is an answer too.
func (g *Graph) Stores(img int, slot uint64, null bool) (stores []Store, known bool) {
	m := g.Members[img]
	o := m.object(slot)
	if o < 0 || len(m.relocsIn(slot, slot+8)) > 0 || len(m.stored[slot&^7]) > 0 {
		return nil, false
	}
	for a := slot; m.live[o] && a+apart > slot && a >= m.starts[o]; a-- {
		if m.marks.has(a, markTaken) {
			return nil, false
		}
	}
	end := slot + reachBack
	if i, _ := slices.BinarySearch(m.hard, slot+1); i < len(m.hard) {
		end = min(end, m.hard[i]) // nothing moves across a proven boundary
	}
	for a := slot; a <= end; a++ {
		if m.marks.has(a, markWide) {
			return nil, false
		}
	}
	defer func() {
		if len(stores) == 0 && m.live[o] && !m.IsGo() && !null {
			known = false
		}
	}()
	all := g.keepersOf(img, func(id UnitID, kept []summary.ArgStore) bool {
		for _, k := range kept {
			if k.Slot < slot+8 && slot < k.Slot+uint64(k.Size) {
				if k.Kind == summary.StoreAny || k.Slot != slot || k.Size < 4 {
					return false
				}
				stores = append(stores, Store{id, k.N, k.Reg, k.Kind == summary.StoreConst})
			}
		}
		return true
	})
	if !all {
		return nil, false
	}
	return stores, true
}
