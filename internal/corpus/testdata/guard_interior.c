// Arrays with addresses formed in their middle and at their end: a write through the address of
// the beginning still reaches all of them.
//
// BUILD: gcc -O{{0|1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
#include "rt.h"

static volatile int array[64] ALIGN(32), table[64] ALIGN(32), buffer[64] ALIGN(32);

static OPAQUE int sum(void)
{
	int n = 0;
	for (volatile int *p = array; p != array + 32; p++)
		n += *p;
	for (volatile int *p = table + 32; p < table + 64; p++)
		n += *p;
	return n;
}
static OPAQUE void fill(volatile int *p, int n, int v)
{
	while (n--)
		*p++ = v;
}

int prog(int argc, char **argv)
{
	array[argc + 39] = 1;
	fill(table, 41, argc);
	rt_copy((void *)buffer, argv, 164);
	volatile int *half = HIDE(buffer + 32);
	int n = half == buffer;
	if (array[40])
		MARK(getppid);
	if (table[40])
		MARK(sysinfo);
	if (buffer[40])
		MARK(getpgrp);
	return (sum() + n) & 0;
}
