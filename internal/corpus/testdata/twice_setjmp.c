// A function that returns twice. What is changed between the returns is seen
// after the second: nr then holds what was stored on a path that ends in longjmp, and the
// branch for a non-zero result is live although the function's code only ever returns 0.
//
// BUILD: gcc -O2 -static {{src}} -o {{out}}
// BUILD: gcc -O{{0|2}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DSIG {{src}} -o {{out}}
// BUILD: musl-gcc -O2 {{-static|-no-pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{src}} -o {{out}}
// WANT: keyctl
// COVER: request_key
// NOT: add_key
// TRAP: 4
#include <setjmp.h>
#include <sys/syscall.h>

static inline long call(long nr)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(-1L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
	return r;
}

#ifdef SIG
static sigjmp_buf buf;
#define save() sigsetjmp(buf, 1)
#define back() siglongjmp(buf, 1)
#else
static jmp_buf buf;
#define save() setjmp(buf)
#define back() longjmp(buf, 1)
#endif

__attribute__((used)) static void dead(void) { call(SYS_add_key); }

int main(void)
{
	volatile long nr = SYS_getpid;
	if (save() == 0) {
		nr = SYS_request_key;
		back();
	} else {
		call(SYS_keyctl);
	}
	call(nr);
	return 0;
}
