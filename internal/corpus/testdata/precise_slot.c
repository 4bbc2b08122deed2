// A slot is read by its own address, its neighbours are not: only that slot is live. Objects that
// touch are told apart by their symbols, and in a stripped file by references to their starts.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot swapon
// UNRESOLVED: none
#include "rt.h"

typedef void (*func)(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void d0(void) { MARK(reboot); }
static void d1(void) { MARK(swapon); }

struct { func a, b, c, d; } slots = {d0, f0, f1, d1};

int prog(int argc, char **argv)
{
	slots.b();
	slots.c();
	return 0;
}
