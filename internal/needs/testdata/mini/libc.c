#include "uk.h"
LIB(libmusl)
static long file_write(struct file *f, const char *s, size_t n) { return uk_syscall_r_write(f->fd, (long)s, n); }
static long file_start(struct file *f, const char *s, size_t n) { uk_syscall_r_ioctl(f->fd, 0x5413, 0); f->write = file_write; return file_write(f, s, n); }
static struct file out = {file_start, 1};
struct file *const stdout = &out;
NOINLINE void put(struct file *f, const char *s) { size_t n = 0; while (s[n]) n++; f->write(f, s, n); }
int printf(const char *s) { put(stdout, s); return 0; }
struct string { struct file f; char *to; };
static long string_write(struct file *f, const char *s, size_t n) { struct string *x = (void *)f; for (size_t i = 0; i < n; i++) x->to[i] = s[i]; return n; }
int snprintf(char *b, size_t n, const char *s) { struct string x = {{string_write, -1}, b}; put(&x.f, s); return 0; }
NOINLINE void qsort(void *b, size_t n, size_t w, int (*f)(const void *, const void *)) {
	for (size_t i = 1; i < n; i++) if (f((char *)b + (i - 1) * w, (char *)b + i * w) > 0) sink++;
}
static void (*at_exit[8])(void); static int exits;
#ifdef HAND
NOINLINE void *memcpy(void *d, const void *s, size_t n) { for (volatile size_t i = 0; i < n; i++) ((char *)d)[i] = ((const char *)s)[i]; return d; }
#endif
int atexit(void (*f)(void)) { at_exit[exits++ & 7] = f; return 0; }
NOINLINE void exit(int c) { while (exits) at_exit[--exits & 7](); sink = c; for (;;); }
void uk_sched_thread_create_fn(void *(*)(void *), void *);
NOINLINE int pthread_create(void *(*f)(void *), void *a) { uk_sched_thread_create_fn(f, a); return 0; }
long syscall(long nr, ...) {
	__builtin_va_list v; __builtin_va_start(v, nr);
	long a = __builtin_va_arg(v, long), b = __builtin_va_arg(v, long);
	return uk_syscall(nr, a, b, 0L);
}
int bind(int fd, void *a, int n) { return uk_syscall_r(SYS_bind, (long)fd, (long)a, (long)n); }
int listen(int fd, int n) { return uk_syscall_r(SYS_listen, (long)fd, (long)n, 0L); }
