/* libuksched and libukschedcoop: threads that give way of their own accord. */
#ifdef PKU
#include "pku.h"
#else
#include "uk.h"
#endif

enum { NTHREADS = 64, STACK = 16384 };
struct uk_thread {
#ifdef PKU
	const char *name;
	void *stack;
	u64 tls;
	void *ctx;
#else
	struct ukarch_ctx ctx;
	u64 tls;
	void *stack;
#endif
	int id, exited;
	struct uk_thread *next;
};
struct uk_sched {
	int (*thread_add)(struct uk_sched *, struct uk_thread *);
	void (*yield)(struct uk_sched *);
	struct uk_thread *first, *last;
};

static struct uk_thread boot_thread = { .id = 1 };
static struct uk_thread *__uk_sched_thread_current = &boot_thread;
static struct uk_thread *threads[NTHREADS] = { &boot_thread };
static struct uk_sched *sched;
static struct uk_thread *dead;

struct uk_thread *uk_thread_current(void) { return __uk_sched_thread_current; }
int uk_thread_id(struct uk_thread *t) { return t->id; }

static struct uk_thread *find(int id)
{
	for (int i = 0; i < NTHREADS; i++)
		if (threads[i] && threads[i]->id == id)
			return threads[i];
	return NULL;
}

int uk_thread_exited(int id)
{
	struct uk_thread *t = find(id);

	return !t || t->exited;
}

static int schedcoop_thread_add(struct uk_sched *s, struct uk_thread *t)
{
	t->next = NULL;
	if (s->last)
		s->last->next = t;
	else
		s->first = t;
	s->last = t;
	return 0;
}

static void bury(void)
{
	if (dead && dead != __uk_sched_thread_current) {
		for (int i = 0; i < NTHREADS; i++)
			if (threads[i] == dead)
				threads[i] = NULL;
		uk_free(dead->stack);
		uk_free(dead);
		dead = NULL;
	}
}

static void schedcoop_schedule(struct uk_sched *s)
{
	struct uk_thread *prev = __uk_sched_thread_current, *next = s->first;

	if (!next)
		return;
	s->first = next->next;
	if (!s->first)
		s->last = NULL;
	if (!prev->exited)
		schedcoop_thread_add(s, prev);
	__uk_sched_thread_current = next;
	ukplat_tlsp_set(next->tls);
#ifdef PKU
	ctx_switch_cb(prev->ctx, next->ctx);
#else
	ukarch_ctx_switch(&prev->ctx, &next->ctx);
#endif
	bury();
}

static void thread_return(void) { uk_sched_thread_exit(); }

void uk_sched_init(void)
{
	sched = uk_malloc(sizeof(*sched));
	sched->thread_add = schedcoop_thread_add;
	sched->yield = schedcoop_schedule;
	sched->first = sched->last = NULL;
#ifdef PKU
	boot_thread.ctx = sw_ctx_create(0);
#endif
	asm volatile("rdmsr" : "=a"(boot_thread.tls) : "c"(0xc0000100) : "rdx");
}

struct uk_thread *uk_sched_thread_create(void (*fn)(void *), void *arg, u64 tls)
{
	static int last_id = 1;
	struct uk_thread *t = uk_malloc(sizeof(*t));
	u64 *sp;
	int i;

	for (i = 0; i < NTHREADS && threads[i]; i++)
		;
	if (i == NTHREADS)
		return NULL;
	threads[i] = t;
	t->stack = uk_malloc(STACK);
	t->id = ++last_id;
	t->exited = 0;
	t->tls = tls ? tls : ukarch_tls_area_new();
	sp = (u64 *)((char *)t->stack + STACK);
	*--sp = 0;
	*--sp = (u64)thread_return;
	*--sp = (u64)fn;
	*--sp = (u64)arg;
#ifdef PKU
	t->ctx = sw_ctx_create((u64)sp);
#else
	t->ctx.ip = (u64)_ctx_x86_call1;
	t->ctx.sp = (u64)sp;
#endif
	sched->thread_add(sched, t);
	return t;
}

void uk_sched_yield(void) { sched->yield(sched); }

void uk_sched_thread_exit(void)
{
	__uk_sched_thread_current->exited = 1;
	dead = __uk_sched_thread_current;
	sched->yield(sched);
	ukplat_terminate(7);
}
