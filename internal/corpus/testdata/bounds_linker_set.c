// A linker set: every file adds an entry of its own to a section, each entry is an object with a symbol
// and a size, and the code knows the bounds of the section only. Symbols are no bounds here.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority
// UNRESOLVED: none
// TRAP: 1
// PITFALL: 7
#include "rt.h"

typedef void (*func)(void);
struct entry { long flags; func fn; };

#define HOOK(f) func f##_hook __attribute__((section("hooks"), used)) = f
#define ENTRY(f) struct entry f##_entry __attribute__((section("entries"), used)) = {0, f}

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void g0(void) { MARK(times); }
static void g1(void) { MARK(getsid); }
static void g2(void) { MARK(getpriority); }
HOOK(f0);
HOOK(f1);
HOOK(f2);
ENTRY(g0);
ENTRY(g1);
ENTRY(g2);

extern func __start_hooks[], __stop_hooks[] __attribute__((visibility("hidden")));
extern struct entry __start_entries[], __stop_entries[] __attribute__((visibility("hidden")));

int prog(int argc, char **argv)
{
	for (func *f = __start_hooks; f < __stop_hooks; f++)
		(*f)();
	for (struct entry *e = __stop_entries; e-- > __start_entries;)
		e->fn();
	return 0;
}
