// Memory that the kernel writes long after it was told where: the address for clear_child_tid, in
// a structure for clone3, and a robust list.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
#include "rt.h"
#include <linux/sched.h>

static volatile int cleared = 1, parent_tid, status;
static struct clone_args arguments = {
	.flags = CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID,
	.child_tid = (unsigned long)0,
	.exit_signal = 17,
};

int prog(int argc, char **argv)
{
	arguments.child_tid = (unsigned long)&cleared;
	arguments.parent_tid = (unsigned long)&parent_tid;
	long pid;
	__asm__ volatile("syscall\n"
			 "	test %%eax,%%eax\n"
			 "	jnz 1f\n"
			 "	mov $60,%%eax\n" // exit(3)
			 "	mov $3,%%edi\n"
			 "	syscall\n"
			 "1:"
			 : "=a"(pid)
			 : "0"((long)__NR_clone3), "D"(&arguments), "S"(sizeof arguments)
			 : "rcx", "r11", "memory");
	register long usage __asm__("r10") = 0;
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)__NR_wait4), "D"(pid), "S"(&status), "d"(0L), "r"(usage) : "rcx", "r11", "memory");
	if (!cleared)
		MARK(getppid);
	if (parent_tid)
		MARK(sysinfo);
	if (status)
		MARK(getpgrp);
	return 0;
}
