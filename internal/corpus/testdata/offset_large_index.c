// The large code model for shared objects, where an offset from the GOT's address is computed with
// before the address is added: the table that it stands for is in no single instruction.
//
// BUILD: gcc -O{{1|2|3}} -mcmodel=large -fPIC {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 -mcmodel=large -fPIC {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid
// UNRESOLVED: none
// TRAP: 2
#include "rt.h"

typedef void func(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }
static void g0(void) { MARK(getsid); }
static void g1(void) { MARK(getpriority); }
static void h0(void) { MARK(getuid); }
static void h1(void) { MARK(getgid); }

static struct { func *f; long n; } table[] = {{f0}, {f1}, {f2}, {f3}};
static func *stack[] = {g0, g1};
KEEP static func *far_table[] = {h0, h1};
static long count[4];

static OPAQUE void by_hand(long n)
{
	// As a compiler might: offset + index, then the base.
	__asm__ volatile("1: lea 1b(%%rip),%%rbx\n\t"
			 "movabs $_GLOBAL_OFFSET_TABLE_-1b,%%r11\n\t"
			 "add %%r11,%%rbx\n\t"
			 "movabs $far_table@GOTOFF,%%rax\n\t"
			 "lea (%%rax,%0,8),%%rax\n\t"
			 "call *(%%rax,%%rbx)"
			 : "+r"(n) : : "rax", "rbx", "r11", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "memory");
}

int prog(int argc, char **argv)
{
	for (int i = argc - 1; i < 4; i++) {
		count[i]++;
		table[i].f();
	}
	for (int i = 2; i-- > 0;) {
		stack[i]();
		by_hand(i);
	}
	return 0;
}
