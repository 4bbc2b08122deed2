// Numbers that no analysis can know: an argument of the program, a sum with one, and what
// was read from outside.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo
// UNRESOLVED: number
// RUN: n
#include "rt.h"

int prog(int argc, char **argv)
{
	SYS3(__NR_getppid - 2 + argc, 0, 0, 0);
	SYS3(argv[1][0] - 'n' + __NR_sysinfo, 0, 0, 0);
	return 0;
}
