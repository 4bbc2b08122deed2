// A table of which only the end is named, tab + 4, which is the address of
// whatever follows: an address on a boundary also keeps the object before it.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

struct op { void (*fn)(void); long a, b, c; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

struct { ALIGN(32) struct op tab[4]; ALIGN(32) long next[4]; } all = {{{f0}, {f1}, {f2}, {f3}}, {1, 2, 3, 4}};

// The walk, in a function that does not know where the table starts.
static OPAQUE void walk(struct op *end, long n)
{
	while (n-- > 0)
		(--end)->fn();
}

int prog(int argc, char **argv)
{
	walk(all.tab + 4, 3 + HIDE(argc));
	return 0;
}
