// A wrapper that calls itself with the same number, and two that call each other, one of
// which changes it: the set of numbers grows, and must stop growing as unknown.
//
// BUILD: gcc -O{{0|1|2}} -fno-optimize-sibling-calls {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-optimize-sibling-calls {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo sched_get_priority_max sched_get_priority_min
// PITFALL: 5
#include "rt.h"

static OPAQUE long again(long n, long depth)
{
	return depth ? again(n, depth - 1) : SYS3(n, 0, 0, 0);
}

static OPAQUE long even(long n, long depth);
static OPAQUE long odd(long n, long depth)
{
	SYS3(n, 0, 0, 0);
	return depth ? even(n + 1, depth - 1) : 0;
}
static OPAQUE long even(long n, long depth) { return odd(n, depth); }

int prog(int argc, char **argv)
{
	again(__NR_getppid, argc);
	again(__NR_sysinfo, 3);
	odd(__NR_sched_get_priority_max, argc); // and sched_get_priority_min
	return 0;
}
