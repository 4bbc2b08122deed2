// A number kept across calls in a callee-saved register, and across a call to a
// local function in a caller-saved one that it does not touch (-fipa-ra).
//
// BUILD: gcc -O{{2|3}} -fipa-ra {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fipa-ra {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// PITFALL: 4
#include "rt.h"

static long counter;
static NOINLINE void local(void) { counter++; }
void (*volatile unknown)(void) = local;

static OPAQUE void across_known(void)
{
	register long number __asm__("r9") = __NR_getppid;
	__asm__ volatile("" : "+r"(number));
	local();
	SYS3(number, 0, 0, 0);
}

static OPAQUE void across_unknown(void)
{
	long number = __NR_sysinfo;
	__asm__ volatile("" : "+r"(number));
	unknown();
	SYS3(number, 0, 0, 0);
}

int prog(int argc, char **argv)
{
	across_known();
	across_unknown();
	return 0;
}
