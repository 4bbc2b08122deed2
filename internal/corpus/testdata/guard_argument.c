// Functions whose direct callers all pass the same constant, and that others call too: through a pointer,
// by a jump at the end of another function, from a function in assembly, with a value that a loop changes,
// from another image. The branches for the other values are live.
//
// BUILD: gcc -O2 -fno-ipa-cp -shared -fPIC -nostdlib -DLIB -I{{testdata}} {{src}} -o {{dir}}/libx.so && gcc -O{{1|2}} {{pie}} -fno-ipa-cp -rdynamic {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid umask
// NOT: reboot
// UNRESOLVED: none
#ifdef LIB
#define RT_NOSTART
#endif
#include "rt.h"

void from_library(void);
void exported(int mode);

#ifdef LIB
void from_library(void) { exported(2); }
#else
static OPAQUE void by_pointer(int mode)
{
	if (mode == 2)
		MARK(getppid);
}
static OPAQUE void by_tail(int mode)
{
	if (mode == 2)
		MARK(sysinfo);
}
static OPAQUE void tail(int mode) { by_tail(mode + 1); }
OPAQUE void by_assembly(int mode)
{
	if (mode == 2)
		MARK(getpgrp);
}
static OPAQUE void by_loop(int mode)
{
	if (mode == 2)
		MARK(times);
}
OPAQUE void exported(int mode)
{
	if (mode == 2)
		MARK(getsid);
}
static OPAQUE int returns(int *p)
{
	*p = 2;
	return 1;
}
void (*volatile pointer)(int) = by_pointer;
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
	int n = 1;
	if (returns(&n) == 1 && n == 2)
		MARK(umask);
	return 0;
}
#endif
