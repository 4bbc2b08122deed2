// A stack that grows downwards, whose pointer begins one past its end and is kept in memory:
// what it writes lies before the address that was given away.
//
// BUILD: gcc -O{{0|1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
#include "rt.h"

static volatile long first[16] ALIGN(32);
static volatile long second[16] ALIGN(32);
static volatile long third[16] ALIGN(32);
struct stack { volatile long *top; };
static struct stack initialised = {first + 16}, assigned;
static struct stack *both[2] = {&initialised, &assigned};

static OPAQUE void push(struct stack *s, long v) { *--s->top = v; }

int prog(int argc, char **argv)
{
	assigned.top = second + 16;
	for (int i = 0; i < 2; i++)
		push(both[i], argc);
	if (first[15])
		MARK(getppid);
	if (second[15])
		MARK(sysinfo);
	if (third[argc + 2])
		MARK(times);
	return 0;
}
