// A wrapper that is called through an entry of the GOT which the linker bound itself, as Rust's static programs call libc's
// functions: the loader relocates the entry and protects it, so it is a direct call. The wrapper's address is in a register meanwhile.
//
// BUILD: gcc -O{{1|2}} {{pie}} -Wl,-z,relro,-z,now {{src}} -o {{out}}
// WANT: getppid sysinfo
// NOT: reboot
// UNRESOLVED: none
#include "rt.h"

OPAQUE long wrapper(long nr) { return SYS3(nr, 0, 0, 0); }
OPAQUE long other(long x) { return x + 1; }

__attribute__((used, section(".data.rel.ro"))) static long (*const slots[])(long) = {wrapper, other};

int prog(int argc, char **argv)
{
	long r;

	__asm__ volatile("lea %c1(%%rip), %%r14\n mov %2, %%edi\n call *%%r14\n"
			 "mov $1, %%edi\n call *%c3+8(%%rip)\n"
			 "mov %4, %%edi\n call *%c3(%%rip)"
			 : "=a"(r)
			 : "i"(wrapper), "i"(__NR_getppid), "i"(slots), "i"(__NR_sysinfo)
			 : "r14", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	return 0;
}
