// Function pointers on the stack between functions: as the seventh argument, in a structure by value, as a
// variadic argument, through an index into a local array, in a structure on the caller's stack.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -maccumulate-outgoing-args {{free}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid
// UNRESOLVED: none
// TRAP: 5
#include "rt.h"
#include <stdarg.h>

typedef void (*func)(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }
static void f4(void) { MARK(getsid); }

struct big { long n[3]; func fn; };
struct closure { struct closure *next; func fn; };

static OPAQUE void seventh(long a, long b, long c, long d, long e, long f, func fn) { fn(); }
static OPAQUE void by_value(struct big b) { b.fn(); }
static OPAQUE void variadic(long n, ...)
{
	va_list ap;
	va_start(ap, n);
	while (n--)
		va_arg(ap, long);
	va_arg(ap, func)();
	va_end(ap);
}
static OPAQUE void indexed(long i)
{
	func local[8] = {0};
	local[i] = f3;
	local[HIDE(i)]();
}
static OPAQUE void by_pointer(struct closure *c)
{
	while (c->next)
		c = c->next;
	c->fn();
}

int prog(int argc, char **argv)
{
	seventh(1, 2, 3, 4, 5, 6, f0);
	by_value((struct big){{1, 2, 3}, f1});
	variadic(7, 1L, 2L, 3L, 4L, 5L, 6L, 7L, f2);
	indexed(argc);
	struct closure inner = {0, f4}, outer = {&inner, 0};
	by_pointer(&outer);
	return 0;
}
