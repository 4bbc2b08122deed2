// Addresses in the vsyscall page that are computed from small numbers, which are in the frame if nothing is optimised, or not known. The kernel
// emulates the functions of the page; a tracer does not see them.
//
// BUILD: gcc -O{{0|1|2}} {{free|pie}} -D{{KNOWN|INDEXED}} {{src}} -o {{out}}
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

OPAQUE static long call_indexed(long nr)
{
	return ((function *)(0xffffffffff600000 + nr * 1024))(0, 0, 0);
}

int prog(int argc, char **argv)
{
#ifdef KNOWN
	call_numbered();
	call_shifted();
#else
	for (int i = 1; i <= 2; i++)
		call_indexed(argc < 9 ? i : 0);
#endif
	return 0;
}
