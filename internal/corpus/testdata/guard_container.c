// A list whose nodes lie inside of larger structures: the address of the node goes round, and what
// is written lies before it.
//
// BUILD: gcc -O{{0|1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
#include "rt.h"

struct node { struct node *next; };
struct item {
	volatile long flag;
	long pad[7];
	struct node node; // at 64
	long more[7];
};
static struct item one ALIGN(64), two ALIGN(64);
static struct node *head = &two.node;

static OPAQUE void add(struct node *n)
{
	head->next = n;
}
static OPAQUE void set(long v)
{
	for (struct node *n = head; n; n = n->next)
		((struct item *)((char *)n - offsetof(struct item, node)))->flag = v;
}

int prog(int argc, char **argv)
{
	add(&one.node);
	set(argc);
	if (one.flag)
		MARK(getppid);
	if (two.flag)
		MARK(sysinfo);
	return 0;
}
