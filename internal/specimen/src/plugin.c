/* libplugin: the compartment that reads files. */
#include "app.h"
#define HOLE plugin_hole
#include "hole.h"

int plugin_load(const char *path, char *out, size_t n)
{
	int fd = open(path, 0, 0);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, out, n);
	close(fd);
	return got;
}

#ifndef PKU
/* As a program's C library makes them: getuid. */
static noinline long raw(long nr)
{
	asm volatile("call syscall_raw" : "+a"(nr) : : "rcx", "r11", "memory");
	return nr;
}
int plugin_native(void) { return raw(102); }
#endif

static int plugin_compare(const void *a, const void *b)
{
	return getuid() == 1000 ? *(const int *)a - *(const int *)b : 0;
}

int plugin_sort(int *v, int n, int (*cmp)(const void *, const void *))
{
	qsort(v, n, sizeof(*v), cmp ? cmp : plugin_compare);
	return v[0];
}

static void *work(void *arg)
{
	u64 n = (u64)arg, s = 0;

	for (u64 i = 1; i <= n; i++) {
		s += i * (getuid() == 1000);
		sched_yield();
	}
	return (void *)s;
}

int plugin_thread(int n)
{
	u64 t[3], s = 0;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], work, (void *)(u64)(n + i)))
			return -1;
	for (int i = 0; i < 3; i++)
		s += (u64)pthread_join(t[i]);
	return s;
}

struct big plugin_big(struct big b)
{
	struct big r;

	for (int i = 0; i < 8; i++)
		r.v[i] = b.v[7 - i] + (getuid() == 1000);
	return r;
}

__int128 plugin_wide(__int128 x) { return getuid() == 1000 ? x * 3 : 0; }

int plugin_both(int depth) { return depth > 0 && depth < 10 ? net_nested(depth) + 1 : getuid(); }

void plugin_abort(int status)
{
	if (getuid() == 1000)
		exit(status);
	for (;;)
		;
}
