// Addresses of functions that are only compared: with a pointer, as the bounds of a range, by a
// difference that is compared.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: getppid
// NOT: reboot swapon swapoff
// UNRESOLVED: none
#include "rt.h"

typedef void (*func)(void);
static OPAQUE void live(void) { MARK(getppid); }
static OPAQUE void compared(void) { MARK(reboot); }
OPAQUE void low(void) { MARK(swapon); }
OPAQUE void high(void) { MARK(swapoff); }

static OPAQUE int is(func f) { return f == compared; }
static OPAQUE int inside(func f) { return (char *)f >= (char *)low && (char *)f < (char *)high; }
static OPAQUE int near_low(func f) { return (unsigned long)((char *)f - (char *)low) < 4096; }

volatile int sink;

int prog(int argc, char **argv)
{
	sink = is(live) + inside(live) + near_low(live);
	live();
	return 0;
}
