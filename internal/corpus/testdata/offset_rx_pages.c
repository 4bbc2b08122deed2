// Pointers to functions in pages that are readable and executable: without section headers nothing
// says which part of them is data. -N makes one segment of everything.
//
// BUILD: gcc -O2 {{free}} -Wl,-z,noseparate-code {{src}} -o {{out}}
// BUILD: gcc -O2 {{free}} -Wl,-N {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} -Wl,-z,noseparate-code {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// TRANSFORM: sectionless
// STRIP: no
// TRAP: 3
#include "rt.h"

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }

void (*const table[])(void) = {f0, f1, f2};

int prog(int argc, char **argv)
{
	for (int i = 0; i < 2 + argc; i++)
		HIDE(&table[0])[i]();
	return 0;
}
