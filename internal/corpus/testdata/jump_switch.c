// A switch by jump table, with a call in every case, in the default branch, and in a switch nested
// in a case. Bounded and unbounded (default unreachable), in every way of making the table.
//
// BUILD: gcc -O{{0|1|2|3}} -fno-tree-switch-conversion {{free}} {{src}} -o {{out}}
// BUILD: gcc -O{{0|2}} -fno-tree-switch-conversion {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-jump-tables {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fcf-protection=branch {{free|pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mcmodel=large {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mcmodel=large -fPIC {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid geteuid getegid umask sched_yield getresuid getresgid capget
// NOT: reboot
// UNRESOLVED: none
#include "rt.h"

static OPAQUE void bounded(long n)
{
	switch (n) {
	case 10: MARK(getppid); break;
	case 11: MARK(sysinfo); break;
	case 12: MARK(getpgrp); break;
	case 13: MARK(times); break;
	case 14: MARK(getsid); break;
	default: MARK(getpriority); break;
	}
}

static OPAQUE void unbounded(unsigned n)
{
	switch (n) {
	case 0: MARK(getuid); break;
	case 1: MARK(getgid); break;
	case 2: MARK(geteuid); break;
	case 3: MARK(getegid); break;
	case 4: MARK(umask); break;
	default: __builtin_unreachable();
	}
}

static OPAQUE void nested(long n, unsigned char m)
{
	switch (n) {
	case 1: n = 10; break;
	case 2: n = 24; break;
	case 3: n = 5; break;
	case 4: n = 9; break;
	case 5:
		switch (m) {
		case 100: MARK(sched_yield); break;
		case 101: MARK(getresuid); break;
		case 102: MARK(getresgid); break;
		case 103: m = 2; break;
		case 104: m = 3; break;
		case 105: MARK(capget); break;
		}
		break;
	}
	*(volatile long *)&n = m;
}

static KEEP OPAQUE void dead(void) { MARK(reboot); }

int prog(int argc, char **argv)
{
	for (long i = 9; i < 15; i++)
		bounded(i);
	for (unsigned i = 0; i < 5; i++)
		unbounded(i);
	for (unsigned char m = 100; m < 106; m++)
		nested(4 + HIDE(argc), m);
	return 0;
}
