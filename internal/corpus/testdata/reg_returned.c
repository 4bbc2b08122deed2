// Function pointers that are returned: in rax, in rdx, in memory of the caller, chosen by a cmov, from a
// function that is called through a pointer.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getuid
// UNRESOLVED: none
// RUN:
// RUN: 1
// TRAP: 5
#include "rt.h"

typedef void (*func)(void);
static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }
static void f4(void) { MARK(getsid); }
static void f5(void) { MARK(getuid); }

struct two { long n; func fn; };
struct three { long n, m; func fn; };

static OPAQUE func in_rax(void) { return f0; }
static OPAQUE struct two in_rdx(void) { return (struct two){1, f1}; }
static OPAQUE struct three in_memory(void) { return (struct three){1, 2, f2}; }
static OPAQUE func chosen(int n) { return n > 1 ? f4 : f5; }
static OPAQUE func far(void) { return f3; }
func (*volatile pointer)(void) = far;

int prog(int argc, char **argv)
{
	in_rax()();
	in_rdx().fn();
	in_memory().fn();
	chosen(argc)();
	pointer()();
	return 0;
}
