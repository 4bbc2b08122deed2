// The program defines a function that the library also defines and calls: the program's is the one
// that is called. The library's own is dead, except where it is hidden, protected or bound symbolically.
//
// BUILD: gcc -O2 -shared -fPIC -fsemantic-interposition -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void call(void);
#ifdef LIB
void replaced(void) { MARK(SYS_quotactl); }
__attribute__((visibility("protected"))) void guarded(void) { MARK(SYS_request_key); }
__attribute__((visibility("hidden"))) void local(void) { MARK(SYS_ioprio_get); }
void call(void)
{
	replaced();
	guarded();
	local();
}
#else
void replaced(void) { MARK(SYS_keyctl); }
void guarded(void) { MARK(SYS_swapon); }
void local(void) { MARK(SYS_swapoff); }

int main(void)
{
	call();
	return 0;
}
#endif
