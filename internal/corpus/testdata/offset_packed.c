// Function pointers in packed structures: whole addresses at odd places, that no relocation marks in
// a position-dependent program.
//
// BUILD: gcc -O{{0|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 3
#include "rt.h"

struct __attribute__((packed)) entry { char tag; void (*f)(void); short n; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void g(void) { MARK(times); }

static struct entry table[] = {{1, f0, 2}, {3, f1, 4}, {5, f2, 6}};
static struct entry one = {7, g, 8};

static OPAQUE void run(struct entry *e) { e->f(); }

int prog(int argc, char **argv)
{
	for (int i = argc - 1; i < 3; i++)
		run(&table[i]);
	if (one.n == 8)
		one.f();
	return 0;
}
