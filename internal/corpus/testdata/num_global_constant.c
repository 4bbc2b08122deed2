// The number in a variable of eight bytes that one function stores an argument to, and another a
// constant: the constant is a number as well.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
#include "rt.h"

static long number;

static OPAQUE void set(long n) { number = n; }
static OPAQUE void reset(void) { number = __NR_sysinfo; }

int prog(int argc, char **argv)
{
	set(__NR_getppid);
	SYS3(number, 0, 0, 0);
	reset();
	SYS3(number, 0, 0, 0);
	return 0;
}
