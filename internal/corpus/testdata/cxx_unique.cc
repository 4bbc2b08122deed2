// A static variable of an inline function exists once in the process (STB_GNU_UNIQUE), whoever loads it: the
// program sets it, and a library that is only loaded later calls through its copy, which is the program's.
//
// BUILD: g++ -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && g++ -O2 {{-pie|-no-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)();
static void initial() { MARK(SYS_request_key); }
template <class T> struct registry {
	static func hook;
};
template <class T> func registry<T>::hook = nullptr;
inline func &slot()
{
	static func f = nullptr;
	return f;
}
void run();
#ifdef LIB
static void never() { MARK(SYS_quotactl); }
__attribute__((used)) static void dead() { slot() = never; }
void run()
{
	if (slot())
		slot()();
	if (registry<int>::hook)
		registry<int>::hook();
}
#else
static void mine() { MARK(SYS_keyctl); }
int main()
{
	slot() = mine;
	registry<int>::hook = initial;
	run();
	return 0;
}
#endif
