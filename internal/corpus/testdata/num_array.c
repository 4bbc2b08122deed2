// The number from a constant array by a variable index: each element, or unresolved.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo getpgrp
#include "rt.h"

static const int numbers[] = {__NR_getppid, __NR_sysinfo, __NR_getpgrp};

int prog(int argc, char **argv)
{
	for (int i = 0; i < 2 + argc; i++)
		SYS3(HIDE(&numbers[0])[i], 0, 0, 0);
	return 0;
}
