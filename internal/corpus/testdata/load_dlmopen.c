// dlmopen loads a library into a name space of its own, with a libc of its own.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libplugin.so && gcc -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// IMAGE: libplugin.so
// TRAP: 10
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void plugin_run(void) { MARK(SYS_request_key); }
#else
int main(void)
{
	void *h = dlmopen(LM_ID_NEWLM, "libplugin.so", RTLD_NOW);
	if (!h)
		return 1;
	((void (*)(void))dlsym(h, "plugin_run"))();
	return 0;
}
#endif
