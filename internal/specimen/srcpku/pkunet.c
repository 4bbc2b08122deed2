/* liblwip: the compartment that faces the network. */
#define UK_SYSCALL_CALLER
#include "pku.h"
#define HOLE net_hole
#include "hole.h"

static long served COMP1 = 1;

/* Executes getpid itself, and reaches getppid through the C library. */
int net_serve(int n)
{
	served += n;
	long ppid, own = uk_syscall_r_getpid(0, 0, 0, 0, 0, 0);

	GATE(1, 0, ppid, getppid, (), 0, 0, 0, 0);
	return served * own + ppid;
}

noinline long net_call(void *fn, long a, long b, long c) { return ((long (*)(long, long, long))fn)(a, b, c); }

noinline long flexos_gate_1_0(void *fn, long a, long b, long c)
{
	long ret;

	GATE(1, 0, ret, app_call, (fn, a, b, c), fn, a, b, c);
	return ret;
}

noinline long net_libc(const struct call *c, int n)
{
	long ret = 0;

	for (int i = 0; i < n; i++)
		ret = flexos_gate_1_0((void *)c[i].addr, c[i].a[0], c[i].a[1], c[i].a[2]);
	return ret;
}

/* A handler of the timer's interrupt: what it can do that net cannot. */
u64 irq_target SHARED = 1;
long irq_result SHARED = 1;
noinline void net_irq(void)
{
	long ret;

	GATE(1, 0, ret, uk_syscall_r_getppid, (0, 0, 0, 0, 0, 0), 0, 0, 0, 0);
	irq_result = ret;
	if (irq_target > 1)
		*(volatile u64 *)irq_target = 1;
}
