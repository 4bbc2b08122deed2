// Addresses of functions with tags: bits added at run time, in the low or the high end; added by the linker,
// so that the relocation points into the function; scaled down to 32 bits.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo times
// COVER: getpgrp
// TRAP: 2
#include "rt.h"

typedef void (*func)(void);
static OPAQUE ALIGN(16) void f0(void) { MARK(getppid); }
static OPAQUE ALIGN(16) void f1(void) { MARK(sysinfo); }
static OPAQUE ALIGN(16) void f2(void) { MARK(getpgrp); }
static OPAQUE ALIGN(16) void f3(void) { MARK(times); }

volatile unsigned long low, high;
char *linked = (char *)f2 + 1;
volatile int scaled;

int prog(int argc, char **argv)
{
	low = (unsigned long)f0 | 1;
	((func)(low & ~1UL))();
	high = (unsigned long)f1 | 0xabcdUL << 48;
	((func)(high << 16 >> 16))();
	((func)(linked - argc))();
	scaled = ((char *)f3 - (char *)f0) / 16;
	((func)((char *)f0 + scaled * 16L))();
	return 0;
}
