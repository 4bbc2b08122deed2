// One site, several numbers: chosen by a cmov, by a chain of conditions, by a switch, by a set
// condition code, and more than eight of them.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// COVER: getsid getpriority getuid getgid geteuid getegid umask getresuid getresgid sched_yield getpgid personality
// RUN:
// RUN: 1
// RUN: 1 2
// RUN: 1 2 3
// RUN: 1 2 3 4
// RUN: 1 2 3 4 5
// RUN: 1 2 3 4 5 6
// RUN: 1 2 3 4 5 6 7
// RUN: 1 2 3 4 5 6 7 8
// RUN: 1 2 3 4 5 6 7 8 9
// PITFALL: 5
#include "rt.h"

static OPAQUE void two(int n) { SYS3(n > 1 ? __NR_getppid : __NR_sysinfo, 0, 0, 0); }
static OPAQUE void adjacent(int n) { SYS3(__NR_times + 11 * (n != 1), 0, 0, 0); } // times or getpgrp
static OPAQUE void chain(int n)
{
	long nr = __NR_getsid;
	if (n & 1)
		nr = __NR_getpriority;
	__asm__ volatile("" : : : "memory");
	SYS3(nr, 0, 0, 0);
}
static OPAQUE void many(int n)
{
	long nr;
	switch (n) {
	case 1: nr = __NR_getuid; break;
	case 2: nr = __NR_getgid; break;
	case 3: nr = __NR_geteuid; break;
	case 4: nr = __NR_getegid; break;
	case 5: nr = __NR_umask; break;
	case 6: nr = __NR_getresuid; break;
	case 7: nr = __NR_getresgid; break;
	case 8: nr = __NR_sched_yield; break;
	case 9: nr = __NR_getpgid; break;
	default: nr = __NR_personality; break;
	}
	SYS3(nr, n == 10 ? -1 : 0, 0, 0);
}

int prog(int argc, char **argv)
{
	two(argc), adjacent(argc), chain(argc), many(argc);
	return 0;
}
