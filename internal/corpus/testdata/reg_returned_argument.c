// A third argument that is left in rdx, as the second word of the pair that is returned: by a function of a library,
// by one that calls others in between, and by way of a caller of the library's.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O{{1|2}} {{-no-pie -fno-pie|-pie -fPIE|-pie -fPIE -fno-plt}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: clang -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && clang -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get
// NOT: quotactl
// UNRESOLVED: none
// TRAP: 5
#define RT_NOSTART
#include "rt.h"
#undef MARK
#define MARK(name) ((void)SYS3(__NR_##name, -1, -1, 0))

struct pair { void *data; void (*fn)(void); };
struct pair make(void *data, long n, void (*fn)(void));

#ifdef LIB
struct pair make(void *data, long n, void (*fn)(void)) { return (struct pair){data, fn}; }
#else
static void f0(void) { MARK(keyctl); }
static void f1(void) { MARK(request_key); }
static void f2(void) { MARK(ioprio_get); }
static KEEP void dead(void) { MARK(quotactl); }

static OPAQUE void touch(long n) { __asm__ volatile("" : : "r"(n) : "rcx", "rdx", "memory"); }
static OPAQUE struct pair keeps(void *data, long n, void (*fn)(void))
{
	touch(n);
	return (struct pair){data, fn};
}
static OPAQUE struct pair outer(void *data)
{
	struct pair p = make(data, 2, f2);
	return p;
}

int main(int argc, char **argv)
{
	make(argv, 1, f0).fn();
	keeps(argv, 1, f1).fn();
	outer(argv).fn();
	return 0;
}
#endif
