// off = f - base, kept in memory; later (base + off)(). The difference carries f
// although nothing keeps its address as such: it escapes when f is subtracted from.
//
// BUILD: gcc -O{{0|1|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// TRAP: 2
#include "rt.h"

extern char base[] __attribute__((visibility("hidden")));
static OPAQUE void f(void) { MARK(getppid); }
static OPAQUE void g(void) { MARK(sysinfo); }
OPAQUE void anchor(void) { __asm__ volatile("base:" : : : "memory"); }

long offsets[2];

static OPAQUE void fill(void)
{
	offsets[0] = (char *)f - base;
	offsets[1] = (char *)g - base;
}

int prog(int argc, char **argv)
{
	fill();
	for (long i = 0; i < 1 + argc; i++)
		((void (*)(void))(base + offsets[i]))();
	return 0;
}
