// The number in memory that nothing writes: a constant in .rodata, a variable in .data,
// and a variable in .bss plus a constant.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo getpgrp
#include "rt.h"

const volatile long in_rodata = __NR_getppid;
long in_data = __NR_sysinfo;
int in_bss;

int prog(int argc, char **argv)
{
	SYS3(in_rodata, 0, 0, 0);
	SYS3(in_data, 0, 0, 0);
	SYS3(in_bss + __NR_getpgrp, 0, 0, 0);
	return 0;
}
