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
	return served * uk_syscall_r_getppid(0, 0, 0, 0, 0, 0) + flexos_gate_2_0(getpid, 0, 0, 0);
}

