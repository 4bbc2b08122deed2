/* libmain: compartment 0. Words of its command line:

     normal                  the workload
     WAY=ADDR,A0,A1,A2,A3,RAX  a call of ADDR in this machine; WAY is call, thread or timer
     rpc=ADDR,A0 ... A5      a call of ADDR in the other one: f_ptr is what one likes
     race=ADDR,OTHER,A1 ... A5  the same many times, with f_ptr changing all the time between ADDR and OTHER
     secret                  asks compartment 1 for its file

   @ as an argument is the address of the shared memory. A call prints one line. */
#include "vmept.h"

extern const char plugin_secret_name[];

noinline long app_scale(long n) { return getppid() == 7 ? n * 10 : -1; }

struct call { u64 addr; long a[6]; };
static noinline long app_hole(const struct call *c)
{
	register long r8 asm("r8") = c->a[4];
	register long r9 asm("r9") = c->a[5];
	long ret = c->a[4];

	asm volatile("movq 8(%3), %%rdi\n\tmovq 16(%3), %%rsi\n\tmovq 24(%3), %%rdx\n\tmovq 32(%3), %%rcx\n\tcall *0(%3)"
		     : "+a"(ret), "+r"(r8), "+r"(r9) : "b"(c) : "rdi", "rsi", "rdx", "rcx", "r10", "r11", "memory", "cc");
	return ret;
}

static struct call job;
static volatile int asked;
static volatile long answer;
static int failures, gone;

static void *app_thread(void *p) { answer = app_hole(&job); return p; }
static void app_timer(void)
{
	if (asked == 1) {
		answer = app_hole(&job);
		asked = 2;
	}
}

static void expect(const char *what, long got, long want)
{
	failures += got != want;
	printf("%s: %s\n", what, got == want ? "ok" : "WRONG");
	if (got != want)
		printf("  %d, not %d\n", got, want);
}

static __attribute__((used)) void workload(void)
{
	char *shared = flexos_vmept_shared();
	long r, s = 0;
	u64 t;

	flexos_vmept_gate_r(0, 1, r, plugin_load, (u64)plugin_secret_name, (u64)shared, 64);
	expect("load", r, 6);
	expect("content", strcmp(shared, "xyzzy"), 0);
	flexos_vmept_gate_r(0, 1, r, plugin_sum, 1, 2, 3, 4, 5, 6);
	expect("nested call", r, 910);
	for (int i = 0; i < 100; i++) {
		flexos_vmept_gate_r(0, 1, r, plugin_sum, i, 0, 0, 0, 0, 0);
		s += r;
	}
	expect("many calls", s, 49500);
	job.addr = (u64)app_scale;
	job.a[0] = 3;
	expect("thread", pthread_create(&t, app_thread, NULL), 0);
	pthread_join(t);
	expect("its answer", answer, 30);
}

/* What it does that is compromised: anything in the shared memory, and waits, but not for ever. */
static void rpc(const struct call *c, int race)
{
	rpc_ctrl *x = flexos_vmept_ctrl();
	int tries = race ? 2000 : 1, silent = 0;
	long r = 0;

	for (int i = 0; i < tries && !silent; i++) {
		for (int k = race; k < 6; k++)
			x->parameters[k - race] = c->a[k];
		x->f_info = 0x106;
		x->f_ptr = (void *)(race ? c->a[0] : (long)c->addr);
		x->extended_state = rpc_state(0, 1, RPC_CALLED);
		for (u64 n = 0; (u8)x->extended_state != RPC_RETURNED; n++) {
			if (race)
				x->f_ptr = (void *)(n & 1 ? c->a[0] : (long)c->addr);
			else
				uk_sched_yield();
			if (n > 3000000) {
				silent = 1;
				break;
			}
		}
		r = x->ret;
		x->extended_state = rpc_state(0, 1, RPC_IDLE);
	}
	gone |= silent;
	if (silent)
		printf(" -> no answer\n");
	else
		printf(" -> %d\n", r);
}

static int starts(const char **s, const char *with)
{
	size_t n = strlen(with);

	if (strncmp(*s, with, n))
		return 0;
	*s += n;
	return 1;
}

static void parse(const char *s)
{
	char *end = (char *)s;

	memset(&job, 0, sizeof(job));
	job.addr = strtoul(s, &end, 0);
	for (int i = 0; i < 6 && *end == ','; i++) {
		if (end[1] == '@') {
			job.a[i] = (long)flexos_vmept_shared();
			end += 2;
		} else
			job.a[i] = strtoul(end + 1, &end, 0);
	}
}

static __attribute__((used)) void word(const char *s)
{
	u64 t;
	long r;

	if (*s == '/')
		return;		/* the name of the image */
	printf("%s", s);
	if (starts(&s, "call=")) {
		parse(s);
		printf(" -> %d\n", app_hole(&job));
	} else if (starts(&s, "thread=")) {
		parse(s);
		pthread_create(&t, app_thread, NULL);
		pthread_join(t);
		printf(" -> %d\n", answer);
	} else if (starts(&s, "timer=")) {
		parse(s);
		ukplat_irq_register(app_timer);
		asked = 1;
		while (asked == 1)
			;
		printf(" -> %d\n", answer);
	} else if (starts(&s, "rpc=")) {
		parse(s);
		rpc(&job, 0);
	} else if (starts(&s, "race=")) {
		parse(s);
		rpc(&job, 1);
	} else if (gone && starts(&s, "secret")) {
		printf(" -> no answer\n");
	} else if (starts(&s, "secret")) {
		flexos_vmept_gate_r(0, 1, r, plugin_load, (u64)plugin_secret_name, (u64)flexos_vmept_shared(), 64);
		printf(" -> %d\n", r);
	} else
		printf(": not understood\n");
}

int main(int argc, char **argv) __attribute__((section(".text_comp_exclusive")));
int main(int argc, char **argv)
{
#if FLEXOS_VMEPT_COMP_ID == 0
	const char *s = ukplat_cmdline();
	char w[256];

	while (*s && argc == 1) {
		size_t n = 0;

		while (*s == ' ')
			s++;
		while (s[n] && s[n] != ' ' && n < sizeof(w) - 1)
			w[n] = s[n], n++;
		w[n] = 0;
		s += n;
		if (!strcmp(w, "normal"))
			workload();
		else if (n && *argv)
			word(w);
	}
	printf("done, %d wrong\n", (long)failures);
	return failures ? 1 : 0;
#else
	if (argc && *argv)
		flexos_vmept_rpc_loop();
	return 0;
#endif
}
