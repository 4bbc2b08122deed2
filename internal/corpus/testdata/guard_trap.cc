// A landing pad that a call leads to which is never made, and an instruction that traps.
//
// BUILD: g++ -O{{0|1|2}} -fnon-call-exceptions -fno-inline {{src}} -o {{out}}
// WANT: keyctl request_key
#include <csignal>
#include <cstdlib>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static volatile int never;
static int *volatile nowhere;
static void trapped(int) { throw 1; }
static void other() { if (never > 5) throw 2; }

static void first()
{
	try {
		if (never)
			other();
		*nowhere = 1;
	} catch (...) {
		MARK(SYS_keyctl);
	}
}
struct marker { ~marker() { MARK(SYS_request_key); } };
static void second()
{
	marker m;
	if (never)
		other();
	*nowhere = 1;

	abort();
}

int main()
{
	struct sigaction a = {};
	a.sa_handler = trapped;
	a.sa_flags = SA_NODEFER;
	sigaction(SIGSEGV, &a, nullptr);
	first();
	try {
		second();
	} catch (int) {
	}
	return 0;
}
