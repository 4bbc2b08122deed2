// A pointer that a function hands on through a function pointer in a variable, or to a function
// that an IFUNC resolver chooses: whoever gets it may call what it leads to.
//
// BUILD: gcc -O{{1|2}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DCHOSEN -I{{testdata}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DCHOSEN -I{{testdata}} -static {{src}} -o {{out}}
// BUILD: gcc -O2 -DCHOSEN -DLIB -I{{testdata}} -shared -fPIC {{src}} -o {{dir}}/libx.so && gcc -O2 -DCHOSEN -DPROG -I{{testdata}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: ioprio_get
#ifdef CHOSEN
#define RT_NOSTART
#endif
#include "rt.h"

struct operations {
	long a;
	void (*call)(void);
};

#if !defined LIB
static OPAQUE void marker(void) { MARK(ioprio_get); }
static struct operations operations = {3, marker};
#endif

#ifdef CHOSEN
void use(struct operations *o);
#ifndef PROG
static void one(struct operations *o) { o->call(); }
static void other(struct operations *o) { o->a = 5; }
static void *choose(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse2") ? one : other;
}
void use(struct operations *o) __attribute__((ifunc("choose")));
#endif
#ifndef LIB
static OPAQUE void hand(struct operations *o) { use(o); }
int main(void)
{
	hand(&operations);
	return 0;
}
#endif
#else
static OPAQUE void one(struct operations *o) { o->call(); }
static OPAQUE void other(struct operations *o) { o->a = 5; }
void (*use)(struct operations *) = other;
static OPAQUE void hand(struct operations *o) { use(o); }

int prog(int argc, char **argv)
{
	if (argc)
		use = one;
	hand(&operations);
	return 0;
}
#endif
