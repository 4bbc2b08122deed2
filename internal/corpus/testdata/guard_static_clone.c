// A static program may have threads that it makes itself. (This one's are refused; the answer must not count on that.)
//
// BUILD: gcc -O2 -static -D{{ASSEMBLY|SYSCALL|CLONE|THREE}} {{src}} -o {{out}}
// ELSEWHERE: sched_yield
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>

static int f(void *p) { return 0; }

int main(void)
{
	puts("text");
#if defined ASSEMBLY
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(SYS_clone), "D"(CLONE_THREAD), "S"(0), "d"(0) : "rcx", "r11", "memory");
#elif defined SYSCALL
	syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0);
#elif defined THREE
	syscall(SYS_clone3, 0, 1);
#else
	static char stack[4096];
	clone(f, stack + 4000, CLONE_THREAD, 0);
#endif
	return 0;
}
