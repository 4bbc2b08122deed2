// The smallest program with one call, built in every way that the other inputs use.
//
// BUILD: {{gcc|clang}} -O2 {{free|pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fcf-protection=full {{free|pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-asynchronous-unwind-tables {{free|pie}} {{src}} -o {{out}}
// WANT: getppid exit_group
// NOT: reboot
// UNRESOLVED: none
#include "rt.h"

int prog(int argc, char **argv)
{
	MARK(getppid);
	return 0;
}
