// Functions whose direct callers all pass the same byte, and that others call too: through a pointer,
// by a jump at the end of another function, from a function in assembly, with a value that a loop changes,
// from another image; with a byte that the caller got itself, in the low byte of a register, or through one more
// function that has other callers. The branches for the other values are live.
//
// BUILD: gcc -O2 -fno-ipa-cp -shared -fPIC -nostdlib -DLIB -I{{testdata}} {{src}} -o {{dir}}/libx.so && gcc -O{{1|2}} {{pie}} -fno-ipa-cp -rdynamic {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid umask geteuid getegid getgid
// NOT: reboot
// UNRESOLVED: none
#ifdef LIB
#define RT_NOSTART
#endif
#include "rt.h"

void from_library(void);
void exported(unsigned char mode);

#ifdef LIB
void from_library(void) { exported(2); }
#else
static OPAQUE void by_pointer(unsigned char mode)
{
	if (mode == 2)
		MARK(getppid);
}
static OPAQUE void by_tail(unsigned char mode)
{
	if (mode == 2)
		MARK(sysinfo);
}
static OPAQUE void tail(unsigned char mode) { by_tail(mode + 1); }
OPAQUE void by_assembly(unsigned char mode)
{
	if (mode == 2)
		MARK(getpgrp);
}
static OPAQUE void by_loop(unsigned char mode)
{
	if (mode == 2)
		MARK(times);
}
OPAQUE void exported(unsigned char mode)
{
	if (mode == 2)
		MARK(getsid);
}
static OPAQUE int returns(int *p)
{
	*p = 2;
	return 1;
}
static OPAQUE void by_own(unsigned char mode)
{
	if (!mode)
		MARK(geteuid);
}
static OPAQUE void own(unsigned char mode) { by_own(mode); }
OPAQUE void by_low(unsigned char mode)
{
	if (mode)
		MARK(getegid);
}
static OPAQUE void by_two(unsigned char mode)
{
	if (mode > 5)
		MARK(getgid);
}
static OPAQUE void two(unsigned char mode) { by_two(mode); }
OPAQUE void never(unsigned char mode)
{
	if (mode == 3)
		MARK(reboot);
}
void (*volatile pointer)(unsigned char) = by_pointer;
volatile int sink;

int prog(int argc, char **argv)
{
	by_pointer(1), by_tail(1), by_assembly(1), by_loop(1), exported(1);
	pointer(1 + argc);
	tail(1);
	__asm__ volatile("mov $2,%%edi\n	call by_assembly\n" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	for (int i = 1; i < 2 + argc; i++)
		by_loop(i);
	from_library();
	own(1), own(argc - 1);
	by_low(0);
	__asm__ volatile("mov $-1,%%edi\n	xor %%eax,%%eax\n	mov %%eax,%%edi\n	mov $1,%%dil\n	call by_low\n" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	two(5), two(6);
	never(1), never(2);
	int n = 1;
	if (returns(&n) == 1 && n == 2)
		MARK(umask);
	return 0;
}
#endif
