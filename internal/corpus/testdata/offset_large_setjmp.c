// The large code model behind a second return: the address of the global offset table is in a word of the frame by then,
// and what is added to it is all that the code there shows.
//
// BUILD: gcc -O{{1|2|s}} -mcmodel=large {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 -mcmodel=large {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo
// TRAP: 2 4
#include "rt.h"

static void *buffer[5];
static OPAQUE void f0(void) { MARK(getppid); }
static OPAQUE void f1(void) { MARK(sysinfo); }
static OPAQUE void touch(long n) { __asm__ volatile("" : : "r"(n) : "memory"); }

int prog(int argc, char **argv)
{
	void (*volatile f)(void) = f1;
	if (!__builtin_setjmp(buffer)) {
		touch(1);
		__builtin_longjmp(buffer, 1);
	}
	f0();
	f();
	return 0;
}
