/* libsyscall_shim: system calls by number. The one of six arguments finds the number in %rax. */
#define UK_SYSCALL_CALLER
#include "uk.h"

long uk_syscall6_r(long a0, long a1, long a2, long a3, long a4, long a5)
{
	register long nr asm("rax");

	asm volatile("" : "=r"(nr));
	switch (nr) {
#define X(name, n) case n: return uk_syscall_r_##name(a0, a1, a2, a3, a4, a5);
	UK_SYSCALLS(X)
#undef X
	}
	return -ENOSYS;
}

long uk_syscall6(long nr, long a0, long a1, long a2, long a3, long a4, long a5)
{
	switch (nr) {
#define X(name, n) case n: return uk_syscall_e_##name(a0, a1, a2, a3, a4, a5);
	UK_SYSCALLS(X)
#undef X
	}
	errno = ENOSYS;
	return -1;
}
