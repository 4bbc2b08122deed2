package dataflow

import "github.com/gofind-dev/gofind/internal/x86"

// Most of what changes before a block that was evaluated are registers that it does not look at: those of code around a loop,
// say; or words of the frame, none of which it looked at or stored to when it was evaluated, as it would not again with the
// same registers. What it did is then what it would do again, and only the changes go on, to the blocks that
// it led to: with those it would do the same as before, since a join with what was joined before changes nothing.

// traffic are the registers that a block looks at, before it writes them, and those that it
// writes without looking at them. No block is taken to leave rsp alone.
type traffic struct{ reads, kills uint16 }

// trafficOf returns the traffic of the instructions from first to end. Facts of package x86 err on the
// side of reading; that a register is overwritten as a whole is known of few operations.
func (w *worker) trafficOf(first, end int32) (t traffic) {
	t.reads = 1 << x86.RSP
	bit := func(r x86.Reg) uint16 { return bitOf[uint8(r)] }
	insts := w.insts[first:end]
	for i := range insts {
		in := &insts[i]
		of := trafficBy[in.Op]
		if in.Size < 4 {
			of.kills = 0 // the rest of the register stays
		}
		reads := in.Use | of.reads | bit(in.Base) | bit(in.Index) | bit(in.Src)
		dst := bit(in.Dst)
		kills := dst & of.kills
		if (in.Op == x86.OpXor || in.Op == x86.OpSub) && in.Src == in.Dst && in.Size >= 4 && in.Flags&x86.FlagImm == 0 {
			reads, kills = reads&^dst, dst
		} else {
			reads |= (dst | in.Def) &^ of.kills
		}
		t.reads |= reads &^ t.kills
		t.kills |= kills &^ t.reads
	}
	return t
}

// trafficBy says of operations which registers they read besides their operands, and with all bits of kills that they
// overwrite one of at least 4 bytes without looking at it.
var trafficBy = func() (by [256]traffic) {
	for _, op := range []x86.Op{x86.OpCall, x86.OpCallInd, x86.OpJmpInd, x86.OpRet, x86.OpSyscall, x86.OpSysenter, x86.OpInt80} {
		by[op].reads = 0xffff
	}
	for _, op := range []x86.Op{x86.OpMov, x86.OpMovzx, x86.OpMovsx, x86.OpLea, x86.OpPop} {
		by[op].kills = 0xffff
	}
	for _, op := range []x86.Op{x86.OpShl, x86.OpShr, x86.OpSar} {
		by[op].reads = 1 << x86.RCX
	}
	by[x86.OpLeave].reads = 1 << x86.RBP
	return
}()

// bitOf has the bits of registers; what is none has no bit.
var bitOf = func() (bits [256]uint16) {
	for r := range 16 {
		bits[r] = 1 << r
	}
	return
}()

// through lets changes before block b go on behind it, if it does not look at them. It
// reports whether it did; otherwise the block has to be evaluated.
func (w *worker) through(b int32, changed changes) bool {
	bl := &w.blocks[b]
	if w.exact || w.plain || bl.note < 0 || bl.end == bl.first || changed&inFlags != 0 {
		return false
	}
	n := &w.book.notes[bl.note]
	if changed&inFrame != 0 && (n.did&worded != 0 || bl.joint != 0) {
		return false
	}
	if regs := uint16(changed); regs != 0 {
		if bl.traffic.reads == 0 {
			bl.traffic = w.trafficOf(bl.first, bl.end)
			if t := &bl.traffic; bl.joint != 0 {
				// Before each instruction, what was overwritten comes back.
				t.reads, t.kills = t.reads|t.kills, 0
			}
		}
		if regs&bl.traffic.reads != 0 {
			return false
		}
	}
	last := &w.insts[bl.end-1]
	to := [2]int32{-1, -1}
	if last.Op == x86.OpJmp || last.Op == x86.OpJcc {
		// A tail call gets all registers.
		if !n.jumps || !w.inside(uint64(last.Imm), last.Op == x86.OpJcc) {
			return false
		}
		if to[0] = bl.to; to[0] < 0 {
			return false
		}
	} else if last.Op == x86.OpJmpInd || (last.Op == x86.OpCall || last.Op == x86.OpCallInd) && len(w.landingPads(last.PC)) > 0 {
		return false // there are other ways on; and where a jump goes depends on what code is known by then, too
	}
	if !n.stops {
		to[1] = bl.next
	}
	for _, t := range to {
		if t >= 0 && (w.blocks[t].in < 0 || w.blocks[t].visits > patience) {
			return false
		}
	}
	if changed &^= changes(bl.traffic.kills); changed == 0 {
		return true
	}
	s := w.states.at(bl.in)
	if changed&inFrame != 0 && n.did&smashed != 0 {
		t := &w.equal
		t.set(s)
		t.smash()
		s = t
	}
	for _, t := range to {
		if t >= 0 {
			w.flowSome(t, s, changed)
		}
	}
	return true
}
