// What is never done: code behind a variable that nothing writes, behind one that only such code
// writes, behind one that only gets what it has, and behind a tail call under such a condition.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot swapon swapoff acct
// UNRESOLVED: none
#include "rt.h"

static volatile int never, second, third = 1, written;

OPAQUE void other(void) { MARK(acct); }
OPAQUE void tail(void)
{
	if (never)
		return other();
}

int prog(int argc, char **argv)
{
	if (never) {
		second = 1;
		MARK(reboot);
	}
	if (second)
		MARK(swapon);
	if (!third)
		MARK(swapoff);
	tail();
	third = 1; // as it was
	written = argc;
	if (written)
		MARK(sysinfo);
	MARK(getppid);
	return 0;
}
