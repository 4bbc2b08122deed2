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

#ifndef PKU
/* Calls by the syscall instruction: the number is where the caller's registers were put. */
struct sysregs { long rax, rdi, rsi, rdx, r10, r8, r9; };

noinline long uk_syscall6_r_e(const struct sysregs *r)
{
	switch (r->rax) {
#define X(name, n) case n: return uk_syscall_r_##name(r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
	UK_SYSCALLS(X)
#undef X
	}
	return -ENOSYS;
}

void ukplat_syscall_handler(struct sysregs *r) { r->rax = uk_syscall6_r_e(r); }
#endif
