// Package summary holds what the analysis of one ELF file says about its code:
// for each entry point that was asked for, a Unit. A Unit depends on the bytes
// of that file alone, never on the process it is loaded into, the host or the
// order of requests, so it can be stored by the file's hash and combined with
// the units of other files (package reach).
//
// A Unit is a set of facts about references *out of* the code that control can
// reach from its entry without leaving through a call or a tail call. It is an
// over-approximation: each address that the code forms and that may be used for
// anything but a comparison is in some Ref; each syscall instruction it may
// execute is a Site whose Values include every number it may carry.
package summary

// Kind says what a Ref means.
type Kind uint8

// Kinds of references. Addresses are the file's own.
const (
	RefCode     Kind = iota // control goes to A: call, tail call, address only ever called
	RefAddr                 // address A escapes, reached as A+Off (both live); stored, passed to unknown code, computed with
	RefRead                 // Size bytes at A are read
	RefCallSlot             // control goes to what the pointer at A holds
	RefStore                // address B (reached as B+Off) is stored to the 8 bytes at A
	RefPass                 // address A (+Off) is in register Reg when control goes to B: it escapes if that code consumes Reg
	RefPassSlot             // the same, when control goes to what the pointer at B holds
	RefTable                // A is a table of code offsets relative to B, of 8 bytes if that is Size, else of 4
)

// Ref is one reference out of a unit. 24 bytes.
type Ref struct {
	A, B uint64
	Off  int32
	Size uint16
	Kind Kind
	Reg  uint8 // a register, or for RefAddr, RefStore and RefRead: Back or 0
}

// Back in Ref.Reg says that what the address leads to is also reached
// backwards from it: by a negative offset, or a pointer that is counted down.
const Back = 0x80

// Near in Ref.Reg of a RefAddr says that the address is indexed with an unknown
// index, which may be negative if the address is the end of the object.
const Near = 0x40

// ValueKind says what a Value is.
type ValueKind uint8

// Kinds of values that the number at a syscall site, or of a parameter, can have.
const (
	Unknown ValueKind = iota
	Const             // N
	Low               // only the low Size bytes are known: N
	Arg               // what register Reg held on entry, truncated to Size bytes if Size is 1 or 2
	ArgMem            // the memory at (register Reg on entry) + N
	Stack             // the stack word at (rsp on entry) + N
	Slot              // the memory at address N of the file
	SlotMem           // the memory at (the pointer at address N of the file) + Off
	Addr              // the address N of the file
)

// Value is one possible value. A set of values is a slice.
type Value struct {
	N    int64
	Off  int32
	Kind ValueKind
	Reg  uint8
	Size uint8
}

// Op returns what was done to an Arg, in answers to exact queries alone: an operation with the
// constant N, in Size bytes, 4 or 8. Off has it.
func (v Value) Op() Op {
	if v.Kind != Arg {
		return OpNone
	}
	return Op(v.Off)
}

// Op is an operation.
type Op int32

// Operations on what a register held, and a constant.
const (
	OpNone Op = iota
	OpAdd
	OpSub
	OpAnd
	OpOr
	OpXor
)

// Apply returns the result of an operation on 64 bits.
func (o Op) Apply(a, b uint64) uint64 {
	switch o {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpAnd:
		return a & b
	case OpOr:
		return a | b
	case OpXor:
		return a ^ b
	}
	return a
}

// StoreKind says what an ArgStore stores.
type StoreKind uint8

// Kinds of stores.
const (
	StoreAny   StoreKind = iota // anything
	StoreArg                    // what register Reg held on entry
	StoreConst                  // N
)

// ArgStore says that the unit stores something that is no address of the file to
// the Size bytes at Slot.
type ArgStore struct {
	Slot uint64
	N    int64
	Kind StoreKind
	Reg  uint8
	Size uint8 // 1 to 64
}

// AnyPointer stands for the callees of calls through pointers in queries.
const AnyPointer = ^uint64(0)

// Gate is the instruction that enters the kernel.
type Gate uint8

// Gates.
const (
	GateSyscall  Gate = iota // x86-64 or x32, by the number's bit 30
	GateSysenter             // i386
	GateInt80                // i386
)

// Site is a syscall instruction that the unit may execute.
type Site struct {
	PC     uint64
	Gate   Gate
	Values []Value    // of eax
	Args   [3][]Value // of rdi, rsi, rdx (ebx, ecx, edx of the i386 gates are not kept)
}

// ArgPass says what of the values on entry is in registers when control goes to
// Callee (or to what the pointer at Callee holds, see Moves.Slot). A register that may hold the values of several is in as many of them.
type ArgPass struct {
	Callee uint64
	Moves  Moves
}

