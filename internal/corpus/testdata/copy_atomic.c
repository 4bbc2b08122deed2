// Function pointers that are published by xchg, cmpxchg, xadd and cmpxchg16b.
//
// BUILD: gcc -O{{0|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid
// UNRESOLVED: none
#include "rt.h"

typedef void (*func)(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }
static void f4(void) { MARK(getsid); }

func slot, other;
long sum;
struct { func a, b; } ALIGN(16) pair;

int prog(int argc, char **argv)
{
	func old = __atomic_exchange_n(&slot, f0, __ATOMIC_SEQ_CST);
	slot();
	old = f0;
	__atomic_compare_exchange_n(&slot, &old, f1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	slot();
	__atomic_fetch_add(&sum, (long)f2, __ATOMIC_SEQ_CST);
	((func)sum)();
	func low = f3, high = f4;
	__asm__ volatile("lock cmpxchg16b %0" : "+m"(pair) : "a"(0L), "d"(0L), "b"(low), "c"(high) : "cc", "memory");
	pair.a();
	pair.b();
	return 0;
}
