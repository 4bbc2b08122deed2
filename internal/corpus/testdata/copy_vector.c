// Function pointers that are copied by vector instructions from a constant to the stack, to static
// memory and to mapped memory, and called there.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O3 -mavx {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
#include "rt.h"
#include <emmintrin.h>

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

struct ops { void (*a)(void), (*b)(void); };
static struct ops ALIGN(16) first = {f0, f1};
static struct ops ALIGN(16) copy;

static OPAQUE void call(struct ops *o) { o->a(), o->b(); }

int prog(int argc, char **argv)
{
	__m128i v = _mm_load_si128((void *)HIDE(&first));
	_mm_storeu_si128((void *)&copy, v);
	call(&copy);
	struct ops local[2] = {{f2, f3}, {f3, f2}};
	call(&local[HIDE(argc) - 1]);
	return 0;
}
