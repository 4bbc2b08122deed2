// Names for dlsym that are among the variable arguments of a function, and do not come from there: from a table, by a copy, behind a
// va_list that others have moved or filled, from a caller that calls through a pointer, out of a buffer, by way of an argument that is
// changed, from the second return of setjmp; for dlsym whose address is in a register or on
// the stack; or by way of a function of the same kind; and from another file than that which has the function.
//
// BUILD: {{gcc -O1|gcc -O2|clang -O2}} -rdynamic -D{{TABLE|POINTER|BUFFER|STORED|MOVED|GLOBAL|CALLBACK|REPLACED|CHANGED|AGAIN|WRAPPED|SECOND|TAIL|OUTSIDE|REGISTER|SPILLED}} {{src}} -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB -DMOVED {{src}} -o {{dir}}/libx.so && gcc -O2 -rdynamic -DOTHER -DMOVED {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define OPAQUE __attribute__((noinline, noclone))

typedef void call(void);

int find(void *handle, int level, ...);
extern void (*volatile step)(va_list *);

#ifndef LIB
void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
void third(void) {}
#endif

#ifndef OTHER
call *f[8];
const char *const names[] = {"third", "first", "second"};
const char *volatile global = "first", *volatile other = "second";
void (*volatile step)(va_list *);
va_list *kept;
char text[16];
jmp_buf again;

static OPAQUE void from_kept(void) { (void)va_arg(*kept, char *); }
static OPAQUE const char *ask(const char *name) { return *name == 't' ? global : name; }
static OPAQUE void *ask_for(void *handle, const char *name) { return dlsym(handle, name); }
static OPAQUE void *tail(void *handle, const char *name) { return dlsym(handle, name); }

#ifdef SPILLED
void *kept_array;
static OPAQUE void keep(void *p) { kept_array = p; }
#endif

static OPAQUE void change(const char **name) { *name = global; global = other; }

static OPAQUE int each(void *handle, int level, va_list ap)
{
#ifdef REGISTER
	void *(*dlsym_there)(void *, const char *) = dlsym;
	__asm__("" : "+r"(dlsym_there));
#define dlsym dlsym_there
#elif defined SPILLED
	void *(*volatile dlsym_there)(void *, const char *) = dlsym;
	char array[16];
	keep(array);
#define dlsym dlsym_there
#endif
	for (call **p; (p = va_arg(ap, call **));) {
		const char *name = va_arg(ap, const char *);
#ifdef CALLBACK
		name = ask(name);
		global = other;
#elif defined REPLACED
		if (level == 7)
			name = p == &f[0] ? global : other;
#elif defined CHANGED
		if (*name == 't')
			change(&name);
#elif defined AGAIN
		const char *volatile now = name;
		if (setjmp(again) == 0) {
			now = p == &f[0] ? global : other;
			longjmp(again, 1);
		}
		name = now;
#endif
#if defined REGISTER || defined SPILLED
		if (level == 7)
			name = p == &f[0] ? global : other;
#endif
#ifdef WRAPPED
		*p = (call *)ask_for(handle, level == 7 ? p == &f[0] ? global : other : name);
#elif defined AGAIN
		*p = (call *)dlsym(RTLD_DEFAULT, name); // what is kept over setjmp is not known, and nor would the handle be
#else
		*p = (call *)dlsym(handle, name);
#endif
#ifdef SECOND
		if (level == 7)
			*p = (call *)ask_for(handle, p == &f[0] ? global : other);
#endif
		if (!*p)
			return -level;
	}
	return 0;
}
#undef dlsym

OPAQUE int find(void *handle, int level, ...)
{
	va_list ap;
	va_start(ap, level);
#ifdef MOVED
	step(&ap);
#elif defined STORED
	kept = &ap;
	from_kept();
#endif
	int r = each(handle, level, ap);
	va_end(ap);
	return r;
}

#ifdef TAIL
OPAQUE void *one(void *handle, int level, ...)
{
	va_list ap;
	va_start(ap, level);
	const char *name = level > 7 ? va_arg(ap, const char *) : names[level];
	va_end(ap);
	return tail(handle, name);
}
#endif

#ifdef OUTSIDE
void *(*volatile through)(void *, int, ...);
OPAQUE void *through_table(void *handle, int n, ...)
{
	va_list ap;
	void *p = NULL;
	va_start(ap, n);
	while (n-- > 0)
		p = dlsym(handle, va_arg(ap, const char *));
	va_end(ap);
	return p;
}
#endif

int (*volatile by)(void *, int, ...) = find;
#else
call *f[8];
#endif

#ifndef LIB
static OPAQUE void past(va_list *ap) { (void)va_arg(*ap, char *); }

int main(int argc, char **argv)
{
	step = past;
#ifdef TABLE
	for (int i = 1; i <= 2; i++)
		find(RTLD_DEFAULT, 7, &f[i - 1], names[i], &f[2], "third", NULL);
#elif defined POINTER
	find(RTLD_DEFAULT, 7, &f[0], "third", NULL);
	by(RTLD_DEFAULT, 7, &f[0], "first", &f[1], "second", NULL);
#elif defined BUFFER
	char local[16];
	strcpy(text, global);
	snprintf(local, sizeof local, "%s", other);
	find(RTLD_DEFAULT, 7, &f[0], text, &f[1], local, NULL);
#elif defined STORED || defined MOVED
	// walked from the second on
	find(RTLD_DEFAULT, 7, "third", &f[0], "first", &f[1], "second", NULL);
#elif defined GLOBAL
	find(RTLD_DEFAULT, 7, &f[0], global, &f[1], other, NULL);
#elif defined TAIL
	f[0] = (call *)one(RTLD_DEFAULT, argc < 9 ? 1 : 8, "third");
	f[1] = (call *)one(RTLD_DEFAULT, argc < 9 ? 2 : 8, "third");
#elif defined OUTSIDE
	through = through_table;
	f[0] = (call *)through_table(RTLD_DEFAULT, 1, "third");
	f[0] = (call *)through(RTLD_DEFAULT, 2, "third", "first");
	f[1] = (call *)through(RTLD_DEFAULT, 1, "second");
#else
	find(RTLD_DEFAULT, 7, &f[0], "third", &f[1], "third", NULL);
#endif
	f[0]();
	f[1]();
	return 0;
}
#endif
