/* A C library: what its callers need of it, it does through system calls. */
#define UK_SYSCALL_CALLER
#include "uk.h"

static __thread int errno_val;
int *__errno_location(void) { return &errno_val; }

static long __syscall_ret(long r)
{
	if (r < 0 && r > -4096) {
		errno = -r;
		return -1;
	}
	return r;
}

/* The number goes where a switch behind the dispatcher expects it. */
static long dispatch(long nr, long a, long b, long c)
{
	register long rdi asm("rdi") = a;
	register long rsi asm("rsi") = b;
	register long rdx asm("rdx") = c;
	long ret = nr;

	asm volatile("call uk_syscall6_r" : "+a"(ret), "+r"(rdi), "+r"(rsi), "+r"(rdx)
		     : : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	return ret;
}

long uk_syscall_r(long nr, ...)
{
	__builtin_va_list ap;
	long a, b, c;

	__builtin_va_start(ap, nr);
	a = __builtin_va_arg(ap, long);
	b = __builtin_va_arg(ap, long);
	c = __builtin_va_arg(ap, long);
	__builtin_va_end(ap);
	return dispatch(nr, a, b, c);
}

int open(const char *p, int flags, int mode) { return __syscall_ret(uk_syscall_r_open((long)p, flags, mode, 0, 0, 0)); }
int creat(const char *p, int mode) { return __syscall_ret(uk_syscall_r_creat((long)p, mode, 0, 0, 0, 0)); }
int close(int fd) { return __syscall_ret(uk_syscall_r_close(fd, 0, 0, 0, 0, 0)); }
ssize_t read(int fd, void *p, size_t n) { return __syscall_ret(uk_syscall_r_read(fd, (long)p, n, 0, 0, 0)); }
ssize_t write(int fd, const void *p, size_t n) { return __syscall_ret(uk_syscall_r_write(fd, (long)p, n, 0, 0, 0)); }
int unlink(const char *p) { return __syscall_ret(uk_syscall_r_unlink((long)p, 0, 0, 0, 0, 0)); }
int getpid(void) { return uk_syscall_r_getpid(0, 0, 0, 0, 0, 0); }
int getppid(void) { return uk_syscall_e_getppid(0, 0, 0, 0, 0, 0); }
int gettid(void) { return uk_syscall_r_gettid(0, 0, 0, 0, 0, 0); }
int getuid(void) { return uk_syscall_r_getuid(0, 0, 0, 0, 0, 0); }
int uname(char *p) { return __syscall_ret(uk_syscall_r_uname((long)p, 0, 0, 0, 0, 0)); }
void sched_yield(void) { uk_syscall_r_sched_yield(0, 0, 0, 0, 0, 0); }
int socket(int f, int t, int p) { return __syscall_ret(uk_syscall_r(41, f, t, p)); }
int bind(int fd, const void *a, int n) { return __syscall_ret(uk_syscall_r(49, fd, a, n)); }

u64 clock(void)
{
	u64 t[2];

	return uk_syscall_r_clock_gettime(0, (long)t, 0, 0, 0, 0) ? 0 : t[0];
}

size_t strlen(const char *s) { size_t n = 0; while (s[n]) n++; return n; }
int strcmp(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return (u8)*a - (u8)*b; }
int strncmp(const char *a, const char *b, size_t n)
{
	while (n && *a && *a == *b)
		a++, b++, n--;
	return n ? (u8)*a - (u8)*b : 0;
}
void *memcpy(void *d, const void *s, size_t n) { void *r = d; asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory"); return r; }
void *memset(void *d, int c, size_t n) { void *r = d; asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory"); return r; }
void *malloc(size_t n) { return uk_malloc(n); }
void free(void *p) { uk_free(p); }

u64 strtoul(const char *s, char **end, int base)
{
	u64 v = 0;

	if (s[0] == '0' && s[1] == 'x')
		s += 2, base = 16;
	if (!base)
		base = 10;
	for (int d;; s++) {
		d = *s >= '0' && *s <= '9' ? *s - '0' : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10 : 99;
		if (d >= base)
			break;
		v = v * base + d;
	}
	if (end)
		*end = (char *)s;
	return v;
}

/* stdio: output goes through a pointer, as in musl. */
typedef struct file { size_t (*write)(struct file *, const char *, size_t); int fd; } FILE;
static size_t __stdio_write(FILE *f, const char *p, size_t n)
{
	struct iovec v[2] = { { p, n / 2 }, { p + n / 2, n - n / 2 } };

	return __syscall_ret(uk_syscall_r_writev(f->fd, (long)v, 2, 0, 0, 0));
}
static FILE __stdout = { __stdio_write, 1 };
static FILE *volatile stdout = &__stdout;

int printf(const char *fmt, ...)
{
	char out[512];
	size_t n = 0;
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	for (; *fmt && n < sizeof(out) - 32; fmt++) {
		if (*fmt != '%') {
			out[n++] = *fmt;
			continue;
		}
		if (*++fmt == 's') {
			const char *s = __builtin_va_arg(ap, const char *);

			while (*s && n < sizeof(out) - 32)
				out[n++] = *s++;
		} else {
			long v = __builtin_va_arg(ap, long);
			u64 u = *fmt == 'x' ? (u64)v : (u64)(v < 0 ? -v : v), base = *fmt == 'x' ? 16 : 10;
			char d[20];
			int i = 0;

			if (*fmt != 'x' && v < 0)
				out[n++] = '-';
			do
				d[i++] = "0123456789abcdef"[u % base];
			while (u /= base);
			while (i)
				out[n++] = d[--i];
		}
	}
	__builtin_va_end(ap);
	return stdout->write(stdout, out, n);
}

/* Sorts by insertion: what counts is that it calls back. */
void qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	char *b = base, tmp[64];

	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j && cmp(b + (j - 1) * size, b + j * size) > 0; j--) {
			memcpy(tmp, b + j * size, size);
			memcpy(b + j * size, b + (j - 1) * size, size);
			memcpy(b + (j - 1) * size, tmp, size);
		}
}

static void (*exit_functions[8])(void);
static int exit_count;
int atexit(void (*fn)(void))
{
	if (exit_count == 8)
		return -1;
	exit_functions[exit_count++] = fn;
	return 0;
}
void exit(int status)
{
	while (exit_count)
		exit_functions[--exit_count]();
	uk_syscall_r_exit_group(status, 0, 0, 0, 0, 0);
	for (;;)
		;
}

struct pthread { void *(*fn)(void *); void *arg, *result; int tid; char stack[8192]; };

static void pthread_start(void *p)
{
	struct pthread *t = p;

	t->result = t->fn(t->arg);
	uk_syscall_r_exit(0, 0, 0, 0, 0, 0);
}

int pthread_create(u64 *handle, void *(*fn)(void *), void *arg)
{
	struct pthread *t = malloc(sizeof(*t));
	void **sp = (void **)(t->stack + sizeof(t->stack)) - 2;

	t->fn = fn;
	t->arg = arg;
	t->result = NULL;
	sp[0] = (void *)pthread_start;
	sp[1] = t;
	t->tid = uk_syscall_r_clone(0x3d0f00, sp, NULL, NULL, 0);
	if (t->tid < 0)
		return -t->tid;
	*handle = (u64)t;
	return 0;
}

void *pthread_join(u64 handle)
{
	struct pthread *t = (struct pthread *)handle;
	void *result;

	uk_syscall_r_futex(t->tid, 0, 0, 0, 0, 0);
	result = t->result;
	free(t);
	return result;
}
