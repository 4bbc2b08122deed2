// Two images at fixed addresses, as klibc's programs and their library: the program's only use of a function of the
// other image is a jump at the end of a function of its own.
//
// BUILD: gcc -O2 {{free}} -I{{testdata}} -DLIB -Wl,-Ttext-segment=0x10000000 {{src}} -o lib.so && gcc -O2 {{free}} -I{{testdata}} -DINTERP=\"$PWD/lib.so\" -Wl,--just-symbols=lib.so -Wl,-e,begin {{src}} -o {{out}}
// STRIP: no
// WANT: getppid sysinfo
// NOT: reboot
// UNRESOLVED: none
#define RT_NOSTART
#include "rt.h"

#ifdef LIB
#include <elf.h>

long other(void) { return SYS3(__NR_getppid, 0, 0, 0); }
long last(long x) { return SYS3(__NR_sysinfo, 0, 0, 0) + x; }
long unused(void) { return SYS3(__NR_reboot, 0, 0, 0); }

KEEP static void enter(long *sp)
{
	long *v = sp + 2 + sp[0];
	while (*v++)
		;
	for (; *v != AT_ENTRY; v += 2)
		;
	((void (*)(void))v[1])();
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call enter\n hlt");
#else
__asm__(".section .interp,\"a\"\n.string \"" INTERP "\"\n.text");
long other(void), last(long);

OPAQUE long ends(long x)
{
	other();
	return last(x + 1);
}

void begin(void)
{
	ends(1);
	SYS3(__NR_exit_group, 0, 0, 0);
}
#endif
