// The number is behind a pointer: in a structure on the caller's stack, as glibc's setxid passes
// it on, and in a constant structure.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// COVER: getppid sysinfo getpgrp
#include "rt.h"

struct command { int number; long arg[3]; int error; };

static OPAQUE void execute(struct command *c)
{
	c->error = SYS3(c->number, c->arg[0], c->arg[1], c->arg[2]);
}

static OPAQUE void outer(int times, struct command *c)
{
	while (times--)
		execute(c);
}

static struct command fixed = {.number = __NR_getpgrp};

int prog(int argc, char **argv)
{
	struct command a = {.number = __NR_getppid};
	execute(&a);
	struct command b = {.number = __NR_sysinfo};
	outer(argc, &b);
	execute(&fixed);
	return 0;
}
