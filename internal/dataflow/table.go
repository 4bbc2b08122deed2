package dataflow

import (
	"encoding/binary"
	"slices"

	"github.com/gofind-dev/gofind/internal/image"
	"github.com/gofind-dev/gofind/internal/summary"
	"github.com/gofind-dev/gofind/internal/x86"
)

const (
	maxTable  = 4096         // entries
	maxSeeds  = 4 * maxTable // entries of a table whose jump could not be resolved
	byteIndex = 256
)

func (w *worker) noteTable(a uint64) {
	if !slices.Contains(w.tables, a) {
		w.tables = append(w.tables, a)
	}
}

// jumpTable resolves an indirect jump whose target is a table entry. It
// reports whether it did; the targets have then been flowed to.
func (w *worker) jumpTable(s *state, in *x86.Inst, x val) bool {
	if x == vBottom || x == vMany || x == vTop {
		return false
	}
	list := []val{x}
	if x >= setBit {
		list = slices.Clone(w.v.members(x))
	}
	for _, y := range list {
		e := &w.v.elems[y]
		exact := e.k == kAddr && fixed(e.b) && w.inside(e.a+uint64(e.b), false)
		if e.k != kTabT && e.k != kTab8 && !(e.k == kTab4 && w.abs) && !exact {
			return false
		}
	}
	resolved := true
	for _, y := range list {
		e := w.v.elems[y]
		switch e.k {
		case kTabT:
			a, base := e.a, uint64(e.b)
			if e.r != form4 {
				resolved = w.offsetTable(s, in, a, base, e.r) && resolved
				break
			}
			if base < a && a-base < 1024 {
				if e.d != 0 { // or the entries are no offsets from a place that is the table's
					resolved = w.offsetTable(s, in, a, base, form4) && resolved
				}
				w.below = int(a - base)
				a = base // the index counts up to zero: the table begins at its base
			}
			resolved = w.offsetTable(s, in, a, base, form4) && resolved
			w.below = 0
		case kTab4:
			resolved = w.offsetTable(s, in, e.a, 0, whole4) && resolved
		case kTab8:
			resolved = w.offsetTable(s, in, e.a, 0, whole8) && resolved
		case kAddr:
			w.flowTo(e.a+uint64(e.b), s)
		}
	}
	return resolved
}

// offsetTable flows s to the entries of the table at a. Entries are relative
// to base. If the number of entries is not known from a comparison, all
// entries up to the first that is no code are taken.
func (w *worker) offsetTable(s *state, in *x86.Inst, a, base uint64, form int8) (resolved bool) {
	size := entrySize(form)
	n, bounded := w.bound(in.PC)
	if !bounded || w.below > 0 {
		n, bounded = maxTable, false
	}
	whole := !bounded || n <= maxTable
	n = min(n, maxTable)
	bounded = bounded && n != byteIndex // all that a byte can index is no bound that somebody checked
	if !w.final && w.below == 0 {
		w.tabN[in.PC] = n
	}
	// A table that the program may write says nothing of what it holds.
	constant := whole && (!w.f.Writable(a) || w.f.Relro.Contains(a))
	functions := false
	lead := 0 // entries that may lead elsewhere
	if !bounded && w.fde == nil && form != whole8 && !w.leadsIn(a, base, form) {
		lead = mostLead + w.below/size
	}
	w.went.reset() // an entry that was seen before leads where it led then
	inCode, end := w.f.Exec(a) && a >= w.fn.Start && a < w.fn.End, w.fn.End
	for k := 0; k < n; k++ {
		if !bounded && k == maxTable-1 {
			return false // it may go on
		}
		at := a + uint64(k*size)
		if inCode && at >= end {
			break
		}
		t, ok := w.tableEntry(at, base, form)
		if !ok || !w.f.Exec(t) {
			if bounded || k < lead {
				continue
			}
			break
		}
		if t >= w.fn.Start && t < w.fn.End || w.instAt(t) >= 0 {
			if inCode {
				// Linear decoding does not know what is table and what is code behind it;
				// but the table ends where the first of its targets begins.
				if t > a {
					end = min(end, t)
				}
			} else if !bounded && !w.boundary(t) {
				w.doubt(in.PC, t)
				if k >= lead {
					break
				}
				if !resolved && w.decodable(t) && w.went.first(t) {
					w.flowTo(t, s) // linear decoding may be wrong about it, behind data
				}
				continue
			}
			resolved = constant
			// A switch does not lead to where the function starts: a table of functions may.
			functions = functions || t == w.fn.Start || w.fde == nil
			if w.went.first(t) {
				w.flowTo(t, s)
			}
			continue
		}
		if !bounded && !w.partOf(t) {
			w.doubt(in.PC, t)
			// A part that looks like a function of its own, if it is one at all.
			// (Tables of whole addresses run into each other's entries, which all look right:
			// if the first one leads elsewhere, it is no switch but a call of a function.)
			if form == whole8 && functions {
				return false
			}
			if start, ok := w.startOf(t); form == whole8 || !ok || !w.boundaryOf(start, t) {
				if k < lead {
					continue
				}
				break
			}
			resolved = constant
			w.ask(s, in, t, 0)
			w.ends(summary.ReturnCode, t)
			w.ref(summary.Ref{Kind: summary.RefCode, A: t})
			w.hand(s, t, false, true)
			continue
		}
		resolved = constant
		if w.inside(t, true) && !w.final {
			w.flowTo(t, s)
			continue
		}
		w.doubt(in.PC, t)
		w.linkTo(t, 0)
		w.ref(summary.Ref{Kind: summary.RefCode, A: t})
		if w.final && w.instAt(t) < 0 {
			w.ends(summary.ReturnCode, t)
			w.ask(s, in, t, 0)
			w.hand(s, t, false, true)
		}
	}
	return resolved
}

