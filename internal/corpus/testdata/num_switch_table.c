// A switch that only chooses a value, which the compiler turns into a table: of numbers, of functions, and
// a bit test.
//
// BUILD: gcc -O{{2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getuid getgid geteuid getegid
// COVER: getppid sysinfo getpgrp times
// RUN:
// RUN: 1
// RUN: 1 2
// RUN: 1 2 3
#include "rt.h"

typedef void (*func)(void);
static OPAQUE void f0(void) { MARK(getuid); }
static OPAQUE void f1(void) { MARK(getgid); }
static OPAQUE void f2(void) { MARK(geteuid); }
static OPAQUE void f3(void) { MARK(getegid); }

static OPAQUE int number(int n)
{
	switch (n) {
	case 1: return __NR_getppid;
	case 2: return __NR_sysinfo;
	case 3: return __NR_getpgrp;
	default: return __NR_times;
	}
}
static OPAQUE func function(int n)
{
	switch (n) {
	case 1: return f0;
	case 2: return f1;
	case 3: return f2;
	default: return f3;
	}
}

int prog(int argc, char **argv)
{
	SYS3(number(argc), 0, 0, 0);
	function(argc)();
	return 0;
}
