// Pointers at odd places: in a position-dependent file no relocation tells of them.
//
// BUILD: gcc -O{{0|1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
#include "rt.h"

static volatile int odd, half, by_name;
struct __attribute__((packed)) option { char letter; volatile int *flag; };
struct option odds[] = {{'a', &odd}, {'b', &odd}};
struct __attribute__((packed, aligned(4))) pair { int n; volatile int *flag; };
struct pair halves[] = {{1, &half}};
static struct option named = {'n', &by_name};

static OPAQUE void set(int n, int v)
{
	*odds[n].flag = v;
	*halves[n].flag = v;
}

int prog(int argc, char **argv)
{
	set(argc - 1, argc);
	*HIDE(&named)->flag = 1;
	if (odd)
		MARK(getppid);
	if (half)
		MARK(sysinfo);
	if (by_name)
		MARK(getpgrp);
	return 0;
}