// leadsIn reports whether the table word at a leads to an instruction of the unit's function.
func (w *worker) leadsIn(a, base uint64, form int8) bool {
	t, ok := w.tableEntry(a, base, form)
	return ok && w.f.Exec(t) && (w.fn.Contains(t) || w.instAt(t) >= 0) && w.boundary(t)
}

// decodable reports whether there are instructions from pc up to one that may not go on, and where those on the way jump to.
func (w *worker) decodable(pc uint64) bool {
	const most = 1000
	var in, there x86.Inst
	for range most {
		if !w.f.Exec(pc) || !x86.Decode(w.f.Bytes(pc), pc, &in) {
			return false
		}
		switch in.Op {
		case x86.OpJmp, x86.OpJcc, x86.OpCall:
			if t := uint64(in.Imm); w.inImage(t) && (!w.f.Exec(t) || !x86.Decode(w.f.Bytes(t), t, &there)) {
				return false
			}
		}
		switch in.Op {
		case x86.OpJmp, x86.OpJmpInd, x86.OpRet, x86.OpTrap, x86.OpCall, x86.OpCallInd, x86.OpSyscall, x86.OpSysenter, x86.OpInt80:
			return true
		}
		pc += uint64(in.Len)
	}
	return true
}

// mostLead bounds the entries of a table before the first one that its index reaches, if not all lead into the function. In assembly
// language, the binary logarithm of a size of 4 or more is an index, say.
const mostLead = 16

// doubt notes that the table jump at pc may go to t, and that t was not taken for a place in the unit. If it is found
// to be one later, what the jump brings has to go there.
func (w *worker) doubt(pc, t uint64) {
	const most = 1 << 14 // after which such a jump is looked at whenever more is known
	switch {
	case w.final || w.chaos:
	case len(w.doubts) < most:
		w.doubts[edge{pc, t}] = struct{}{}
	default:
		w.vague[pc] = w.knows()
	}
}

// edge is a way from a jump to a place.
type edge struct{ from, to uint64 }

// startOf returns the start of the function that t is in. Code without unwind
// information has none, seen from code that has it.
func (w *worker) startOf(t uint64) (uint64, bool) {
	if f := w.f.FDEAt(t); f != nil {
		return f.Start, true
	}
	if w.fde != nil {
		return 0, false
	}
	w.sweep.Do(w.sweepCalls)
	start, ok := uint64(0), false
	for _, starts := range [][]uint64{w.f.FuncStarts(), w.calls} {
		i, exact := slices.BinarySearch(starts, t)
		if exact {
			return t, true
		}
		if i > 0 && starts[i-1] >= start {
			start, ok = starts[i-1], true
		}
	}
	return start, ok
}

// maxCode is the size of code in bytes that a computed jump is followed into.
const maxCode = 1 << 15

