// Retpolines: the target is pushed over a return address and returned to, in a thunk that takes it
// in whatever register, or inline.
//
// BUILD: gcc -O{{1|3}} -mindirect-branch={{thunk|thunk-inline}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mindirect-branch={{thunk|thunk-inline}} {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mindirect-branch=thunk -mindirect-branch-register -mfunction-return=thunk {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 5
#include "rt.h"

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

void (*table[])(void) = {f0, f1};
static OPAQUE void call(long n, void (*fn)(void)) { fn(); }

int prog(int argc, char **argv)
{
	for (int i = 0; i < 1 + argc; i++)
		table[i]();
	call(1, f2);
	switch (HIDE(argc)) {
	case 1: MARK(times); break;
	case 2: MARK(getsid); break;
	case 3: MARK(umask); break;
	case 4: MARK(getuid); break;
	case 5: MARK(getgid); break;
	case 6: MARK(geteuid); break;
	}
	HIDE(&f3)();
	return 0;
}
