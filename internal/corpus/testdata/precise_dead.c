// What is dead: a function nobody refers to, one that only dead functions call, two that call each
// other, a table of dead functions that only a dead function reads.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-plt -fcf-protection=full {{free|pie}} {{src}} -o {{out}}
// WANT: getppid
// NOT: reboot swapon swapoff acct pivot_root settimeofday
// UNRESOLVED: none
#include "rt.h"

OPAQUE void dead(void) { MARK(reboot); }
static OPAQUE void called_by_dead(void) { MARK(swapon); }
OPAQUE void caller(void) { called_by_dead(); }
OPAQUE void pong(int n);
OPAQUE void ping(int n) { MARK(swapoff); if (n) pong(n - 1); }
OPAQUE void pong(int n) { MARK(acct); if (n) ping(n - 1); }
static void in_table0(void) { MARK(pivot_root); }
static void in_table1(void) { MARK(settimeofday); }
struct { void (*fn)(void); long n; } table[] = {{in_table0, 1}, {in_table1, 2}};
OPAQUE void reads_table(int n) { table[n].fn(); }

int prog(int argc, char **argv)
{
	MARK(getppid);
	return 0;
}