// computed resolves a jump to a place in code plus something unknown, a
// multiple of the size of what lies there (unrolled loops): it flows s to every instruction from that place on.
func (w *worker) computed(s *state, x val) bool {
	any := false
	for _, y := range slices.Clone(w.list(x)) {
		e := w.v.elems[y]
		if e.k != kAddr || fixed(e.b) || !w.f.Exec(e.a) {
			continue
		}
		r := w.fn
		if !r.Contains(e.a) {
			r = w.gapAround(e.a)
			if f := w.f.FDEAt(e.a); f != nil {
				r = image.Range{Start: f.Start, End: f.End}
			}
		}
		if e.b == anyOff {
			r.Start = e.a
		}
		if r.End-r.Start > maxCode {
			return false
		}
		any = true
		if !w.final && !w.plain {
			h := w.hub(r)
			if h == maxHubs {
				return false // over budget
			}
			if w.gather(h, s); !w.hubs[h].whole {
				return false
			}
			continue
		}
		for pc := r.Start; pc < r.End; {
			n, ok := w.lenAt(pc)
			if !ok {
				return false
			}
			b := w.starts(pc)
			switch {
			case w.plain:
				w.flowTo(pc, s)
				pc += uint64(n)
			case b >= 0:
				w.linkTo(pc, 0)
				pc = w.endOf(&w.blocks[b])
			default:
				pc += uint64(n)
			}
		}
	}
	return any
}

// partOf reports whether code outside the function's range looks like a part
// of it that was split off: it starts with a frame in place, or jumps back
// into the function.
func (w *worker) partOf(t uint64) bool {
	f := w.f.FDEAt(t)
	if f == nil || !w.boundaryOf(f.Start, t) {
		return false
	}
	if f.CFAOffset >= 0 && f.CFAOffset != 8 {
		return true
	}
	part, known := w.parts[f.Start]
	if !known {
		part = w.jumpsBack(f)
		w.parts[f.Start] = part
	}
	return part
}

// jumpsBack reports whether code of f jumps into the middle of the function.
func (w *worker) jumpsBack(f *image.FDE) bool {
	var in x86.Inst
	for pc := f.Start; pc < f.End && pc-f.Start < 1<<14; pc += uint64(in.Len) {
		code := w.f.Bytes(pc)
		if len(code) == 0 {
			return false
		}
		x86.Decode(code, pc, &in)
		if t := uint64(in.Imm); (in.Op == x86.OpJmp || in.Op == x86.OpJcc) && t > w.fn.Start && t < w.fn.End {
			return true
		}
	}
	return false
}

// Forms of whole addresses in tables, besides those of offsets.
const (
	whole4 = -1
	whole8 = -2
)

// entrySize returns the size of an entry of a table in bytes.
func entrySize(form int8) int {
	switch {
	case form == form4 || form == whole4:
		return 4
	case form == form8 || form == whole8:
		return 8
	}
	return 2
}

// tableEntry returns the code address that the table word at a stands for.
func (w *worker) tableEntry(a, base uint64, form int8) (uint64, bool) {
	b := w.f.Bytes(a)
	if len(b) < entrySize(form) {
		return 0, false
	}
	switch form {
	case whole8:
		for _, r := range w.f.RelocsIn(a, a+8) {
			if r.Sym == 0 && r.Type == 8 {
				return r.Addend, true
			}
			return 0, false
		}
		if !w.abs {
			return 0, false
		}
		return binary.LittleEndian.Uint64(b), true
	case form8:
		return base + binary.LittleEndian.Uint64(b), true
	case whole4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	case form4:
		return base + uint64(int64(int32(binary.LittleEndian.Uint32(b)))), true
	}
	v := uint64(binary.LittleEndian.Uint16(b))
	if form&form2s != 0 {
		v = uint64(int64(int16(v)))
	}
	return base + v<<(form&form2by), true
}

// boundary reports whether a is an instruction boundary of the linear decoding of its function.
func (w *worker) boundary(a uint64) bool {
	return w.instAt(a) >= 0 || w.boundaryOf(w.fn.Start, a)
}

// tableSeeds makes the entries of all tables that this function reads possible
// targets of a jump that could not be resolved. It reports whether there were any,
// and no table was too long.
func (w *worker) tableSeeds(s *state) bool {
	f, k := &w.seeds, w.knows()
	if w.bring(f, k, s) {
		return f.found
	}
	any := w.allSeeds(f, s)
	w.brought(f, k, s, any)
	return any
}

// allSeeds is tableSeeds for entries that have to be looked for.
func (w *worker) allSeeds(f *fan, s *state) bool {
	any := false
	w.went.reset()
	for _, a := range w.tables {
		for k := 0; ; k++ {
			if k == maxSeeds {
				return false
			}
			t, ok := w.tableEntry(a+uint64(4*k), a, form4)
			if w.abs {
				if u, ok2 := w.tableEntry(a+uint64(4*k), 0, whole4); ok2 && w.f.Exec(u) {
					t, ok = u, true
				}
			}
			if !ok || !w.leads(t) {
				break
			}
			any = true
			if w.went.first(t) {
				w.flowTo(t, s)
				f.to = append(f.to, t)
			}
		}
	}
	return any
}

