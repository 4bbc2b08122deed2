// &tab[3] is passed to a function of another unit that goes backwards from it.
// tab itself occurs nowhere in the code.
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

static OPAQUE void walk(struct op *last, long n)
{
	for (long i = 0; i < n; i++)
		last[-i].fn();
}

int prog(int argc, char **argv)
{
	walk(&tab[3], 3 + HIDE(argc));
	return 0;
}
