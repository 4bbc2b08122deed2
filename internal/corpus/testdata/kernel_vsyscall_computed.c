// Addresses in the vsyscall page that are computed from small numbers, which are in the frame if nothing is optimised. The kernel
// emulates the functions of the page; a tracer does not see them.
//
// BUILD: gcc -O{{0|1|2}} {{free|pie}} {{src}} -o {{out}}
// ELSEWHERE: time getcpu
// UNRESOLVED: none
// TRAP: 10
#include "rt.h"

typedef long function(void *, void *, void *);

OPAQUE static long call_numbered(void)
{
	long nr = 1;
	return ((function *)(0xffffffffff600000 + nr * 1024))(0, 0, 0);
}

OPAQUE static long call_shifted(void)
{
	long page = -10;
	return ((function *)((page << 20) + 0x800))(0, 0, 0);
}

int prog(int argc, char **argv)
{
	call_numbered();
	call_shifted();
	return 0;
}
