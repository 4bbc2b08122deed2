// A branch on a byte that a function gets, which all that call it say the same of: with constants, with what they
// got themselves, and in more bits than the byte has.
//
// BUILD: gcc -O{{1|2}} {{free}} -fno-ipa-cp {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} -fno-ipa-cp {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot swapoff acct
// UNRESOLVED: none
#include "rt.h"

static OPAQUE int waits(_Bool wait)
{
	MARK(getppid);
	if (wait)
		MARK(reboot);
	return 1;
}
static OPAQUE int passes(int fd, _Bool wait) { return waits(wait) + fd; }
static OPAQUE int quick(unsigned char n)
{
	if (n <= 3)
		return MARK(swapoff), 2;
	MARK(sysinfo);
	return 1;
}
OPAQUE int low(unsigned char n)
{
	if (n)
		MARK(acct);
	return n;
}

int prog(int argc, char **argv)
{
	__asm__ volatile("mov $0x100,%%edi\n	call low\n" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	return passes(argc, 0) + waits(0) + quick(4) + quick(200) == 9;
}