// leads reports whether a jump of the function may go to t, as far as linear
// decoding tells. (Without unwind information the unit may have begun in the middle of it.)
func (w *worker) leads(t uint64) bool {
	if w.fn.Contains(t) {
		return w.boundary(t)
	}
	start, ok := uint64(0), false
	if w.fde == nil && w.f.Exec(t) {
		start, ok = w.startOf(t)
	}
	return ok && w.boundaryOf(start, t)
}

func (w *worker) flowTo(t uint64, s *state) {
	b := int32(-1)
	if !w.final {
		b = w.blockAt(t)
	} else {
		w.linkTo(t, 0)
		if i := w.instAt(t); i >= 0 && w.blocks[w.instBlk[i]].first == i {
			b = w.instBlk[i]
		}
	}
	if b < 0 {
		w.targets[t] = struct{}{}
		return
	}
	w.blocks[b].target = true
	if !w.final {
		w.addPred(b, manyPreds)
		w.flow(b, s)
	}
}

// gotoLabels flows s to the labels inside the function whose addresses exist:
// in data (a static table of labels) or formed by its own code. It reports
// whether there were any.
func (w *worker) gotoLabels(s *state) bool {
	w.label.Do(w.findLabels)
	f, k := &w.gotos, known{insts: len(w.insts)}
	if w.bring(f, k, s) {
		return f.found
	}
	any := false
	i, _ := slices.BinarySearch(w.labels, w.fn.Start+1)
	for ; i < len(w.labels) && w.labels[i] < w.fn.End; i++ {
		any = true
		w.flowTo(w.labels[i], s)
		f.to = append(f.to, w.labels[i])
	}
	for i := 0; i < len(w.formed) || w.findFormed(); i++ {
		if t := w.formed[i]; w.boundary(t) {
			any = true
			w.flowTo(t, s)
			f.to = append(f.to, t)
		}
	}
	w.brought(f, k, s, any)
	return any
}

// findFormed looks for the next address in the function's range that its code forms, in what is decoded by now.
func (w *worker) findFormed() bool {
	for w.searched < len(w.insts) {
		in := &w.insts[w.searched]
		w.searched++
		t := uint64(in.Disp)
		if in.Op == x86.OpMov && in.Flags&x86.FlagImm != 0 && w.abs {
			t = uint64(in.Imm)
		} else if in.Op != x86.OpLea || in.Base != x86.RIP {
			continue
		}
		if t > w.fn.Start && t < w.fn.End {
			w.formed = append(w.formed, t)
			return true
		}
	}
	return false
}

// findLabels lists the code addresses that the file's data holds.
func (w *worker) findLabels() {
	for i := range w.f.Relocs {
		if r := &w.f.Relocs[i]; r.Sym == 0 && r.Type == image.RX8664Relative && w.f.Exec(r.Addend) {
			w.labels = append(w.labels, r.Addend)
		}
	}
	if w.abs {
		for _, sg := range w.f.Segments {
			b := w.f.Bytes(sg.Addr)
			for o := int(-sg.Addr & 7); o+8 <= len(b); o += 8 {
				if v := binary.LittleEndian.Uint64(b[o:]); v >= w.low && v < w.high && w.f.Exec(v) {
					w.labels = append(w.labels, v)
				}
			}
		}
	}
	slices.Sort(w.labels)
	w.labels = slices.Compact(w.labels)
}

