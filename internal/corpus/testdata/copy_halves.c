// Addresses in words of the file that are read in parts, of 4, 2 and 1 bytes, and put together again.
//
// BUILD: gcc -O{{0|1|2}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
#include "rt.h"

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }

union word {
	void (*fn)(void);
	unsigned i[2];
	unsigned short h[4];
	unsigned char c[8];
};
static volatile union word stored, filled = {f1}, bytes = {f2};

int prog(int argc, char **argv)
{
	stored.fn = f0;
	unsigned long v = stored.i[0];
	v |= (unsigned long)stored.i[1] << 32;
	((void (*)(void))v)();

	v = filled.h[0] | (unsigned)filled.h[1] << 16;
	v |= (unsigned long)filled.h[2] << 32 | (unsigned long)filled.h[3] << 48;
	((void (*)(void))v)();

	v = 0;
#define BYTE(n) v |= (unsigned long)bytes.c[n] << 8 * n
	BYTE(0); BYTE(1); BYTE(2); BYTE(3); BYTE(4); BYTE(5); BYTE(6); BYTE(7);
	((void (*)(void))v)();
	return 0;
}
