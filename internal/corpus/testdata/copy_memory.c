// Structures with function pointers that are copied as bytes: by memcpy, by rep movsq, by words
// through the stack, in a loop of bytes.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
#include "rt.h"

struct ops { long id; void (*fn)(void); long more[6]; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

struct ops table[4] = {{0, f0}, {1, f1}, {2, f2}, {3, f3}};
struct ops heap[4];

static OPAQUE void *copy(void *d, const void *s, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		((volatile char *)d)[i] = ((volatile const char *)s)[i];
	return d;
}

static OPAQUE void call(struct ops o) { o.fn(); }

int prog(int argc, char **argv)
{
	rt_copy(&heap[0], &table[0], sizeof(struct ops));
	copy(&heap[1], &table[1], sizeof(struct ops));
	void *d = &heap[2];
	const void *s = &table[2];
	long n = sizeof(struct ops) / 8;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	for (int i = 0; i < 2 + argc; i++)
		heap[i].fn();
	call(table[2 + HIDE(argc)]);
	return 0;
}