// bound returns how many entries of its table the jump at pc may use,
// from the comparison of the index that guards the load: the load is found
// backwards in the straight code before the jump and its unique predecessors.
func (w *worker) bound(pc uint64) (int, bool) {
	i := w.instAt(pc)
	if i < 0 {
		return 0, false
	}
	// the load: an indexed access in this block or before
	idx, scaled := x86.RegNone, [2]x86.Reg{x86.RegNone, x86.RegNone}
	j, load := i, int32(-1)
	for steps := 0; steps < 64; steps++ {
		in := &w.insts[j]
		if in.Flags&x86.FlagMem != 0 && in.Index != x86.RegNone && in.Flags&x86.FlagMemOut == 0 {
			switch {
			case in.Op == x86.OpLea:
				if in.Base == x86.RegNone && in.Dst != x86.RegNone && slices.Contains(scaled[:], in.Dst) {
					idx = in.Index // of (table,index*4), of which this is index*4
				}
			case load >= 0:
			case in.Scale == 4 || in.Scale == 8 || in.Scale == 2 && in.MemSize == 2:
				idx = in.Index
			case in.Scale == 1 && in.MemSize >= 4:
				scaled, load = [2]x86.Reg{in.Base, in.Index}, j
			}
		}
		if idx != x86.RegNone {
			break
		}
		for k, r := range scaled {
			if j != load && r != x86.RegNone && in.Def>>uint(r)&1 != 0 {
				scaled[k] = x86.RegNone
			}
		}
		var ok bool
		if j, ok = w.before(j); !ok {
			return 0, false
		}
	}
	if idx == x86.RegNone {
		return 0, false
	}
	max := int64(-1)
	add := int64(0)
	for steps := 0; steps < 48; steps++ {
		k, ok := w.before(j)
		if !ok {
			return 0, false
		}
		in := &w.insts[k]
		taken := !w.follows(k, j)
		if in.Op == x86.OpJcc {
			// look for the comparison just before it
			c, ok := w.compare(k, idx)
			if ok {
				n, ok := limit(in.Cond, taken, c)
				if ok {
					max = n
				}
			}
			if max >= 0 {
				if n := max - add + 1; n > 0 && n <= maxTable {
					return int(n), true
				}
				return 0, false
			}
			j = k
			continue
		}
		j = k
		if in.Def>>uint(idx)&1 == 0 {
			continue
		}
		switch {
		case in.Op == x86.OpMov && in.Src != x86.RegNone && in.Dst == idx && in.Size >= 4:
			idx = in.Src
		case in.Op == x86.OpAnd && in.Flags&x86.FlagImm != 0 && in.Dst == idx && in.Imm >= 0 && in.Imm < maxTable && in.Size >= 4:
			return int(in.Imm) + 1, true
		case in.Op == x86.OpMovzx && in.Src != x86.RegNone && in.Flags&x86.FlagHigh8 == 0:
			if m, ok := w.maskedBefore(j, in.Src); ok {
				return m, true
			}
			if in.SrcSize == 1 {
				// a byte: 256 at most, fewer if compared
				if n, ok := w.boundFrom(j, in.Src, 1); ok {
					return n, true
				}
				return byteIndex, true
			}
			idx = in.Src
		case in.Op == x86.OpMovzx && in.SrcSize == 1:
			if n, ok := w.boundMem(j); ok {
				return n, true
			}
			return byteIndex, true
		case in.Op == x86.OpMovsx && in.Src != x86.RegNone && in.SrcSize == 4:
			idx = in.Src
		default:
			return 0, false
		}
	}
	return 0, false
}

func (w *worker) maskedBefore(j int32, r x86.Reg) (int, bool) {
	k, ok := w.before(j)
	if !ok {
		return 0, false
	}
	in := &w.insts[k]
	if in.Op == x86.OpAnd && in.Flags&x86.FlagImm != 0 && in.Dst == r && in.Imm >= 0 && in.Imm < 256 {
		return int(in.Imm) + 1, true
	}
	return 0, false
}

// boundFrom looks for a comparison of register r above instruction j.
func (w *worker) boundFrom(j int32, r x86.Reg, size uint8) (int, bool) {
	for steps := 0; steps < 24; steps++ {
		k, ok := w.before(j)
		if !ok {
			return 0, false
		}
		in := &w.insts[k]
		if in.Op == x86.OpJcc {
			if c, ok := w.compare(k, r); ok {
				if n, ok := limit(in.Cond, !w.follows(k, j), c); ok && n >= 0 && n < maxTable {
					return int(n) + 1, true
				}
			}
		}
		if in.Def>>uint(r)&1 != 0 {
			if in.Op == x86.OpMov && in.Src != x86.RegNone && in.Dst == r {
				r = in.Src
			} else {
				return 0, false
			}
		}
		j = k
	}
	return 0, false
}

