// A library that calls back: a function of the program passed as an argument, stored in an exported
// structure of the library (directly, and through a COPY relocation), registered, and found by name because
// the library leaves a symbol undefined.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-no-pie -fno-pie|-pie -fPIE|-pie -fPIC|-pie -fPIE -fno-plt}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: clang -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && clang -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp add_key get_robust_list
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 11 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
struct hooks { long size; func before, after; };
extern struct hooks hooks;
extern func single;
void walk(func f);
void registered(func f);
void run(void);
void from_program(void);
void optional(void) __attribute__((weak));

#ifdef LIB
static void initial(void) { MARK(SYS_get_robust_list); }
struct hooks hooks = {sizeof hooks, 0, initial};
func single = initial;
static func kept;
void walk(func f) { f(); }
void registered(func f) { kept = f; }
void run(void)
{
	if (hooks.before)
		hooks.before();
	hooks.after();
	single();
	kept();
	from_program();
	if (optional)
		optional();
}
void unused(void) { MARK(SYS_quotactl); }
#else
static void f0(void) { MARK(SYS_keyctl); }
static void f1(void) { MARK(SYS_request_key); }
static void f2(void) { MARK(SYS_ioprio_get); }
void from_program(void) { MARK(SYS_kcmp); }
void optional(void) { MARK(SYS_add_key); }

int main(void)
{
	walk(f0);
	hooks.before = f1;
	registered(f2);
	run();
	return 0;
}
#endif
