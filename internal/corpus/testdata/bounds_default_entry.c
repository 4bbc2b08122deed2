// A table of commands whose entries are filled differently, and a pointer in .data to the default one,
// which lies aligned in the middle. The search goes from the start over all of them.
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
	{0, "one", f1, 0},
	{f2, 0, 0, 7},
	{0, 0, f3, 0},
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

int prog(int argc, char **argv)
{
	all(commands);
	return standard->flags != 7;
}
