// Package reach computes which code and data of a process can be live: it links
// the summaries of single functions (package dataflow) over all images of the
// process (package process), starting at what the kernel and the loader enter.
//
// # Algorithm
//
// A worklist, like that of a linker that collects unreferenced sections
// (--gc-sections), but for a whole process, with functions and data objects as
// its nodes. A live unit's references make code, words and objects live; the
// relocations of live data make more code live. Units of one level of the
// worklist are summarised side by side, then followed one after another in the order
// in which they became live, so that the answer does not depend on the number of workers.
// Each node remembers the edge that made it live first: the answer to why.
//
// When nothing is left to do, labels and then Options.Loaded get their turn
// (files that are loaded at run time, code that is held back until something else
// is live), what refers to symbols that new files define is followed again (rebind), and
// the worklist goes on. All facts only grow, and each step but that
// for labels is monotone in them, so that the order of the worklist does not matter.
//
// # Code
//
// Control that goes to an address makes a unit live there. If its callers are not
// all known (its address escapes, is in live data, or is looked up by name) it is
// Taken, which matters for syscall numbers that are parameters. A call through a
// word that only the loader writes (a GOT entry with one symbolic relocation)
// calls the definitions that the symbol binds to; through any other word, it reads it.
//
//   - Labels: a code address in live data that is inside a function is a unit of
//     its own unless the live function already reaches it through its own
//     jump tables and computed gotos (Unit.Targets). Looked at last, so that the function is known.
//     So is what looks like the start of a function where no unwind information says what is one.
//   - IFUNC resolvers (gABI extension STT_GNU_IFUNC, R_X86_64_IRELATIVE) run at
//     startup, all of them. The functions whose addresses a resolver forms are
//     live only once a live word or call wants its result.
//   - Gated and held units (Gate, Hold) wait for a model in another package.
//
// # Parts
//
// A unit whose branches ask for what its function does not decide (summary.Cond) is a
// graph of parts. Part 0 runs with the unit; an edge to another is taken once its
// condition may hold, and only then what the part refers to is followed. Start optimistic,
// only raise: conditional constant propagation (Wegman and Zadeck, TOPLAS 1991) over the whole process.
//
//   - A word of memory may change if live code writes any of its bytes by name
//     (but for a constant that it holds already), if the object that it is in is open: its address escaped,
//     was read from a live word, or is in live data; and if other files can name it. What the loader
//     protects after relocation (RELRO) another image does not write.
//   - A call may return a value, or come back at all, if what runs of its callee may end so. A callee
//     that is not live yet does not; calls are looked at again when all else is done.
//   - An argument (its low byte) may be what the direct callers pass (MayPass), if the unit is not Entered in other
//     ways. Callers are asked when all else is done, and again when more is live; only about parts that add to it.
//   - What is asked of the environment is decided by Denied (package assume).
//
// # Data
//
// The data of an image is partitioned into objects. Boundaries are proven ones
// (sections, segments, RELRO, extents of data symbols; overlapping symbols are
// one object), and guessed ones: addresses that code forms or relocations hold,
// aligned to objectAlign, if no symbol covers them and the words on both sides
// do not look like elements of one array. An address that escapes makes its
// object live, and if it is not at the object's start but up to 64 bytes before the next
// one, that as well. A live object makes live what all its relocations point to and what
// live code stores in it. A position-dependent file has words that hold addresses
// without relocations: each aligned 8-byte word with a value in the image's range is
// taken as one, and each aligned 4-byte word and 8-byte word at any place that is the start of a
// function, as are 4 bytes at any place if code reads just them. The table of dynamic symbols has none; a file
// whose live code has the address of its own dynamic section finds that table, and calls what the file exports.
//
// Words that code reads by address are finer than objects: a slot is live
// alone. Words of the GOT are always read one by one, so that the address of one
// makes no other live. A store of an address to a word waits (held) until the word
// is read or its object becomes live.
//
// A pointer that is moved backwards makes everything live between the proven
// boundaries around it (wide). 32-bit tables at an escaped address are
// followed as offsets from the address, or from the base that the code adds, as long as
// they lead to starts of functions; four words that do not end them.
//
// # Arguments
//
// Whether an address that is passed in a register escapes depends on the callee.
// args.used is the set of entry registers that a unit consumes: its own
// ArgUse, and those that it passes on to callees that consume them. It starts empty
// and only grows (an optimistic fixpoint, as in sparse conditional constant
// propagation: Wegman and Zadeck, TOPLAS 1991); references and arguments that depend
// on a register wait at the callee and are woken when it is consumed. If the callees
// are not all known, the address escapes. A second half of the set says from which
// registers a pointer is moved backwards.
//
// What a unit passes on is followed on demand (Duesterwald, Gupta and Soffa, POPL 1995): for the registers that
// somebody wants to know of (args.wanted), since an address is passed in them, or since they are passed on in a register that is wanted.
// That is one in fifteen in a scan of ffmpeg. What waits is woken in the order in which units became live, so that it does not
// matter when it came to be wanted.
//
// # Names
//
// Each text at an address that escapes or is passed is reported (Strings).
// If it is an identifier and its image looks symbols up by name (Looks), the
// symbols of that name are live: in files that were loaded by name, in those that were there when they
// were (Open), or everywhere, as the handles that it passes to dlsym allow. The loader looks up everywhere. Names
// that are known to be passed are live alone (LookUp), where others decide that no other text is one (package dlopen).
//
// # Roots
//
// Entry of the program and of its loader, initialisers, finalisers and personality routines of every
// image, IFUNC resolvers, what the initialisation image of thread-local storage
// points to, in Go programs every function of the function table (methods are
// reached through offsets in type data), and whatever others root: symbols of
// modules that a host looks up.
//
// # Phases
//
// Phases is a second pass over the solved graph that tells what can run after
// main is called: what direct calls lead to from main, from what calls it, from
// finalisers, and from all that is called through pointers but for the exceptions named there.
//
// # When it is sound
//
// If the summaries are, if package process binds symbols as the loader does, and:
//
//   - memory-safety: a pointer stays in the object it was derived from. For stripped
//     data this includes the guess of what an object is;
//   - a pointer that was moved to the end of an object by the compiler and is moved
//     backwards later does so in registers or through one named word, where Back follows it;
//   - nothing writes to another image's RELRO memory before it is protected: only the loader and
//     resolvers of IFUNCs run by then;
//   - unwind-ranges: a 32-bit offset that leads to code from a table leads to the start of a function;
//   - names that are looked up are whole texts whose addresses live code forms or
//     live data holds; names that are built are not known here.
//
// # Cost
//
// Each unit is summarised once, each relocation, word and waiter is looked at a
// bounded number of times: linear in the instructions and relocations of
// what is live, after a pass over all code and relocations of each image that
// splits its data into objects, hashes it, and finds the code that Account looks at.
package reach
