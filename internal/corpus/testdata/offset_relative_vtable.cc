// Relative vtables as the compiler makes them.
//
// BUILD: clang++ -O{{0|1|2}} -fexperimental-relative-c++-abi-vtables -fno-rtti -fno-exceptions {{free}} {{src}} -o {{out}}
// BUILD: clang++ -O2 -fexperimental-relative-c++-abi-vtables -fno-rtti -fno-exceptions {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp
// TRAP: 3
#include "rt.h"

void *operator new(size_t, void *p) { return p; }

struct base { virtual void f() = 0; virtual void g() = 0; };
struct one final : base { void f() override { MARK(getppid); } void g() override { MARK(sysinfo); } };
struct two final : base { void f() override { MARK(getpgrp); } void g() override {} };

static one a;
static two b;
base *objects[] = {&a, &b};

extern "C" void __cxa_pure_virtual() {}
extern "C" int prog(int argc, char **argv)
{
	// The constructors of static objects do not run without a libc.
	new (HIDE(&a)) one;
	new (HIDE(&b)) two;
	for (int i = 0; i < 1 + argc; i++)
		objects[i]->f(), objects[i]->g();
	return 0;
}
