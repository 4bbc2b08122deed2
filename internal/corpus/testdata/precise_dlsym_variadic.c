// Names for dlsym that are variable arguments: pairs of a variable and a name up to a null pointer, or as many as a number
// says, that a function walks itself, or has another walk with its va_list. All are constants, so other texts that are names of functions, too, are none.
//
// BUILD: {{gcc -O1|gcc -O2|gcc -O2 -fno-plt|gcc -O2 -fstack-protector-all|clang -O2}} -rdynamic -D{{LIST|INLINE|COUNTED|MANY|LATER|CHOSEN|REGISTER}} {{src}} -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB -DLIST {{src}} -o {{dir}}/libx.so && gcc -O2 -rdynamic -DLIST -DOTHER {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -no-pie -rdynamic -DLIST {{src}} -o {{out}}
// WANT: keyctl request_key
// NOT: kcmp
// UNRESOLVED: none
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void call(void);
int find(void *handle, int level, ...);

#ifndef OTHER
#ifdef COUNTED
__attribute__((noinline)) int find(void *handle, int n, ...)
{
	va_list ap;
	va_start(ap, n);
	for (int i = 0; i < n; i++) {
		call **f = va_arg(ap, call **);
		*f = (call *)dlsym(handle, va_arg(ap, const char *));
		if (!*f)
			abort();
	}
	va_end(ap);
	return 0;
}
#define END
#define FIRST 5
#else
#define END , NULL
#define FIRST 7
#ifdef INLINE
__attribute__((noinline)) int find(void *handle, int level, ...)
{
	va_list ap;
	va_start(ap, level);
	for (call **f; (f = va_arg(ap, call **));) {
		const char *name = va_arg(ap, const char *);
		void *p = dlsym(handle, name);
		if (!p) {
			va_end(ap);
			return -level;
		}
		*f = (call *)p;
	}
	va_end(ap);
	return 0;
}
#else
__attribute__((noinline)) static int each(void *handle, int level, va_list ap)
{
#ifdef REGISTER
	void *(*dlsym_there)(void *, const char *) = dlsym;
	__asm__("" : "+r"(dlsym_there));
#define dlsym dlsym_there
#endif
	for (call **f; (f = va_arg(ap, call **));) {
		const char *name = va_arg(ap, const char *);
		*f = (call *)dlsym(handle, name);
		if (!*f)
			return -level;
	}
	return 0;
}

__attribute__((noinline)) int find(void *handle, int level, ...)
{
	va_list ap;
#ifdef LATER
	if (!dlopen("libc.so.6", RTLD_NOW))
		return -1;
#endif
	va_start(ap, level);
	int r = each(handle, level, ap);
	va_end(ap);
	return r;
}
#endif
#endif
#else
#define END , NULL
#define FIRST 7
#endif

#ifndef LIB
void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
void third(void) {}
void only_named(void) { MARK(SYS_kcmp); }

call *f[40], *g;

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "only_named") == 0)
		return 1;
	void *h = RTLD_DEFAULT;
#ifdef MANY
	find(h, FIRST, &f[0], "third", &f[1], "third", &f[2], "third", &f[3], "third", &f[4], "third", &f[5], "third", &f[6], "third",
		&f[7], "third", &f[8], "third", &f[9], "third", &f[10], "third", &f[11], "third", &f[12], "third", &f[13], "third", &f[14],
		"third", &f[15], "third", &f[16], "third", &f[17], "third", &f[18], "third", &f[19], "third", &f[20], "third", &f[21],
		"third", &f[22], "third", &f[23], "third", &f[24], "third", &f[25], "first", &g, "second" END);
	f[25]();
	g();
#elif defined CHOSEN
	for (int i = 0; i < 2; i++)
		if (i + argc < 2)
			find(h, FIRST, &f[0], "third", &f[1], "first" END);
		else
			find(h, FIRST, &f[2], "third", &f[3], "third", &f[4], "third", &f[5], "second" END);
	f[1]();
	f[5]();
#else
	find(h, FIRST, &f[0], "first", &f[1], "third", &f[2], "third", &g, "third", &f[3], "second" END);
	f[0]();
	f[3]();
#endif
	return 0;
}
#endif
