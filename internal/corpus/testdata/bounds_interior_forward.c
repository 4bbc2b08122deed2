// Two objects in one: the code names a field in the middle, and walks forward
// from the start past it. The reference in the middle is no boundary.
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

ALIGN(32) struct op tab[4] = {{f0}, {f1}, {f2}, {f3}};
long *middle = &tab[2].a;

static OPAQUE void walk(struct op *p, long n)
{
	for (; n; n--)
		(p++)->fn();
}

int prog(int argc, char **argv)
{
	*HIDE(&tab[2]) = *HIDE(&tab[2]); // an aligned reference to the middle
	*middle = 1;
	walk(tab, 3 + HIDE(argc));
	return 0;
}
