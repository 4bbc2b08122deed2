/* libukboot and libukalloc: tables, the heap, the main thread. */
#include "uk.h"

struct block { u64 size; struct block *next; };
static struct block *free_list;
static u64 heap, heap_end;

/* All of the heap is filled, so that what lies in it by mistake is seen. */
void uk_alloc_init(u64 start, u64 end)
{
	heap = start;
	heap_end = end;
	memset((void *)start, 0xcc, 1 << 20);
}

void *uk_malloc(size_t n)
{
	struct block **p = &free_list, *b;

	n = (n + 31) & -16;
	for (; *p; p = &(*p)->next)
		if ((*p)->size == n) {
			b = *p;
			*p = b->next;
			return (char *)b + 16;
		}
	if (heap + n > heap_end)
		return NULL;
	b = (void *)heap;
	heap += n;
	b->size = n;
	return (char *)b + 16;
}

void uk_free(void *p)
{
	struct block *b = (void *)((char *)p - 16);

	if (p) {
		b->next = free_list;
		free_list = b;
	}
}

extern const uk_ctor_func_t uk_ctortab_start[], uk_ctortab_end[];
extern const uk_init_func_t uk_inittab_start[], uk_inittab_end[];

static void main_thread(void *arg)
{
	char *argv[2] = { arg, NULL };

	wrpkru(0x3ffffffc);
	exit(main(1, argv));
}

void uk_boot_entry(void)
{
	ukplat_tlsp_set(ukarch_tls_area_new());
	for (const uk_ctor_func_t *c = uk_ctortab_start; c < uk_ctortab_end; c++)
		(*c)();
	uk_sched_init();
	for (const uk_init_func_t *i = uk_inittab_start; i < uk_inittab_end; i++)
		if ((*i)())
			ukplat_terminate(6);
	uk_sched_thread_create(main_thread, "specimen", 0);
	ukplat_irq_init();
	wrpkru(0x3ffffffc);
	while (!ukplat_ticks())
		; /* what follows can rely on a time that is not 0 */
	for (;;)
		uk_sched_yield();
}
