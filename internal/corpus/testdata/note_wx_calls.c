// A segment that is writable and executable: the program changes its own code, here the number in
// an instruction.
//
// BUILD: gcc -O2 {{free}} -Wl,-N {{src}} -o {{out}}
// COVER: getppid
// NOTE: wx-segment
// TRAP: 7
#include "rt.h"

extern unsigned char patched[] __attribute__((visibility("hidden")));

static OPAQUE void run(void)
{
	__asm__ volatile("patched: mov $39,%%eax\n	syscall\n" : : : "rax", "rcx", "r11", "memory");
}

int prog(int argc, char **argv)
{
	HIDE(&patched[0])[1] = 109 + argc;
	run();
	return 0;
}
