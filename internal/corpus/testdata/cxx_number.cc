// A number that differs between the call that throws and the handler: it is changed on the way into the
// try block, in it, and by a destructor that unwinding runs.
//
// BUILD: g++ -O{{0|2}} {{src}} -o {{out}}
// WANT: ioprio_get
// COVER: keyctl request_key
// TRAP: 4 9
#include <sys/syscall.h>

static inline void call(long nr)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(-1L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
}
#define OPAQUE __attribute__((noipa))

OPAQUE static void fail(long n)
{
	if (n)
		throw n;
}

struct change {
	long *n;
	~change() { *n = SYS_request_key; }
};

OPAQUE static void one(long argc)
{
	volatile long nr = SYS_getpid;
	try {
		fail(argc - 1);
		nr = SYS_keyctl;
		fail(argc);
		nr = SYS_getpid;
	} catch (long) {
		call(nr);
	}
}

OPAQUE static void two(long argc)
{
	long nr = SYS_getpid;
	try {
		change c = {&nr};
		fail(argc);
	} catch (long) {
		call(nr);
		call(SYS_ioprio_get);
	}
}

int main(int argc, char **)
{
	one(argc);
	two(argc);
	return 0;
}