// boundMem: the index was loaded from memory by instruction j; a comparison of
// the same operand above bounds it.
func (w *worker) boundMem(j int32) (int, bool) {
	ld := w.insts[j]
	for steps := 0; steps < 16; steps++ {
		k, ok := w.before(j)
		if !ok {
			return 0, false
		}
		in := &w.insts[k]
		if in.Op == x86.OpJcc {
			if c, ok := w.flagSetter(k); ok {
				cm := &w.insts[c]
				if cm.Op == x86.OpCmp && cm.Flags&x86.FlagMem != 0 && cm.Flags&x86.FlagImm != 0 && cm.Base == ld.Base && cm.Index == ld.Index && cm.Disp == ld.Disp && cm.Scale == ld.Scale && cm.Flags&x86.FlagSeg == ld.Flags&x86.FlagSeg {
					if n, ok := limit(in.Cond, !w.follows(k, j), cm.Imm&0xff); ok && n >= 0 && n < maxTable {
						return int(n) + 1, true
					}
				}
			}
		}
		if in.Flags&x86.FlagMemOut != 0 || in.Op == x86.OpCall || in.Op == x86.OpCallInd || ld.Base >= 0 && ld.Base < 16 && in.Def>>uint(ld.Base)&1 != 0 {
			return 0, false
		}
		j = k
	}
	return 0, false
}

// flagSetter returns the instruction whose flags the conditional jump k tests,
// looking past moves.
func (w *worker) flagSetter(k int32) (int32, bool) {
	for steps := 0; steps < 6; steps++ {
		j, ok := w.before(k)
		if !ok {
			return 0, false
		}
		switch w.insts[j].Op {
		case x86.OpMov, x86.OpLea, x86.OpMovzx, x86.OpMovsx, x86.OpNop, x86.OpPush, x86.OpPop:
			k = j
		default:
			return j, true
		}
	}
	return 0, false
}

// compare returns the constant that register r is compared with before the
// conditional jump k.
func (w *worker) compare(k int32, r x86.Reg) (int64, bool) {
	for steps := 0; steps < 6; steps++ {
		j, ok := w.before(k)
		if !ok {
			return 0, false
		}
		in := &w.insts[j]
		switch in.Op {
		case x86.OpCmp:
			if in.Dst == r && in.Flags&x86.FlagImm != 0 && in.Flags&x86.FlagMem == 0 && in.Imm >= 0 {
				return in.Imm, true
			}
			return 0, false
		case x86.OpMov, x86.OpLea, x86.OpMovzx, x86.OpMovsx, x86.OpNop, x86.OpPush, x86.OpPop:
			// no flags
			if in.Def>>uint(r)&1 != 0 {
				if in.Op == x86.OpMov && in.Src != x86.RegNone && in.Dst == r {
					r = in.Src
				} else {
					return 0, false
				}
			}
		default:
			return 0, false
		}
		k = j
	}
	return 0, false
}

// limit returns the largest unsigned value of the index on the side of the
// conditional jump that leads to the table.
func limit(cond uint8, taken bool, c int64) (int64, bool) {
	switch cond {
	case 7: // ja
		if !taken {
			return c, true
		}
	case 3: // jae
		if !taken {
			return c - 1, true
		}
	case 6: // jbe
		if taken {
			return c, true
		}
	case 2: // jb
		if taken {
			return c - 1, true
		}
	}
	return 0, false
}

// before returns the instruction that control came from to j: the previous
// one in its block, or the last one of the only block that leads to it.
func (w *worker) before(j int32) (int32, bool) {
	if w.lead(j) < j {
		return j - 1, true
	}
	pred := w.blocks[w.instBlk[j]].pred
	return pred, pred >= 0
}

// follows reports whether j is reached from k by falling through.
func (w *worker) follows(k, j int32) bool {
	in := &w.insts[k]
	return in.PC+uint64(in.Len) == w.insts[j].PC
}

// stale queues the blocks of the jump tables whose bound no longer holds since
// more of the function became known, or that lead to what was not in the unit before, and those of the jumps that are
// not resolved: more tables and labels may be known. It reports whether there was one.
func (w *worker) stale() bool {
	any := false
	for pc, n := range w.tabN {
		m, ok := w.bound(pc)
		if !ok {
			m = maxTable
		}
		if m = min(m, maxTable); m != n {
			w.enqueue(w.instBlk[w.instAt(pc)])
			w.tabN[pc] = m // the jump says so itself only if it still is one through tables
			any = true
		}
	}
	for e := range w.doubts {
		if w.instAt(e.to) >= 0 {
			w.enqueue(w.instBlk[w.instAt(e.from)])
			delete(w.doubts, e)
			any = true
		}
	}
	for pc, k := range w.vague {
		if k != w.knows() {
			w.enqueue(w.instBlk[w.instAt(pc)])
			w.vague[pc] = w.knows() // the jump says so itself only if it still is not resolved
			any = true
		}
	}
	return any
}
