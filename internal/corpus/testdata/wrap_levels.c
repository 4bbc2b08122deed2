// A wrapper of a wrapper of a wrapper, with the number in another parameter at each level,
// calls that stand for one level alone, and one that adds nothing.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-asynchronous-unwind-tables {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// NOT: reboot swapon
// UNRESOLVED: none
#include "rt.h"

static OPAQUE long one(long n, long a) { return SYS3(n, a, 0, 0); }
static OPAQUE long two(long a, long b, long n) { return one(n, a) + b; }
static OPAQUE long three(void *p, long n, long c) { return two(c, c, n) + (p != 0); }
static OPAQUE KEEP long dead(void) { return three(0, __NR_reboot, 0) + one(__NR_swapon, 0); }

int prog(int argc, char **argv)
{
	one(__NR_getppid, 0);
	two(0, 1, __NR_sysinfo);
	three(argv, __NR_getpgrp, 0);
	return 0;
}
