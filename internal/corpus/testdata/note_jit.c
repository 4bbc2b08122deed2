// Code made at run time: written to memory that becomes executable. What it calls stands nowhere
// in the file, so that an answer without an open entry would be wrong.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid
// NOTE: jit
// UNRESOLVED: any
// TRAP: 7
#include "rt.h"

static long map(long size, int protection)
{
	long r;
	register long flags __asm__("r10") = 0x22, fd __asm__("r8") = -1, off __asm__("r9") = 0;
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)__NR_mmap), "D"(0L), "S"(size), "d"((long)protection), "r"(flags), "r"(fd), "r"(off) : "rcx", "r11", "memory");
	return r;
}

int prog(int argc, char **argv)
{
	unsigned char *p = (void *)map(4096, 3);
	unsigned char code[] = {0xb8, 0x6d + argc, 0, 0, 0, 0x0e + argc, 0x05, 0xc3};
	rt_copy(p, code, sizeof code);
	SYS3(__NR_mprotect, p, 4096, 5);
	((void (*)(void))p)();
	return 0;
}
