// Labels of a function that are given to others, who jump there; its own jump to them is behind a
// variable that nothing writes.
//
// BUILD: gcc -O{{1|2}} {{free}} -fcf-protection=none {{src}} -o {{out}}
// BUILD: gcc -O{{1|2|3}} {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
#include "rt.h"

static volatile int never;
static void *const *given;

static OPAQUE int run(long op)
{
	static void *const labels[] = {&&first, &&second};
	if (op < 0) {
		given = labels;
		return 0;
	}
	if (never)
		goto *labels[op];
	return 1;
first:
	MARK(getppid);
	SYS3(__NR_exit_group, 0, 0, 0);
second:
	MARK(sysinfo);
	__asm__ volatile("xor %%edi,%%edi\n	jmp *%0" : : "r"(given[0]));
	__builtin_unreachable();
}

int prog(int argc, char **argv)
{
	run(-argc);
	__asm__ volatile("sub $256,%%rsp\n	jmp *%0" : : "r"(given[1]));
	return 0;
}
