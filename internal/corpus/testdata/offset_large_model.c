// The large code model for shared objects: every address is the GOT's plus a
// constant, calls included, and global functions come from GOT slots found by an index.
//
// BUILD: gcc -O{{0|2}} -mcmodel=large {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mcmodel=large {{free}} {{src}} -o {{out}}
// BUILD: gcc -O{{0|2}} -mcmodel=large -fPIC {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 2
#include "rt.h"

static OPAQUE void f(void) { MARK(getppid); }
static OPAQUE void g(void) { MARK(sysinfo); }
OPAQUE void h(void) { MARK(getpgrp); }
static void k(void) { MARK(times); }

void (*table[])(void) = {0, k};
static OPAQUE void call(void (*fn)(void)) { fn(); }

int prog(int argc, char **argv)
{
	f();
	call(g);
	call(h);
	for (int i = 0; i < 1 + argc; i++)
		if (table[i])
			table[i]();
	return 0;
}
