/* libapp: drives the others. The command line says what is to be done:

     normal                     the workload
     C.WAY=ADDR,A0,A1,A2,A3,RAX a call of ADDR from the hole in compartment C; WAY is how
                                it comes to that: direct, sort, thread, tail. After a + may
                                stand another such call, for the hole to make after it
     @N                         as an argument: the address of buffer N
     poke=N,I,VALUE             sets word I of buffer N
     fill                       puts back what calls need in descriptor 3 and the buffers
     abort                      the plugin ends the image

   A call prints one line. */
#include "app.h"
#define HOLE app_hole
#include "hole.h"

static char buffers[8][256];
static int failures;

static void expect(const char *what, long got, long want)
{
	if (got != want)
		failures++;
	printf("%s: %s\n", what, got == want ? "ok" : "WRONG");
	if (got != want)
		printf("  %d, not %d, errno %d\n", got, want, (long)errno);
}

static int delivered;
static int deliver(const char *p, int n)
{
	char name[8];

	memcpy(name, "log", 4);
	int fd = open(name, O_CREAT, 0);

	if (fd < 0 || write(fd, p, n) != n)
		return -1;
	close(fd);
	delivered++;
	return n;
}

static jmp_buf main_buf;
static void app_fail(int n) { longjmp(main_buf, n + 1); }
static int descending(const void *a, const void *b) { return getppid() == 7 ? *(const int *)b - *(const int *)a : 0; }

static void *app_thread(void *arg)
{
	expect("thread: app", unlink("nothing"), -1);
	expect("thread: net", net_ticks() != 0, 1);
	return arg;
}

static noinline void jumps(void)
{
	volatile int e = setjmp(main_buf);

	if (e) {
		expect("longjmp over a gate", e, 3);
		expect("after longjmp", getppid(), 7);
		return;
	}
	net_parse("ab?d", app_fail);
}

static void workload(void)
{
	char out[64];
	int v[5] = { 3, 1, 2, 5, 4 };
	struct big b = { { 1, 2, 3, 4, 5, 6, 7, 8 } };
	u64 t;

	expect("write a file", close(creat("data", 0)), 0);
	expect("deliver", net_poll(deliver), 10);
	expect("plugin reads", plugin_load("log", out, sizeof(out)), 10);
	expect("content", strncmp(out, "GET /index", 10), 0);
	expect("no such file", plugin_load("nothing", out, sizeof(out)), -1);
	expect("errno", errno, ENOENT);
	expect("listen", net_listen(80), 0);
	expect("table", net_operations()->open(81), 0);
	expect("table, stat", net_operations()->stat(), 1);
	expect("ticks", net_ticks() != 0, 1);
	expect("instruction", net_native(), 1);
	expect("instruction, in libc", plugin_native(), 1000);
	expect("stack arguments", net_sum(1, 2, 3, 4, 5, 6, 7, 8, 3, 10L, 20L, 30L), 264);
	expect("sort", plugin_sort(v, 5, NULL), 1);
	expect("sort, ours", plugin_sort(v, 5, descending), 5);
	expect("big", plugin_big(b).v[0], 9);
	expect("wide", (long)(plugin_wide((__int128)5 << 64) >> 64), 15);
	expect("tail call", net_tail(20), 1000);
	expect("nested", net_nested(6), 1011);
	expect("threads", plugin_thread(20), 210 + 231 + 253);
	expect("threads of net", net_operations()->tail(10), 55 + 66 + 78);
	for (int i = 0; i < 200; i++)
		if (plugin_thread(2) != 3 + 6 + 10)
			failures++;
	expect("many threads", failures, 0);
	expect("parse", net_parse("abc", app_fail), 3);
	expect("parse error", net_parse("a!c", app_fail), -3);
	for (int i = 0; i < 2000; i++) {
		if (net_parse("a!c", app_fail) != -3 || getppid() != 7)
			failures++;
	}
	expect("many jumps", failures, 0);
	jumps();
	pthread_create(&t, app_thread, NULL);
	expect("own thread", (long)pthread_join(t), 0);
	expect("unlink", unlink("log"), 0);
	expect("uname", uname(out), 0);
	for (t = net_timer_count; net_timer_count < t + 20; )
		for (int i = 0; i < 1000; i++)
			if (net_ticks() == 0 || plugin_wide(7) != 21 || getppid() != 7)
				failures++;
	expect("under interrupts", failures, 0);
}

