// A wrapper that is called directly and through a pointer that the program keeps, which passes something else;
// a callback; a signal handler, which the kernel calls.
//
// BUILD: gcc -O{{1|2}} {{free|pie}} {{src}} -o {{out}}
// ARGS: getpriority.which=unknown lseek.whence=unknown umask.mask=unknown
#include "rt.h"

static OPAQUE long priority(int which) { return SYS3(__NR_getpriority, which, 0, 0); }
static OPAQUE long seek(int whence) { return SYS3(__NR_lseek, -1, 0, whence); }
static OPAQUE void handler(int sig) { SYS3(__NR_umask, sig, 0, 0); }
long (*kept[2])(int) = {priority};

static OPAQUE long apply(long (*f)(int), int x) { return f(x + 1); }

__asm__(".text\nrestorer: mov $15,%eax\n syscall\n");
void restorer(void);

int prog(int argc, char **argv)
{
	struct { void (*f)(int); unsigned long flags; void (*restorer)(void); unsigned long mask; } act = {handler, 0x04000000, restorer, 0};
	priority(0);
	kept[argc - 1](argc);
	seek(0);
	apply(seek, argc);
	handler(18);
	long r;
	register long size __asm__("r10") = 8;
	__asm__ volatile("syscall" : "=a"(r) : "0"(__NR_rt_sigaction), "D"(10), "S"(&act), "d"(0), "r"(size) : "rcx", "r11", "memory");
	SYS3(__NR_kill, SYS3(__NR_getpid, 0, 0, 0), 10, 0);
	return 0;
}
