// A function that never returns, in a library; another definition of it, in a preloaded library, does.
// An unknown or interposable callee returns, whatever the first definition looks like.
//
// BUILD: gcc -O2 -fPIC -fsemantic-interposition -shared -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -fPIC -shared -DPRE {{src}} -o {{dir}}/pre.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// PRELOAD: {{dir}}/pre.so
// ENV: LD_PRELOAD={{dir}}/pre.so
// WANT: keyctl request_key ioprio_get
// UNRESOLVED: none
// TRAP: 9
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void give_up(void);
void call(void);
#ifdef LIB
void give_up(void)
{
	for (;;)
		MARK(SYS_exit_group);
}
void call(void)
{
	give_up();
	MARK(SYS_ioprio_get);
}
#elif defined PRE
void give_up(void) { MARK(SYS_keyctl); }
#else
int main(void)
{
	give_up();
	MARK(SYS_request_key);
	call();
	return 0;
}
#endif
