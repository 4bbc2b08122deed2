// A module that was opened RTLD_GLOBAL comes before what a module that is opened later brings itself.
//
// BUILD: gcc -O2 -shared -fPIC -DFIRST {{src}} -o {{dir}}/libfirst.so && gcc -O2 -shared -fPIC -DOWN {{src}} -o {{dir}}/libown.so && gcc -O2 -shared -fPIC -DLIB {{src}} {{dir}}/libown.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libplugin.so && gcc -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl
// NOT: quotactl
// IMAGE: libfirst.so
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void serve(void), unused(void);

#ifdef FIRST
void serve(void) { MARK(SYS_keyctl); }
void unused(void) { MARK(SYS_quotactl); }
#elif defined OWN
void serve(void) { MARK(SYS_add_key); }
#elif defined LIB
void go(void) { serve(); }
#else
int main(void)
{
	if (!dlopen("libfirst.so", RTLD_LAZY | RTLD_GLOBAL))
		return 1;
	void *h = dlopen("libplugin.so", RTLD_LAZY);
	if (!h)
		return 2;
	((void (*)(void))dlsym(h, "go"))();
	return 0;
}
#endif
