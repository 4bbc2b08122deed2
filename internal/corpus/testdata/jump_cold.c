// A case of a switch in the cold part of the function, which nothing but the jump table names, and
// which jumps back into the middle of the hot part.
//
// BUILD: gcc -O2 -freorder-blocks-and-partition {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid
// UNRESOLVED: none
// PITFALL: 3
#include "rt.h"

static __attribute__((cold)) OPAQUE void unlikely(void) { MARK(getsid); }
static volatile long sink;

static OPAQUE void choose(long n)
{
	switch (n) {
	case 0: MARK(getppid); sink = 1; break;
	case 1: sink = 7; break;
	case 2: MARK(getpgrp); sink = 2; break;
	case 3: unlikely(); MARK(sysinfo); sink = 3; break;
	case 4: sink = 4; unlikely(); break;
	case 5: sink = 8; break;
	}
	sink += n;
	MARK(times);
}

int prog(int argc, char **argv)
{
	for (long i = 0; i < 5 + HIDE(argc); i++)
		choose(i);
	return 0;
}