// GapKind names a place where the analysis gave up.
type GapKind uint8

// Gaps.
const (
	GapJump      GapKind = iota // an indirect jump inside the function whose targets are not known
	GapCode                     // bytes that are not an instruction
	GapBudget                   // the function is larger than the analysis' budget
	GapException                // an exception table that could not be read
	GapSwept                    // as GapBudget, but all code of the function was found
)

// Gap is a named loss.
type Gap struct {
	PC   uint64
	Kind GapKind
}

// Part is a piece of a unit's code. Part 0 begins at the entry; any other runs
// only after one of the Edges to it was taken. It says where what it refers to ends:
// its Refs are those from the end of the part before it on, and so are the others.
type Part struct {
	Refs, Passes, Sites, Kept uint32
}

// Edge is a way from one part to another.
type Edge struct {
	From, To uint16
	Cond     uint16 // 0: control may always take it; else Conds[Cond-1] must hold
}

// CondKind says what a Cond asks.
type CondKind uint8

// Conditions. Each is necessary: where it does not hold, the edge is not taken.
const (
	CondWord   CondKind = iota // the Size bytes at A do not hold what they hold in the file
	CondReturn                 // a call of A returned a value whose low Size bytes compare with N so that condition code Cmp holds
	CondEntry                  // a word of memory equals the file's own entry point
	CondText                   // memory begins with the Size characters in A, the first one lowest
	CondBack                   // a call of what the pointer at A holds comes back
	CondArg                    // the low Size bytes of what register A held on entry compare with N so that condition code Cmp holds
)

// Cond is a condition on what the unit does not decide itself. Cmp is the
// processor's condition code (Intel SDM, volume 2, appendix B.1.4.7) after cmp.
type Cond struct {
	A, N uint64
	Kind CondKind
	Cmp  uint8
	Size uint8
}

// ReturnKind says how a unit ends.
type ReturnKind uint8

// Kinds of ends.
const (
	ReturnAny   ReturnKind = iota // it returns something in rax
	ReturnConst                   // it returns N
	ReturnCode                    // it returns what the code at N returns, to which it jumps
	ReturnSlot                    // it returns what the code returns that the pointer at N holds
	ReturnNever                   // it has no end
)

// Return is a way in which the unit ends in a part.
type Return struct {
	N    int64
	Part uint16
	Kind ReturnKind
}

// Division says what the parts of a unit are. Few units have more than one.
type Division struct {
	Parts  []Part
	Edges  []Edge // by From
	Conds  []Cond
	InPart []uint16 // the part of each of the Targets, if there are Parts
}

// Unit is what is known of the code that starts at Entry. What has no part (Gaps,
// the Args) is that of all.
type Unit struct {
	Entry    uint64
	Refs     []Ref
	Passes   []ArgPass
	Returns  []Return // nil: anything
	Rest     *Rest    // nil: nothing of it
	Indirect bool     // it calls or jumps through pointers that are not the loader's own
	ArgBack  uint16   // registers of ArgUse from whose value it moves backwards
	ArgUse   uint16   // registers whose value on entry the code itself may consume (dereference, store, return changed, pass to unknown code)
	Insts    int32    // instructions
}

// Rest is what few units have anything of: apart, so that the others do not take room for it.
type Rest struct {
	Sites    []Site
	Kept     []ArgStore
	Division *Division // nil: all of the unit is one part
	Gaps     []Gap
	Targets  []uint64 // places inside that it reaches through jump tables and computed gotos, sorted
}

// Cond returns the condition of an edge that has one.
func (d *Division) Cond(edge int32) *Cond { return &d.Conds[d.Edges[edge].Cond-1] }

var (
	undivided Division
	nothing   Rest
)

// More returns the Rest of a unit, an empty one that must not be changed if it has none.
func (u *Unit) More() *Rest {
	if u.Rest == nil {
		return &nothing
	}
	return u.Rest
}

// Div returns the Division of a unit, an empty one if all of it is one part.
func (u *Unit) Div() *Division {
	if d := u.More().Division; d != nil {
		return d
	}
	return &undivided
}

// Span returns where the elements of a part begin and end.
func (u *Unit) Span(part int) (from, to Part) {
	parts := u.Div().Parts
	if len(parts) == 0 {
		return from, Part{uint32(len(u.Refs)), uint32(len(u.Passes)), uint32(len(u.More().Sites)), uint32(len(u.More().Kept))}
	}
	if part > 0 {
		from = parts[part-1]
	}
	return from, parts[part]
}
