// A handle in a variable that starts as RTLD_NEXT, or gets it from code, as one of two values or as a number that was counted, or from a caller, and may become another. The names are those of a table.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O{{1|2}} -D{{INITIAL|STORED|EITHER|PASSED}} -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O0 -D{{STORED|EITHER|COUNTED}} -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define OPAQUE __attribute__((noinline, noclone))

typedef void call(void);

#ifdef LIB
void first(void) { MARK(SYS_keyctl); }
void second(void) { MARK(SYS_request_key); }
#else
const char *const names[] = {"first", "second"};

#ifdef INITIAL
void *handle = RTLD_NEXT;
#else
void *handle;
#endif

OPAQUE void set(void *h) { handle = h; }
#ifdef COUNTED
OPAQUE void next(void)
{
	long n = -2;
	void *h = (void *)(n + 1);
	handle = h;
}
#else
OPAQUE void next(void) { handle = RTLD_NEXT; }
#endif
OPAQUE void either(int argc, char **argv)
{
	void *h = RTLD_NEXT;
	if (argc > 9)
		h = dlopen(argv[1], RTLD_NOW);
	handle = h;
}
OPAQUE void call_by(int i) { ((call *)dlsym(handle, names[i]))(); }

int main(int argc, char **argv)
{
#if defined STORED || defined COUNTED
	if (argc < 9)
		next();
#elif defined EITHER
	either(argc, argv);
#elif defined PASSED
	if (argc < 9)
		set(RTLD_NEXT);
#endif
	if (argc > 9)
		set(dlopen(argv[1], RTLD_NOW));
	for (int i = 0; i < 2; i++)
		call_by(i);
	return 0;
}
#endif
