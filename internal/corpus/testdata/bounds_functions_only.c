// A table of nothing but functions: handlers + 4 lies 32-byte aligned in the middle and is compared with,
// which makes nothing live, and is no bound either: the walk from the start goes over it.
//
// BUILD: gcc -O{{1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

typedef void (*func)(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }
static void f4(void) { MARK(getsid); }
static void f5(void) { MARK(getpriority); }
static void f6(void) { MARK(getuid); }
static void f7(void) { MARK(getgid); }

ALIGN(32) func handlers[8] = {f0, f1, f2, f3, f4, f5, f6, f7};
volatile long count[8];

static OPAQUE void walk(func *f, long n)
{
	while (n--)
		(*f++)();
}
static OPAQUE void in_second_half(func *f)
{
	if (f >= handlers + 4)
		count[1] = 1;
	count[2] = 1;
}

int prog(int argc, char **argv)
{
	walk(handlers, 7 + HIDE(argc));
	in_second_half(HIDE(&handlers[0]));
	return 0;
}
