// An array of pointers to structures, of which the code names the array only, by its last element.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

struct op { long a; void (*fn)(void); long b, c; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }

static struct op a = {0, f0}, b = {0, f1}, c = {0, f2};
ALIGN(64) struct op *table[12] = {&a, 0, 0, 0, &b, 0, 0, 0, &c, 0, 0, 0};

static OPAQUE void walk(struct op **end, long n)
{
	for (; n; n--)
		if (*--end)
			(*end)->fn();
}

int prog(int argc, char **argv)
{
	walk(table + 12, 11 + HIDE(argc));
	return 0;
}
