// List heads that point at themselves when the program starts, with the
// elements linked in at run time through a function that knows only list_heads.
// The relocation from an object to itself must neither loop nor hide the rest.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
// PITFALL: 10
// TRAP: 1
#include "rt.h"

struct list { struct list *next, *prev; };
struct device { long pad[4]; struct list link; void (*probe)(void); };
#define container_of(p, type, field) ((type *)((char *)(p) - offsetof(type, field)))

static void f0(void) { MARK(getppid); }
static void f1(void) { MARK(sysinfo); }

struct list head = {&head, &head};
ALIGN(32) struct device one = {{0}, {&one.link, &one.link}, f0};
ALIGN(32) struct device two = {{0}, {&two.link, &two.link}, f1};

static OPAQUE void add(struct list *l, struct list *to)
{
	l->next = to->next;
	l->prev = to;
	to->next->prev = l;
	to->next = l;
}

int prog(int argc, char **argv)
{
	add(&one.link, &head);
	add(&two.link, &head);
	for (struct list *l = head.next; l != &head; l = l->next)
		container_of(l, struct device, link)->probe();
	return 0;
}
