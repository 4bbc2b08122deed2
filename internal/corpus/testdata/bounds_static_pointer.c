// The only thing that names the table is a pointer in .data to its last element:
// a relocation into the middle of an object keeps all of it.
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
struct op *last = &tab[3];

int prog(int argc, char **argv)
{
	for (long i = 0; i < 3 + HIDE(argc); i++)
		last[-i].fn();
	return 0;
}
