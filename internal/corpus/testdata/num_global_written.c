// The number in a variable with an initial value, which is written through a
// pointer that only data knows, and in one written by a function of another name.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo getpgrp times
#include "rt.h"

int first = __NR_getppid, second = __NR_getpgrp;
struct option { long flags; int *variable; int value; } options[] = {{0, &first, __NR_sysinfo}};

static OPAQUE void parse(struct option *o, long n)
{
	for (; n; n--, o++)
		*o->variable = o->value;
}

static OPAQUE void set(int value) { second = value; }

int prog(int argc, char **argv)
{
	SYS3(first, 0, 0, 0);
	SYS3(second, 0, 0, 0);
	parse(options, argc);
	set(__NR_times);
	SYS3(first, 0, 0, 0);
	SYS3(second, 0, 0, 0);
	return 0;
}
