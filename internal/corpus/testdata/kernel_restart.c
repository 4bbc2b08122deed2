// A sleep that is stopped and continued goes on by a call that stands in no file: restart_syscall, whose
// number the kernel puts into the register.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: restart_syscall nanosleep
// UNRESOLVED: none
#include "rt.h"
#include <asm/signal.h>

int prog(int argc, char **argv)
{
	long parent = SYS3(__NR_getpid, 0, 0, 0), brief[2] = {0, 50000000}, sleep[2] = {0, 300000000};
	if (SYS3(__NR_fork, 0, 0, 0) == 0) {
		SYS3(__NR_nanosleep, brief, 0, 0);
		SYS3(__NR_kill, parent, SIGSTOP, 0);
		SYS3(__NR_nanosleep, brief, 0, 0);
		SYS3(__NR_kill, parent, SIGCONT, 0);
		return 0;
	}
	SYS3(__NR_nanosleep, sleep, 0, 0);
	register long usage __asm__("r10") = 0;
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)__NR_wait4), "D"(-1L), "S"(0L), "d"(0L), "r"(usage) : "rcx", "r11", "memory");
	return 0;
}
