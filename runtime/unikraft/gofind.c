/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026, the gofind authors. All rights reserved. */

/*
 * Enforces the rules of gofind_rules.S: keeps the origin tag and hooks functions.
 *
 * The tag is a set of compartments, a bit each: those on whose behalf the
 * processor runs, all along the chain of calls. A gate at a function where
 * control comes into a compartment adds its bit, and has the function return to
 * gofind_leave, which takes it back. What a gate remembers is kept in a table by
 * the address of the return address on the stack: such addresses are distinct
 * on all stacks, so that the table needs no order, threads can give way within
 * gates, and what is never returned from is replaced when its address is used
 * again. All functions here but gofind_init run with interrupts off.
 *
 * One processor and threads that give way of their own accord are assumed.
 */

#include <errno.h>
#include <uk/ctors.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

/* The tag, and a number for the thread that runs, which tells its gates apart. */
struct state {
	u32 tag, gen;
};

/* An open gate. The key is the address of the return address; of a context that
 * has not run yet, its address plus 1; of a free one, anything with low bits set.
 */
struct gate {
	struct gate *next;
	u64 key, ret;
	struct state state; /* before it was opened */
};

/* A function that is hooked: it starts with room for a call. */
struct patch {
	u8 *function, *hook;
	const char *name;
};

/* gofind_rules.S */
extern struct state gofind_state;
extern const u32 gofind_first; /* the tag at start, and of contexts that nobody made */
extern const int gofind_errno; /* of a refused call */
extern const char *const gofind_names[];
extern const struct patch gofind_patches[], gofind_patches_end[];
extern struct gate gofind_table[], gofind_table_end[];

/* gates.S */
extern void gofind_leave(void);

/* Ends the image. The request is UKPLAT_CRASH of <uk/plat/bootstrap.h>. */
extern void ukplat_terminate(int request) __attribute__((__weak__));
enum { CRASH = 3 };

enum { BUCKETS = 256 };
static struct gate *buckets[BUCKETS], *free_gates, *fresh = gofind_table;
static u32 last_gen;

/* Texts go to the first serial port, since nothing else can be relied on here. */
static void print(const char *s)
{
	u8 ready;

	for (; *s; s++) {
		do
			__asm__ volatile("inb %1, %0" : "=a"(ready) : "Nd"((unsigned short)0x3fd));
		while (!(ready & 0x20));
		__asm__ volatile("outb %0, %1" : : "a"(*s), "Nd"((unsigned short)0x3f8));
	}
}

static void __attribute__((__noreturn__)) end(const char *a, const char *b, const char *c, const char *d)
{
	__asm__ volatile("cli");
	print("\r\ngofind: ");
	print(a);
	print(b);
	print(c);
	print(d);
	print("\r\n");
	if (ukplat_terminate)
		ukplat_terminate(CRASH);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static struct gate **bucket(u64 key) { return &buckets[(key >> 4) % BUCKETS]; }

/* The gate with a key, a new one if there is none. */
static struct gate *put(u64 key)
{
	struct gate **b = bucket(key), *g;

	for (g = *b; g; g = g->next)
		if (g->key == key)
			return g;
	if (free_gates) {
		g = free_gates;
		free_gates = g->next;
	} else if (fresh < gofind_table_end) {
		g = fresh++;
	} else {
		end("too many gates are open at once", "", "", "");
	}
	g->next = *b;
	g->key = key;
	*b = g;
	return g;
}

/* Removes the gate with a key, and returns it, or 0 if there is none. */
static struct gate *take(u64 key)
{
	struct gate **p = bucket(key), *g;

	for (; (g = *p); p = &g->next)
		if (g->key == key) {
			*p = g->next;
			g->next = free_gates;
			free_gates = g;
			g->key |= 7;
			return g;
		}
	return 0;
}

/* Opens a gate for the function whose return address is in *slot. A mask of 0
 * is for handlers of interrupts, which run on nobody's behalf.
 */
void gofind_open(u64 *slot, u32 mask)
{
	if (*slot != (u64)gofind_leave) { /* otherwise a gated function has ended in a jump to this one */
		struct gate *g = put((u64)slot);

		g->ret = *slot;
		g->state = gofind_state;
		*slot = (u64)gofind_leave;
	}
	gofind_state.tag = mask ? gofind_state.tag | mask : 0;
}

/* Closes it: puts back the return address and the tag. */
void gofind_close(u64 *slot)
{
	struct gate *g = take((u64)slot);

	if (!g)
		end("a return that no gate knows", "", "", "");
	*slot = g->ret;
	gofind_state = g->state;
}

/* A context is made known: it will start with the tag of who does so. */
void gofind_add(u64 context)
{
	put(context | 1)->state = gofind_state;
}

/* A context is switched to. If it ran before, what follows puts its tag back. */
void gofind_switch(u64 context)
{
	struct gate *g = take(context | 1);

	gofind_state.tag = g ? g->state.tag : gofind_first;
	gofind_state.gen = ++last_gen;
}

/* longjmp sets the stack pointer to what *to has: the gates of this thread below
 * that are left, and the tag is what the outermost found.
 */
void gofind_jump(const u64 *to, u64 from)
{
	struct state state = gofind_state;
	u64 outermost = 0;

	for (struct gate *g = gofind_table; g < fresh; g++) {
		if ((g->key & 7) || g->state.gen != gofind_state.gen || g->key < from || g->key >= *to)
			continue;
		if (g->key > outermost) {
			outermost = g->key;
			state = g->state;
		}
		take(g->key);
	}
	gofind_state = state;
}

void gofind_set_errno(void) { errno = gofind_errno; }

/* A call that must not return, or that ends the image, is denied to those in mask. */
void gofind_crash(const char *call, u32 mask)
{
	end("compartment ", gofind_names[__builtin_ctz(mask & gofind_state.tag)], " must not call ", call);
}

/* Puts a call of its hook at the start of each function that is hooked. Text may
 * be mapped without write permission: CR0.WP is cleared meanwhile.
 */
static void gofind_init(void)
{
	static const u8 room[5] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 }; /* nopl 0(%rax,%rax,1) */
	u64 flags, cr0;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	__asm__ volatile("movq %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("movq %0, %%cr0" : : "r"(cr0 & ~(1UL << 16)) : "memory");
	for (const struct patch *p = gofind_patches; p < gofind_patches_end; p++) {
		long distance = p->hook - (p->function + sizeof(room));

		for (unsigned int i = 0; i < sizeof(room); i++)
			if (p->function[i] != room[i] || distance != (int)distance)
				end("the rules are not those of this image: ", p->name, "", "");
		for (unsigned int i = 0; i < 4; i++)
			p->function[1 + i] = (u64)distance >> (8 * i);
		p->function[0] = 0xe8;
	}
	__asm__ volatile("movq %0, %%cr0" : : "r"(cr0) : "memory");
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}
UK_CTOR_PRIO(gofind_init, 0);
