// The function that signal handlers return to is named by data for the kernel, and its FDE (with
// the 'S' augmentation) starts one byte before it, so that unwinders find it for a return address.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: rt_sigreturn getppid kill
// UNRESOLVED: none
// PITFALL: 2
#include "rt.h"
#include <asm/signal.h>

void restore(void);
__asm__(".text\n"
	".cfi_startproc\n"
	".cfi_signal_frame\n"
	".cfi_def_cfa %rsp,8\n"
	"	nop\n"
	".type restore,@function\n"
	"restore:\n"
	"	mov $15,%rax\n"
	"	syscall\n"
	".cfi_endproc\n"
	".size restore,.-restore\n");

static void handler(int sig) { MARK(getppid); }

int prog(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTORER, .sa_restorer = restore};
	register long size __asm__("r10") = 8;
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "0"((long)__NR_rt_sigaction), "D"(SIGUSR1), "S"(&sa), "d"(0L), "r"(size)
			 : "rcx", "r11", "memory");
	SYS3(__NR_kill, SYS3(__NR_getpid, 0, 0, 0), SIGUSR1, 0);
	return 0;
}
