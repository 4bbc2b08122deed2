// Package dataflow summarises the code that control can reach from one entry of
// an ELF file without leaving through a call or a tail call: which addresses,
// words and functions it refers to, and which numbers its syscall instructions
// carry. The result, a summary.Unit, depends on the file alone.
//
// # Algorithm
//
// Abstract interpretation (Cousot and Cousot, POPL 1977) of machine code, with
// the control-flow graph found on the way: a block is decoded when control may
// go there, with all that direct transfers lead to from it, and split when
// something jumps into it. Blocks are evaluated in a weak topological order of the direct
// transfers, loops before what follows them (order.go), until no entry state changes (solve); a change of
// registers or of the frame that a block does not look at passes it by (through.go). Then what each that was reached
// refers to in its final state is written down (emit): from the note of its last
// visit, or by walking it once more. Calls are not entered.
//
// The state before an instruction is a value for each general-purpose register
// and for up to maxSlots words of the frame, named by their offset from rsp on
// entry. There is no state for other memory, vector registers and flags: values
// that go there have to escape (below).
//
// # Values
//
// A value is a set of at most maxSet elements, interned per unit so that equality
// is that of ids and joins are memoised. An element is one of
//
//   - a constant, or a constant in the low bytes of something unknown; one that is loaded as only
//     the large code models do may be an address less that of the GOT: where it is lost, its sums with
//     the addresses that the unit adds such constants to have escaped;
//   - an address of the file, at a fixed offset from the address that the code
//     formed, or "derived from" it: at an unknown offset, forwards only or both ways;
//   - what a register held on entry, whole, truncated, or derived from it;
//   - a word loaded from an address of the file, from memory behind a register of
//     the entry, behind a pointer in the file, or from the caller's frame;
//   - rsp on entry plus an offset, or something derived from it;
//   - an entry of a table, alone or added to its base;
//   - anything (top): what it was made from has escaped.
//
// The order is inclusion. Two steps make it of finite height: offsets from the
// same origin that differ are joined to an unknown offset at once, as is arithmetic
// on a set of constants to top, and adding in a loop to one that the loop is entered with; and a set that would outgrow maxSet becomes an
// absorbing top. Arithmetic that has no model yields top together with what its
// operands were derived from, so that computing with an address is not yet a use
// of it, and comparing is none at all.
//
// In a unit that does not enter the kernel, numbers that come together with something else than numbers are part of top, unless they
// may make a pointer go backwards or be addresses (inert.go).
//
// # Escape
//
// An address that the code forms must be in a Ref as soon as it may be used for
// anything that is not followed. This is the condition that everything rests on:
//
//	a value may be dropped (overwritten, replaced by top, left in a state that
//	ends) only if it cannot be read again, or if use was called on it
//
// Using an address makes a RefAddr; a loaded word, a RefRead of its place; a
// register of the entry, a bit of ArgUse, so that the caller's value is used
// in turn; an address in the frame, the flag esc, after which calls and stores
// to unknown places overwrite what is known of the frame.
// Uses are: a store to memory that is not the frame (a store to a word of
// the file's data makes a RefStore, which waits for a reader), a store to the
// frame as well (its words are followed, but may be read in other ways), an
// access at an unknown offset, any instruction without a model, a syscall's
// argument, a returned register, an unknown callee's argument, and the loss of a
// value that no longer fits in a set. What a known callee gets is not a use but a
// RefPass or an ArgPass: package reach decides whether the callee consumes it.
// Registers are passed to known callees regardless of the calling convention.
// When a pointer may be moved towards lower addresses, the Ref says so (Back).
//
// What the caller left in a register that the psABI makes the callee preserve
// may be saved in the frame without being used.
//
// # Control
//
// Direct jumps stay in the unit if they go to the function's range, or to code
// that is a part of it: the target is not the start of a range of unwind
// information, or is one at which a frame is in place already. Otherwise they are
// tail calls. The range of a function is its FDE (LSB 5.0 Core, "Exception
// Frames"); without one, it ends at the next known start or target of a call, and a jump to code whose
// address other code takes, where a unit begins anyhow, is a tail call too.
//
//   - Conditional jumps know the register they compare on the side where it equals
//     a constant; a comparison of two constants takes one side.
//   - Jump tables: an indirect jump to an entry of a table, or to an entry plus the
//     table's base, goes to all entries up to a bound, which is the comparison or
//     mask of the index in the code that is the only way to the jump. Without a
//     bound they are followed as long as they lead to instruction boundaries of
//     the function or of a part of it. In code without unwind information the index of a table of offsets need not begin at 0:
//     if the first entry leads elsewhere, others of the first 16 (mostLead) may. Entries are whole addresses, or offsets of 2, 4 or 8 bytes.
//     A table of whole addresses that leads elsewhere is one of functions, called by a jump.
//   - A jump to a place in code plus something unknown goes to every instruction behind it.
//   - Computed goto: an indirect jump with a frame in place goes to all places in
//     the function whose addresses are in data or formed by its own code. If there
//     are none, to everything that nothing else leads to (GapJump).
//   - Any other indirect jump leaves the function with all registers.
//   - Exceptions: a call goes on to the landing pads of its call site too (Itanium
//     C++ ABI, exception handling tables). If the table cannot be read, everything
//     in the range is taken as reachable (GapException).
//   - Calls that do not return: a call that ends its FDE's range, and one of a
//     function all of whose paths, followed neverDepth calls deep, end in a trap, a
//     loop, such a call, or a syscall that does not return.
//   - Calls that return twice (setjmp, vfork, getcontext): code that reads its own
//     return address, or a slot bound to a name that compilers know. The
//     frame is unknown afterwards.
//   - A call leaves the registers that the psABI preserves (section 3.2.1) as they
//     were, and of the others those that the callee, if it is not too long, provably does not write (GCC
//     relies on that with -fipa-ra); in Go code only the frame pointer (Go internal ABI).
//
// # Parts
//
// Where a branch compares a word of writable memory with a constant, the side that what the file
// holds there does not take has a condition; and so has a branch on what a
// short leaf returned (once for each side), on the low byte of what a register held on entry (likewise), on the file's own entry address, on memory that begins with a
// text, and the way behind a call through a slot of a function that is said not
// to return. The blocks are divided at such edges: a part is what
// unconditional transfers lead to from its first block and from no other part. What a
// block refers to, stores, calls and returns is that of its part. Values are those of all
// paths, whether or not their conditions hold. A unit with an unresolved jump has one part.
//
// # What is over-approximated
//
// But for parts, all paths of the graph count, whether or not their conditions exclude each
// other. Joins lose which values belong together. A word of the frame has
// no value after a store that may hit it. All registers that may return something
// return something: rax, rdx and rcx, in Go code all. A function that
// exceeds maxInsts, maxVisits, maxFrames or maxHubs is redone with no tracking: every instruction of
// its range counts with an unknown state, and each address escapes where it is
// formed (GapBudget; GapSwept if all of its code was found, which is so for functions of Go).
//
// # When it is sound
//
// If package x86's facts hold, and:
//
//   - memory-safety: stores stay in their objects; in particular the words in which a
//     function saves the registers of its caller are written by it alone;
//   - calling-convention: functions preserve what the psABI makes them preserve, nothing relies on it that long ones leave others alone (scanClobbers), unknown
//     callees look at no preserved register, results are in the registers above;
//   - noreturn-at-end: a call at the end of an FDE's range does not return, nor does
//     a syscall that package sysno says so of;
//   - unwind-ranges: an FDE starts where a function or a part of one starts;
//   - addresses are formed from the bytes of the file: rip-relative, from
//     relocated words, and in position-dependent files (ET_EXEC) from immediates,
//     displacements and constants in the image's range. In those 32-bit words may be
//     addresses as well; in others they are not, unless they are entries of tables of
//     offsets, and 32 bits of an address stored alone are not followed.
//
// These are the names under which the answer of a scan lists them. Gaps
// name each place where code was given up or taken as a whole.
//
// # Cost
//
// Linear in the instructions of the unit, times the visits of their blocks: the
// order of evaluation keeps them few (each change moves a value up a
// chain whose length is bounded by maxSet), and maxVisits bounds them. What is
// remembered of a file between units (callees that do not return, that
// return twice, that leave registers alone; labels; boundaries) depends on the
// file alone too. An Analyser reuses its memory: what is allocated for a unit is
// its summary.
package dataflow
