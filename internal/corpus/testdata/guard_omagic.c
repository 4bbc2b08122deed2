// Data in a segment that is executable as well: an address of it is one of data all the same.
//
// BUILD: gcc -O{{1|2}} {{free}} -Wl,{{-N|-z,separate-code}} -z execstack {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
#include "rt.h"

static volatile int flag = 0, set = 1;
static OPAQUE void write_to(volatile int *p, int v) { *p = v; }

int prog(int argc, char **argv)
{
	write_to(&flag, argc);
	write_to(&set, 0);
	if (flag)
		MARK(getppid);
	if (!set)
		MARK(sysinfo);
	return 0;
}
