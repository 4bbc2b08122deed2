// dlopen with a constant name, by $ORIGIN's search path, and dlsym with a constant name: of what it
// loads, the constructor runs and the function that was asked for, and nothing else.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libplugin.so && gcc -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get
// DLOPEN: libplugin.so
// IMAGE: libplugin.so
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
__attribute__((destructor)) static void end(void) { MARK(SYS_ioprio_get); }
void plugin_run(void) { MARK(SYS_request_key); }
#else
int main(void)
{
	void *h = dlopen("libplugin.so", RTLD_NOW);
	if (!h)
		return 1;
	((void (*)(void))dlsym(h, "plugin_run"))();
	dlclose(h);
	return 0;
}
#endif
