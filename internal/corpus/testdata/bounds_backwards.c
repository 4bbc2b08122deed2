// A table walked backwards: the code names &tab[3] and tab + 4, both 32-byte
// aligned, and tab itself at most in a comparison. A boundary at an aligned
// reference would lose the elements before it.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

struct op { void (*fn)(void); long a, b, c; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

ALIGN(32) struct op tab[4] = {{f0}, {f1}, {f2}, {f3}};

int prog(int argc, char **argv)
{
	for (struct op *p = &tab[3]; p >= tab; p--)
		p->fn();
	for (struct op *p = tab + 4; p != tab;)
		(--p)->a++;
	return 0;
}
