// Constant tables of functions that are called by a jump, since the call is the last thing that its
// function does. It looks like a switch: one element of many words, one whose first entry is the caller itself,
// one without any entry in front.
//
// BUILD: gcc -O{{1|2|3}} -foptimize-sibling-calls {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-asynchronous-unwind-tables {{free|pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -mcmodel=large {{free}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority getuid getgid geteuid getegid umask
// NOT: reboot
// UNRESOLVED: none
#include "rt.h"

typedef void func(long);
static OPAQUE void f0(long n) { MARK(getppid); }
static OPAQUE void f1(long n) { MARK(sysinfo); }
static OPAQUE void f2(long n) { MARK(getpgrp); }
static OPAQUE void g0(long n) { MARK(times); }
static OPAQUE void g1(long n) { MARK(getsid); }
static OPAQUE void h0(long n) { MARK(getpriority); }
static OPAQUE void h1(long n) { MARK(getuid); }
static OPAQUE void k0(long n) { MARK(getgid); }
static OPAQUE void k1(long n) { MARK(geteuid); }
static OPAQUE void l0(long n) { MARK(getegid); }
static OPAQUE void l1(long n) { MARK(umask); }
KEEP static void dead(long n) { MARK(reboot); }

static func *const plain[] = {f0, f1, f2};
static OPAQUE void call_plain(long n) { plain[n](n); }

static const struct { long id, weight; func *f; } wide[] = {{1, 2, g0}, {3, 4, g1}};
static OPAQUE void call_wide(long n) { wide[n].f(n); }

static OPAQUE void call_self(long n);
static func *const self[] = {call_self, h0, h1};
static OPAQUE void call_self(long n) { self[n](n - 1); }

static func *const empty[] = {0, k0, k1};
static OPAQUE void call_empty(long n) { empty[n + 1](n); }

static func *const checked[] = {l0, l1};
static OPAQUE void call_checked(unsigned long n)
{
	if (n < 2)
		checked[n](n);
}

int prog(int argc, char **argv)
{
	for (long n = 0; n < 3; n++)
		call_plain(n);
	for (long n = 0; n < 2; n++) {
		call_wide(n);
		call_self(n + 1);
		call_empty(n);
		call_checked(n);
	}
	return 0;
}
