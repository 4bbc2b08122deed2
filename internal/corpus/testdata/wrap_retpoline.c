// A wrapper that is called through a pointer by way of a retpoline, which is no indirect call but a return: what it
// passes is not known.
//
// BUILD: gcc -O{{0|2}} -mindirect-branch={{thunk|thunk-inline}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mindirect-branch=thunk -mindirect-branch-register {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo
// UNRESOLVED: number
// TRAP: 5 6
#include "rt.h"

static OPAQUE void wrapper(long n) { SYS3(n, 0, 0, 0); }
static void (*volatile pointer)(long) = wrapper;

int prog(int argc, char **argv)
{
	pointer(__NR_getppid);
	pointer(HIDE(__NR_sysinfo));
	return 0;
}
