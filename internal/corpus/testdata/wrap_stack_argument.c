// The number is the seventh and the ninth argument, passed on the stack, through two levels.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-omit-frame-pointer -mno-accumulate-outgoing-args {{free|pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -maccumulate-outgoing-args {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot
// UNRESOLVED: none
#include "rt.h"

static OPAQUE long seventh(long a, long b, long c, long d, long e, long f, long n)
{
	return SYS3(n, a, b, c) + d + e + f;
}

static OPAQUE long ninth(long a, long b, long c, long d, long e, long f, long g, long h, long n)
{
	return seventh(a, b, c, d, e, f + g + h, n) + 1;
}

static OPAQUE KEEP long dead(void) { return seventh(0, 0, 0, 0, 0, 0, __NR_reboot); }

int prog(int argc, char **argv)
{
	seventh(0, 0, 0, 0, 0, 0, __NR_getppid);
	ninth(0, 0, 0, 0, 0, 0, 0, 0, __NR_sysinfo);
	return 0;
}