static struct { hole_t hole; struct call calls[4]; int n; const char *text; int done; } job;

static void report(long ret)
{
	job.done = 1;
	printf("%s -> %d errno %d\n", job.text, ret, (long)errno);
}

static noinline void call_hole(void)
{
	errno = 0;
	report(job.hole(job.calls, job.n));
}
static int hole_compare(const void *a, const void *b)
{
	if (!job.done)
		call_hole();
	return a < b;
}
static void *hole_thread(void *arg) { call_hole(); return arg; }
/* Jumps to the hole: what it returns to is the caller of this. */
static noinline long hole_tail(void) { return job.hole(job.calls, job.n); }

static int starts(const char **s, const char *with)
{
	size_t n = strlen(with);

	if (strncmp(*s, with, n))
		return 0;
	*s += n;
	return 1;
}

/* A number, or the address of a buffer. */
static long argument(const char *s, char **end)
{
	if (*s == '@')
		return (long)buffers[strtoul(s + 1, end, 0) & 7];
	return strtoul(s, end, 0);
}

static void poke(const char *s)
{
	char *end;
	u64 *buffer = (u64 *)buffers[strtoul(s, &end, 0) & 7];
	u64 i = strtoul(end + 1, &end, 0) & 31;

	buffer[i] = argument(end + 1, &end);
}

static void run_job(const char *s)
{
	int v[2] = { 2, 1 };
	u64 t;

	job.text = s;
	job.done = 0;
	if (starts(&s, "net."))
		job.hole = net_hole;
	else if (starts(&s, "plugin."))
		job.hole = plugin_hole;
	else if (starts(&s, "app."))
		job.hole = app_hole;
	else {
		printf("%s: not understood\n", s);
		return;
	}
	const char *way = s;

	while (*s && *s != '=')
		s++;
	if (*s)
		s++;
	char *end = (char *)s - 1;

	job.n = 0;
	do {
		struct call *c = &job.calls[job.n++];

		c->addr = strtoul(end + 1, &end, 0);
		for (int i = 0; i < 5; i++) {
			c->a[i] = 0;
			if (*end == ',')
				c->a[i] = argument(end + 1, &end);
		}
	} while (*end == '+' && job.n < 4);
	if (starts(&way, "direct"))
		call_hole();
	else if (starts(&way, "sort"))
		qsort(v, 2, sizeof(v[0]), hole_compare);
	else if (starts(&way, "thread")) {
		if (!pthread_create(&t, hole_thread, NULL))
			pthread_join(t);
	} else if (starts(&way, "tail"))
		report(hole_tail());
	else
		printf("%s: no such way\n", way);
}

/* What calls need, as it was: a file, its descriptor 3, its name, a vector, an address. */
static void fill(void)
{
	for (int fd = 3; fd < 16; fd++)
		close(fd);
	memset(buffers, 0, sizeof(buffers));
	memcpy(buffers[0], "secret", 7);
	memcpy(buffers[4], "other", 6);
	creat("secret", 0);
	((void **)buffers[1])[0] = buffers[0];
	((u64 *)buffers[1])[1] = 0;
	((u16 *)buffers[2])[0] = 2;
}

int main(int argc, char **argv)
{
	const char *s = ukplat_cmdline();
	char word[256];

	if (argc != 1 || strcmp(argv[0], "specimen"))
		return 9;
	while (*s) {
		size_t n = 0;

		while (*s == ' ')
			s++;
		while (s[n] && s[n] != ' ' && n < sizeof(word) - 1)
			word[n] = s[n], n++;
		word[n] = 0;
		s += n;
		if (!strcmp(word, "normal"))
			workload();
		else if (!strcmp(word, "abort"))
			plugin_abort(9);
		else if (!strcmp(word, "fill"))
			fill();
		else if (!strncmp(word, "poke=", 5))
			poke(word + 5);
		else if (strlen(word) > 4 && (!strncmp(word, "net.", 4) || !strncmp(word, "app.", 4) || !strncmp(word, "plug", 4)))
			run_job(word);
	}
	printf("done, %d wrong\n", (long)failures);
	return failures ? 1 : 0;
}
