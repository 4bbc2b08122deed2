/* libapp: drives the compartments. Words of the command line:

     normal                    the workload
     C=ADDR,A0,A1,A2,A3,RAX    a call of ADDR by compartment C (app, net, plugin; libc: by net, through the gate
                               into compartment 0). After a + may stand another such call
     ticks                     waits for some ticks of the timer
     pkru=VALUE,ADDR           a call of ADDR with a PKRU of VALUE, which must leave the stack open
     poke=ADDR,VALUE           compartment 0 writes a word
     peek=ADDR                 compartment 0 reads a word */
#include "pku.h"
#define HOLE app_hole
#include "hole.h"

struct call calls[4] SHARED = { { 1, { 0 } } };
int call_count SHARED = 1;
static char buffer[256] SHARED = { 1 };
static char tls[256] __attribute__((aligned(16))) SHARED = { 1 };
extern char _tls_start[], _etdata[], _tls_end[];
static int failures, done;

static void expect(const char *what, long got, long want)
{
	failures += got != want;
	printf("%s: %s\n", what, got == want ? "ok" : "WRONG");
}

noinline long app_call(void *fn, long a, long b, long c) { return ((long (*)(long, long, long))fn)(a, b, c); }

noinline long flexos_gate_0_1(void *fn, long a, long b, long c)
{
	long ret;

	GATE(0, 1, ret, net_call, (fn, a, b, c), fn, a, b, c);
	return ret;
}

noinline long flexos_gate_0_2(void *fn, long a, long b, long c)
{
	long ret;

	GATE(0, 2, ret, plugin_call, (fn, a, b, c), fn, a, b, c);
	return ret;
}

static noinline long serve_net(int n)
{
	long ret;

	GATE(0, 1, ret, net_serve, (n), n, 0, 0, 0);
	return ret;
}

static noinline long serve_plugin(int n)
{
	long ret;

	GATE(0, 2, ret, plugin_serve, (n), n, 0, 0, 0);
	return ret;
}

/* Changes of keys that no instruction is: within constant data, and where one instruction ends and the next starts (wrpkru; mov %rax, %cr0). */
const u8 app_constants[] __attribute__((used)) = { 1, 0x0f, 0x01, 0xef, 0xc3 };
noinline long app_within(long n)
{
	long ret;

	asm volatile("movl %k1, %%edi\n\tmovb $0x0f, %%cl\n\taddl %%ebp, %%edi\n\tmovl %%edi, %%eax\n\tsubl %%ebp, %%eax\n\t"
		     "movb $0x0f, %%cl\n\t.byte 0x22, 0xc0\n\tcmpb $15, %%cl\n\tje 1f\n\txorl %%eax, %%eax\n1:"
		     : "=&a"(ret) : "r"(n) : "rdi", "rcx", "cc");
	return ret;
}

static void workload(void)
{
	expect("within", app_within(42), 42);
	expect("net", serve_net(4), 5 + 7);
	expect("net, again", serve_net(4), 9 + 7);
	expect("plugin", serve_plugin(1), 2 * 7 + 1);
	expect("app", getppid(), 7);
	for (int i = 0; i < 20000; i++)
		if (serve_net(0) != 16 || serve_plugin(0) != 15)
			failures++;
	expect("under interrupts", failures, 0);
}

static void parse(const char *s)
{
	char *end = (char *)s - 1;

	call_count = 0;
	do {
		struct call *c = &calls[call_count++];

		c->addr = strtoul(end + 1, &end, 0);
		for (int i = 0; i < 5; i++) {
			c->a[i] = 0;
			if (*end == ',' && end[1] == '@') {
				c->a[i] = (long)buffer;
				end += 2;
			} else if (*end == ',')
				c->a[i] = strtoul(end + 1, &end, 0);
		}
	} while (*end == '+' && call_count < 4);
}

/* What wrpkru elsewhere can do: any value, with which a call is made. */
static noinline long with_pkru(u32 value, u64 addr)
{
	register u64 target asm("r9") = addr;
	long ret = value;

	asm volatile("wrpkru\n\tlfence\n\tcall *%1\n\tmovq %%rax, %%rsi\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\t"
		     "movl $0x3ffffffc, %%eax\n\twrpkru\n\tlfence\n\tmovq %%rsi, %%rax"
		     : "+a"(ret), "+r"(target) : "c"(0), "d"(0) : "rsi", "rdi", "r8", "r10", "r11", "memory", "cc");
	return ret;
}

static void word(const char *s)
{
	const char *at = s;
	long ret;

	while (*at && *at != '=')
		at++;
	if (*at)
		parse(at + 1);
	errno = 0;
	if (!strcmp(s, "normal")) {
		workload();
		return;
	} else if (!strcmp(s, "ticks")) {
		for (u64 t = ukplat_ticks(); ukplat_ticks() < t + 3; )
			;
		return;
	} else if (!strncmp(s, "app=", 4))
		ret = app_hole(calls, call_count);
	else if (!strncmp(s, "net=", 4))
		ret = flexos_gate_0_1(net_hole, (long)calls, call_count, 0);
	else if (!strncmp(s, "libc=", 5))
		ret = flexos_gate_0_1(net_libc, (long)calls, call_count, 0);
	else if (!strncmp(s, "plugin=", 7))
		ret = flexos_gate_0_2(plugin_hole, (long)calls, call_count, 0);
	else if (!strncmp(s, "pkru=", 5))
		ret = with_pkru(calls[0].addr, calls[0].a[0]);
	else if (!strncmp(s, "peek=", 5))
		ret = *(volatile long *)calls[0].addr;
	else if (!strncmp(s, "poke=", 5))
		ret = *(volatile long *)calls[0].addr = calls[0].a[0];
	else
		return;
	printf("%s -> %d errno %d\n", s, ret, (long)errno);
}

static void run(void *arg)
{
	const char *s = ukplat_cmdline();
	char w[256];

	wrpkru(0x3ffffffc);

	while (*s) {
		size_t n = 0;

		while (*s == ' ')
			s++;
		while (s[n] && s[n] != ' ' && n < sizeof(w) - 1)
			w[n] = s[n], n++;
		w[n] = 0;
		s += n;
		if (n)
			word(w);
	}
	printf("done, %d wrong\n", (long)failures);
	done = 1 + (arg != NULL);
}

/* The thread that calls compartments has its variables where all can reach them. */
int main(int argc, char **argv)
{
	u64 *tp = (u64 *)(tls + ((_tls_end - _tls_start + 15) & -16));

	memset(tls, 0, sizeof(tls));
	memcpy(tls, _tls_start, _etdata - _tls_start);
	*tp = (u64)tp;
	uk_sched_thread_create(run, argc > 9 ? argv : NULL, (u64)tp);
	while (!done) {
		uk_sched_yield();
		failures += gettid() != 2;	/* on nobody's behalf, whatever the other thread is in */
	}
	return failures ? 1 : 0;
}
