/* libplugin: another compartment. */
#define UK_SYSCALL_CALLER
#include "pku.h"
#define HOLE plugin_hole
#include "hole.h"

static long served COMP2 = 1;

/* Executes getppid itself, and reaches getpid through the C library. */
int plugin_serve(int n)
{
	served += n;
	long pid, own = uk_syscall_r_getppid(0, 0, 0, 0, 0, 0);

	GATE(2, 0, pid, getpid, (), 0, 0, 0, 0);
	return served * own + pid;
}

noinline long plugin_call(void *fn, long a, long b, long c) { return ((long (*)(long, long, long))fn)(a, b, c); }

noinline long flexos_gate_2_0(void *fn, long a, long b, long c)
{
	long ret;

	GATE(2, 0, ret, app_call, (fn, a, b, c), fn, a, b, c);
	return ret;
}

