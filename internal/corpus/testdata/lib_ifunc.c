// Indirect functions: a local one (IRELATIVE), one that the program exports, and one of a library used by the
// program: by a call, by its address in data, by its address in code. The resolver's own
// calls are made too, and all that it may return can be called.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-no-pie|-pie|-pie -fno-plt}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl ioprio_get kcmp get_robust_list
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 11
// TRAP: 10
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
void far(void);

#ifdef LIB
static void far_one(void) { MARK(SYS_keyctl); }
static void far_two(void) { MARK(SYS_request_key); }
static func resolve_far(void)
{
	MARK(SYS_kcmp);
	unsigned a = 0, b, c, d;
	__asm__("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return a ? far_one : far_two;
}
void far(void) __attribute__((ifunc("resolve_far")));
void unused(void) { MARK(SYS_quotactl); }
#else
static void near_one(void) { MARK(SYS_ioprio_get); }
static func resolve_near(void)
{
	MARK(SYS_get_robust_list);
	return near_one;
}
static void nearby(void) __attribute__((ifunc("resolve_near")));
func in_data = far;
static __attribute__((noipa)) void call(func f) { f(); }

int main(void)
{
	far();
	in_data();
	call(far);
	nearby();
	return 0;
}
#endif
