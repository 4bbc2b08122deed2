// Objects on a list are named by the list_head inside them, which here lies
// 32-byte aligned at a positive offset; container_of goes back to the start.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// UNRESOLVED: none
// TRAP: 1
// PITFALL: 10
#include "rt.h"

struct list { struct list *next, *prev; };
struct device { void (*probe)(void); long pad[3]; struct list link; long more[2]; };
#define container_of(p, type, field) ((type *)((char *)(p) - offsetof(type, field)))

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }
static void f2(void) { MARK(getpgrp); }

extern struct device dev[3];
struct list head = {&dev[0].link, &dev[2].link};
ALIGN(64) struct device dev[3] = {
	{f0, {0}, {&dev[1].link, &head}},
	{f1, {0}, {&dev[2].link, &dev[0].link}},
	{f2, {0}, {&head, &dev[1].link}},
};

int prog(int argc, char **argv)
{
	for (struct list *l = head.next; l != &head; l = l->next)
		container_of(l, struct device, link)->probe();
	return 0;
}
