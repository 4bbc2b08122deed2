// Addresses of functions that are taken apart and put together again: stored byte by byte,
// through a byte swap, encrypted with a key as libc mangles pointers, and sent
// through a pipe.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
#include "rt.h"

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

volatile unsigned char bytes[8];
volatile unsigned long swapped, mangled, key;

int prog(int argc, char **argv)
{
	unsigned long v = (unsigned long)HIDE(&f0);
	for (int i = 0; i < 8; i++)
		bytes[i] = v >> (8 * i);
	v = 0;
	for (int i = 8; i--;)
		v = v << 8 | bytes[i];
	((void (*)(void))v)();

	swapped = __builtin_bswap64((unsigned long)f1);
	((void (*)(void))__builtin_bswap64(swapped))();

	key = (unsigned long)argv * 0x9e3779b97f4a7c15;
	v = (unsigned long)f2 ^ key;
	__asm__("rol $17,%0" : "+r"(v));
	mangled = v;
	v = mangled;
	__asm__("ror $17,%0" : "+r"(v));
	((void (*)(void))(v ^ key))();

	int fd[2];
	void (*sent)(void) = f3, (*received)(void);
	SYS3(__NR_pipe, fd, 0, 0);
	SYS3(__NR_write, fd[1], &sent, sizeof sent);
	SYS3(__NR_read, fd[0], &received, sizeof received);
	received();
	return 0;
}
