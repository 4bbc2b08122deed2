// A wrapper whose address is taken: whoever calls it through the pointer passes numbers
// that no direct call shows.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo
// WANT: getpgrp
// UNRESOLVED: number
// RUN: 1
// TRAP: 6
#include "rt.h"

OPAQUE long wrapper(long n) { return SYS3(n, 0, 0, 0); }

struct { long number; long (*call)(long); } volatile object = {__NR_getppid, wrapper};
long (*volatile pointer)(long) = wrapper;

int prog(int argc, char **argv)
{
	wrapper(__NR_getpgrp);
	object.call(object.number);
	pointer(argc + 97); // sysinfo
	return 0;
}
