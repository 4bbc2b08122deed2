// Calls that are made only while an exception unwinds: in a handler, in a destructor that runs on
// the way, in a catch-all, in one that catches nothing of this type first, in a cleanup of a
// function without handlers, and in the terminate handler's neighbourhood of a rethrow.
//
// BUILD: g++ -O2 {{-static|-no-pie}} {{src}} -o {{out}}
// BUILD: g++ -O{{0|1|2}} -pie {{src}} -o {{out}}
// BUILD: clang++ -O2 {{src}} -o {{out}}
// BUILD: g++ -O2 -static-libgcc -static-libstdc++ {{src}} -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp get_robust_list
// NOT: add_key
// UNRESOLVED: none
// PITFALL: 3
// TRAP: 9
#include <exception>
#include <stdexcept>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define OPAQUE __attribute__((noipa))

struct guard {
	~guard() { MARK(SYS_request_key); }
};

[[noreturn]] OPAQUE static void fail(int n)
{
	if (n > 100)
		throw 1;
	throw std::runtime_error("x");
}

OPAQUE static void middle(int n)
{
	guard g;
	fail(n);
}

OPAQUE static void again(int n)
{
	try {
		middle(n);
	} catch (int) {
		MARK(SYS_getppid); // not reached in this run
	} catch (...) {
		MARK(SYS_ioprio_get);
		throw;
	}
}

OPAQUE static void finally(int n)
{
	struct local {
		~local()
		{
			if (std::uncaught_exceptions())
				MARK(SYS_kcmp);
		}
	} l;
	again(n);
}

__attribute__((used)) OPAQUE static void dead(int n)
{
	try {
		fail(n);
	} catch (...) {
		MARK(SYS_add_key);
	}
}

int main(int argc, char **)
{
	try {
		finally(argc);
	} catch (const std::exception &e) {
		MARK(SYS_keyctl);
	}
	try {
		throw argc;
	} catch (int) {
		MARK(SYS_get_robust_list);
	}
	return 0;
}
