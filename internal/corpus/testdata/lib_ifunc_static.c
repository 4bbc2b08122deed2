// Indirect functions of a static program: __rela_iplt, without a dynamic section, applied by
// the start-up code. The choice is made at run time, so both are live.
//
// BUILD: gcc -O2 {{-static|-static-pie}} {{src}} -o {{out}}
// WANT: keyctl ioprio_get
// UNRESOLVED: none
// PITFALL: 11
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
static void one(void) { MARK(SYS_keyctl); }
static void two(void) { MARK(SYS_request_key); }
static func resolve(void)
{
	unsigned a = 0, b, c, d;
	__asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	MARK(SYS_ioprio_get);
	return a ? one : two;
}
static void chosen(void) __attribute__((ifunc("resolve")));

int main(void)
{
	chosen();
	return 0;
}
