// getcontext returns again when somebody sets the context; makecontext starts a
// function whose address it was given; swapcontext returns when the other swaps back.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// WANT: keyctl add_key
// COVER: request_key
// TRAP: 4
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static inline long call(long nr)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(-1L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
	return r;
}

static ucontext_t here, there;
static char stack[65536];

static void other(void)
{
	call(SYS_add_key);
	swapcontext(&there, &here);
}

int main(void)
{
	volatile long nr = SYS_getpid;
	volatile int times = 0;
	getcontext(&here);
	if (times++ == 0) {
		nr = SYS_request_key;
		setcontext(&here);
	}
	call(nr);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	makecontext(&there, other, 0);
	swapcontext(&here, &there);
	call(SYS_keyctl);
	return 0;
}
