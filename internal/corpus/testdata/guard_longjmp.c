// A checked jump down the stack, off a signal's stack that lies above it: set by the C library's function, by that as it is
// looked up, by number, by the program's own instruction.
//
// BUILD: gcc -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D{{CALL|FOUND|NUMBER|OWN}} {{src}} -o {{out}}
// BUILD: gcc -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -static -D{{CALL|NUMBER|OWN}} {{src}} -o {{out}}
// WANT: sigaltstack
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static jmp_buf env;

static void handle(int s) { longjmp(env, 1); }

__attribute__((noinline)) static int set(const stack_t *s)
{
#ifdef CALL
	return sigaltstack(s, NULL);
#elif defined FOUND
	return ((int (*)(const stack_t *, stack_t *))dlsym(RTLD_DEFAULT, "sigaltstack"))(s, NULL);
#elif defined NUMBER
	return syscall(SYS_sigaltstack, s, NULL);
#else
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)SYS_sigaltstack), "D"(s), "S"(0L) : "rcx", "r11", "memory");
	return r;
#endif
}

int main(void)
{
	// the frame that is jumped to is below the stack of signals, which is in this one
	char stack[1 << 16];
	stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction a = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
	if (set(&s) || sigaction(SIGUSR1, &a, NULL))
		return 1;
	if (setjmp(env) == 0)
		raise(SIGUSR1);
	return 0;
}
