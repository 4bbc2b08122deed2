// Package variadic finds what a function passes on of its variable arguments: which texts, say, a function hands to dlsym
// that takes pairs of a variable and a name up to a null pointer. Package dataflow, which joins what comes over all ways
// round a loop, has no value for them: how far a va_list has got changes with each argument (System V psABI, AMD64
// supplement, section 3.5.7: gp_offset, overflow_arg_area and reg_save_area).
//
// # Algorithm
//
// The function is executed, once for each call of it, with what the call passes: an interpreter of machine code whose values
// are numbers, addresses of files, places in the stack, or unknown, and which follows both sides of a branch that it cannot
// decide (symbolic execution: King, CACM 1976, without conditions of paths). There are no joins, so that va_start, va_arg
// and the loop around them need not be recognised: they are arithmetic on numbers that are known. Each time the execution
// comes to a call of the function in question, the register in question is written down.
//
// Execution begins in the caller, at the start of the block with the call, so that arguments that are pushed there are
// known, however many; what a register held by then is asked of package dataflow (QueryWords). If what the call passes does
// not decide the value, the caller's callers are asked, with the calls on the way executed too: for functions that hand their
// va_list to others. All other calls are not entered.
//
// # What is over-approximated
//
// Branches on what is not known go both ways, whether or not these ways exclude each other. What code that is not entered
// returns, and what memory holds that is neither the stack of the execution nor constant, is unknown. An unknown value at the call
// in question is no answer, and nor is anything that takes more than maxSteps instructions.
//
// # When it is sound
//
// If package dataflow is, with the same assumptions, and
//
//   - all that enters a function on the way are calls that the graph lists (Graph.Callers): if it may be entered in other ways
//     (Graph.Entered), there is no answer. Nor is there one if an exception, a second return or a computed jump may lead to
//     code on the way;
//   - what is called through a register or memory is not the call in question: an address in a slot of the loader is known, and
//     where it is lost, package dataflow has to say that it does not know what is called (summary.AnyPointer); else there is no answer;
//   - the words of the stack that are known are written by nobody else. Of those of the functions that are executed this is so until their
//     address may be had by code that is not: once it is stored elsewhere, passed to a call that is not entered, in a
//     register or as an argument on the stack, or lost in an instruction without a model, all of them are unknown after each
//     such call and each store to an unknown place. Outgoing arguments are the compiler's own, and have no address but the one that the callee
//     makes: they are unknown after a store to an unknown place in the caller's block, and what else the caller
//     keeps on the stack is not looked at;
//   - functions that look names up or open files have the parameters that are documented, and so none on the stack.
//
// # Cost
//
// At most maxSteps instructions for each call and each chain of functions of at most maxChain, and maxAll for a process. What a call
// passes is kept: it depends on the files and on what names are bound to.
package variadic
