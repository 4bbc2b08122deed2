// Package unikraft writes rules into unikernel images: it reads what a build of
// Unikraft leaves, puts hooks in front of system calls and gates in front of functions
// of compartments, and adds their code, their data and the rules as loaded segments.
//
// # The files
//
// A build leaves IMAGE.dbg, an ELF64 file with symbols and DWARF, and IMAGE, which is
// the same, stripped, its section .uk_bootinfo filled in, and 32-bit headers for
// multiboot loaders put in front (support/scripts/mkbootinfo.py and multiboot.py of Unikraft
// 0.12 to 0.17). Addresses are taken from the first; both are changed in the same way, and
// bytes that are replaced must be equal in both. What is added lies behind everything
// else in memory, where without a record in .uk_bootinfo the heap would be. Older images, FlexOS's among them, are loaded by their multiboot
// header, and know where their memory ends from addresses in their code (kludge.go).
//
// # What is hooked
//
//   - Entries of system calls that are denied to a compartment: check.
//   - Functions where control comes into a compartment: gate. Not those of the compartment
//     in which the image starts: its bit is always set, but in handlers of interrupts, which act for nobody. Not functions that call nothing: nothing can happen
//     on their behalf; and one that cannot be hooked is no loss if all that it calls is hooked.
//   - Functions that code which ends in iretq calls: handlers of interrupts and traps.
//   - Those of hooks.txt.
//
// # What is not
//
// A function that cannot be hooked is a gap: it is part of the rules, with the
// compartments whose rules it weakens. The caller decides whether an image with gaps is worth having. A gap never
// makes a program fail that would work without rules.
//
// # Memory keys
//
// With Options.PKU, compartments are those of FlexOS's intel-pku (package pku), and PKRU says which one calls an entry: then all entries are hooked. What a compartment
// executes is what its plan says, and what entries that it executes call directly. That is sound if
// calls between compartments go through gates which change PKRU; a call that does not is one of the caller's.
// Calls through pointers in the body of an entry are not followed.
//
// What changes keys outside of gates is replaced by the same with a check (keySites), or overwritten as keys are turned on, where it has run for good; what is left is a
// gap, wherever it can be executed. What the code does, and why, is said at gates.Keys.
//
// Which gates and entries there are is not decided here but in the Plan; only entries of calls
// that nothing makes, which it may lack, are found by their symbols.
package unikraft
