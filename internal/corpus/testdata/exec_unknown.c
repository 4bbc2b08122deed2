// A path that is known only at run time, and execveat.
//
// BUILD: gcc -O2 {{free|pie}} {{src}} -o {{out}}
// RUN: /gofind-none
// WANT: execve execveat
// EXEC: unknown
// UNRESOLVED: none
#include "rt.h"

int prog(int argc, char **argv)
{
	SYS3(__NR_execve, argv[1], 0, 0);
	SYS3(__NR_execveat, -1, argv[1], 0);
	return 0;
}
