// A nested function that is called directly gets the frame of its parent in r10, and
// in it a function pointer.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
// TRAP: 5
#include "rt.h"

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }

int prog(int argc, char **argv)
{
	void (*fn)(void) = argc > 5 ? 0 : f0;
	OPAQUE void inner(void)
	{
		fn();
	}
	OPAQUE void outer(void)
	{
		inner();
		fn = f1;
		inner();
	}
	outer();
	return 0;
}
