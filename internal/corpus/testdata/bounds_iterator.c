// A pointer into a table that is moved backwards somewhere else: kept in an iterator on the stack, returned by
// one function and stepped by another, passed through a pointer to a pointer.
//
// BUILD: gcc -O{{1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid geteuid
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

struct op { void (*fn)(void); long a, b, c; };
struct iterator { long n; struct op *at; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void g0(void) { MARK(times); }
static void g1(void) { MARK(getsid); }
static void g2(void) { MARK(getpriority); }
static void h0(void) { MARK(getuid); }
static void h1(void) { MARK(getgid); }
static void h2(void) { MARK(geteuid); }

ALIGN(32) struct op first[3] = {{f0}, {f1, 1}, {f2, 0, 1}};
ALIGN(32) struct op second[3] = {{g0}, {g1, 1}, {g2, 0, 1}};
ALIGN(32) struct op third[3] = {{h0}, {h1, 1}, {h2, 0, 1}};

static OPAQUE void begin(struct iterator *i) { i->at = &first[2], i->n = 3; }
static OPAQUE void step(struct iterator *i) { i->at--, i->n--; }
static OPAQUE struct op *last(void) { return &second[2]; }
static OPAQUE struct op *before(struct op *p) { return p - 1; }
static OPAQUE void retreat(struct op **p) { *p -= 1; }

int prog(int argc, char **argv)
{
	struct iterator i;
	for (begin(&i); i.n; step(&i))
		i.at->fn();
	struct op *p = last();
	for (long n = 2 + HIDE(argc); n; n--, p = before(p))
		p->fn();
	p = &third[2];
	for (long n = 2 + HIDE(argc); n; n--, retreat(&p))
		p->fn();
	return 0;
}
