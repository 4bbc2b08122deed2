// A function declared not to return, by which the compiler ends the caller right there, and what
// happens when it ends otherwise: by unwinding (a cleanup in C), by another definition of it in a preloaded
// library that does return. Then control goes on into whatever follows the call.
//
// BUILD: gcc -O2 -fPIC -shared -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -fPIC -shared -DPRE {{src}} -o {{dir}}/pre.so && gcc -O2 -fexceptions -fno-toplevel-reorder {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// PRELOAD: {{dir}}/pre.so
// ENV: LD_PRELOAD={{dir}}/pre.so
// WANT: keyctl request_key
// UNLESS: noreturn-at-end
// TRAP: 9
// PITFALL: 13
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
void give_up(void) { _exit(3); }
#elif defined PRE
void give_up(void) { MARK(SYS_keyctl); }
#else
// The call of give_up is the last instruction of caller; next comes following.
__asm__(".text\n"
	".type caller,@function\n"
	"caller:\n"
	"	.cfi_startproc\n"
	"	sub $8,%rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call give_up@PLT\n"
	"	.cfi_endproc\n"
	"	.size caller,.-caller\n"
	"	.type following,@function\n"
	"following:\n"
	"	.cfi_startproc\n"
	"	mov $249,%eax\n" // request_key
	"	xor %edi,%edi\n"
	"	syscall\n"
	"	add $8,%rsp\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size following,.-following\n");
void caller(void);

int main(void)
{
	caller();
	return 0;
}
#endif
