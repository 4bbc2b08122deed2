// What a module refers to may be defined by one that is opened after it, when the reference was followed already: its
// calls, the numbers and the addresses that it passes. So may what a
// library that the program needs refers to, as long as that binds when it is first called.
//
// BUILD: gcc -O2 -shared -fPIC -DLATER {{src}} -o {{dir}}/liblater.so && gcc -O2 -shared -fPIC -DLIB -Wl,-z,lazy -Wl,-rpath,'$ORIGIN' {{src}} -o {{dir}}/libplugin.so && gcc -O2 -shared -fPIC -DSTART -Wl,-z,lazy {{src}} -o {{dir}}/libstart.so && gcc -O2 -Wl,--allow-shlib-undefined {{src}} {{dir}}/libstart.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get add_key pkey_free
// NOT: quotactl
// IMAGE: liblater.so
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
struct ops { func run; };
void later(void), later_of_start(void), unused(void), start(void);
void later_runs(const struct ops *ops);
void later_call(long nr);

#ifdef LATER
void later(void) { MARK(SYS_keyctl); }
void later_of_start(void) { MARK(SYS_pkey_free); }
void later_runs(const struct ops *ops) { ops->run(); }
__attribute__((noinline)) void later_call(long nr) { MARK(nr); }
void unused(void) { MARK(SYS_quotactl); }
#elif defined LIB
static void mine(void) { MARK(SYS_request_key); }
static void too(void) { MARK(SYS_ioprio_get); }
static const struct ops ops = { mine };
void go(void)
{
	if (!dlopen("liblater.so", RTLD_LAZY | RTLD_GLOBAL))
		return;
	later();
	later_runs(&ops);
	later_call(SYS_add_key);
	static struct ops others[1];
	others[0].run = too;
	later_runs(others);
}
#elif defined START
void start(void) { later_of_start(); }
#else
int main(void)
{
	void *h = dlopen("libplugin.so", RTLD_LAZY);
	if (!h)
		return 1;
	((func)dlsym(h, "go"))();
	start();
	return 0;
}
#endif
