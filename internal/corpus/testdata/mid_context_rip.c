// A handler that sets the instruction pointer of the interrupted context to a label in the
// middle of another function. Nothing else leads there.
//
// BUILD: gcc -O{{1|2}} {{-static|-pie}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// WANT: keyctl request_key
// NOT: add_key
// TRAP: 8
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(0L), "d"(0L) : "rcx", "r11", "memory")

extern char resume[] __attribute__((visibility("hidden")));

static void handler(int sig, siginfo_t *info, void *context)
{
	MARK(SYS_request_key);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (long)resume;
}

__attribute__((noipa)) static void trap(void)
{
	__asm__ volatile("ud2\n"
			 "	mov %0,%%eax\n"
			 "	syscall\n"
			 "	ud2\n"
			 "resume:\n"
			 "	mov %1,%%eax\n"
			 "	mov $-1,%%rdi\n"
			 "	syscall\n"
			 :
			 : "i"(SYS_add_key), "i"(SYS_keyctl)
			 : "rax", "rcx", "rdi", "r11", "memory");
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGILL, &sa, 0);
	trap();
	_exit(0);
}
