// All variables written at once, from one end of a section to the other, which the linker's symbols
// tell: a program that puts back what it saved, or clears what it has.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
#include "rt.h"

extern char __bss_start[], _end[], _edata[], __data_start[];
__asm__(".data\n.globl __data_start\n__data_start:\n.text\n");
static volatile int first, second[40], set = 7;

static OPAQUE void fill(char *from, char *to, int v)
{
	while (from < to)
		*from++ = v;
}

int prog(int argc, char **argv)
{
	fill(__bss_start, _end, argc);
	for (char *p = __data_start; p != HIDE((char *)_edata); p++)
		*p = 0;
	if (first)
		MARK(getppid);
	if (second[30])
		MARK(sysinfo);
	if (!set)
		MARK(getpgrp);
	return 0;
}
