// A table of commands whose entries are filled differently, and a pointer in .data to the default one,
// which lies aligned in the middle and is used by dead code only. The search goes from the start over all of
// them.
//
// BUILD: gcc -O{{1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times
// UNRESOLVED: none
// TRAP: 1
#include "rt.h"

struct command { void (*run)(void); const char *name; void (*help)(void); long flags; };

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }
static void f3(void) { MARK(times); }

ALIGN(32) struct command commands[] = {
	{f0, "zero", 0, 1},
	{f1, "one", 0, 0},
	{f2, "two", f3, 7},
	{0, "end", 0, 0},
};
const struct command *standard = &commands[2];

static OPAQUE void all(const struct command *c)
{
	for (; c->run || c->help; c++) {
		if (c->run)
			c->run();
		if (c->help)
			c->help();
	}
}

KEEP OPAQUE void reset(void) { all(standard); }

int prog(int argc, char **argv)
{
	all(commands);
	return 0;
}
