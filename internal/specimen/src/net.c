/* liblwip: the compartment that faces the network. */
#include "app.h"
#define HOLE net_hole
#include "hole.h"

u64 net_timer_count;
static int fd = -1;

static void net_timer(void) { net_timer_count++; }

static int net_init(void)
{
	return ukplat_irq_register(net_timer);
}
UK_INIT_PRIO(net_init, 40);

int net_listen(int port)
{
	u16 addr[8] = { 2, port };

	fd = socket(2, 1, 0);
	if (fd < 0)
		return -1;
	return bind(fd, addr, sizeof(addr));
}

/* Hands what arrived to its user. */
int net_poll(int (*deliver)(const char *, int))
{
	char packet[64];

	memcpy(packet, "GET /index", 11);
	return deliver(packet, 10);
}

#ifndef PKU
/* Its own system call, by the instruction: getpid. */
int net_native(void)
{
	long r = 39;

	asm volatile("syscall" : "+a"(r) : : "rcx", "r11", "memory");
	return r;
}
#endif

u64 net_ticks(void) { return clock(); }

/* Arguments in registers and on the stack, and how many vector registers in %al. */
long net_sum(long a, long b, long c, long d, long e, long f, long g, long h, int n, ...)
{
	__builtin_va_list ap;
	long s = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;

	__builtin_va_start(ap, n);
	while (n--)
		s += __builtin_va_arg(ap, long);
	__builtin_va_end(ap);
	return clock() ? s : -1;
}

static jmp_buf parse_error;

static noinline void check(const char *p)
{
	if (*p == '!')
		longjmp(parse_error, 3);
}

/* Leaves by longjmp if fail does not. */
int net_parse(const char *p, void (*fail)(int))
{
	int n = 0, e = setjmp(parse_error);

	if (e)
		return -e;
	for (; *p; p++, n++) {
		check(p);
		if (*p == '?')
			fail(n);
	}
	return n;
}

static int op_open(int port) { return net_listen(port); }
static int op_stat(void) { return getpid(); }
static long op_tail(long n) { return n ? plugin_thread(n) : 0; }
static const struct net_ops ops = { op_open, op_stat, op_tail };
const struct net_ops *net_operations(void) { return &ops; }

/* Becomes another compartment's function: a jump, not a call. */
int net_tail(int port) { return plugin_both(port); }

int net_nested(int depth)
{
	return depth ? plugin_both(depth - 1) + getpid() : (int)getpid();
}
