// A name is looked for where the file has its libraries that the loader returns to, not where that which has the name has them.
//
// BUILD: mkdir -p {{dir}}/other && gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/other/libplugin.so && gcc -O2 -shared -fPIC -DDECOY {{src}} -o {{dir}}/libplugin.so && gcc -O2 -shared -fPIC -DOPENS {{src}} -Wl,-rpath,'$ORIGIN/other' -o {{dir}}/libopen.so && gcc -O2 -DPASSES {{src}} {{dir}}/libopen.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: mkdir -p {{dir}}/other && gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/other/libplugin.so && gcc -O2 -shared -fPIC -DDECOY {{src}} -o {{dir}}/libplugin.so && gcc -O2 -shared -fPIC -DTAIL {{src}} -Wl,-rpath,'$ORIGIN' -o {{dir}}/libopen.so && gcc -O2 {{src}} {{dir}}/libopen.so -Wl,-rpath,'$ORIGIN/other:$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void *opens(const char *name);
void *opens_plugin(void);

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void plugin_run(void) { MARK(SYS_request_key); }
#elif defined DECOY
void plugin_run(void) {}
#elif defined OPENS
void *opens(const char *name)
{
	void *h = dlopen(name, RTLD_NOW);
	__asm__("" : "+r"(h)); // not by a jump
	return h;
}
void *opens_plugin(void) { return opens("libplugin.so"); }
#elif defined TAIL
void *opens(const char *name) { return 0; }
void *opens_plugin(void) { return dlopen("libplugin.so", RTLD_NOW); }
#else
int main(void)
{
#ifdef PASSES
	void *h = opens("libplugin.so");
#else
	void *h = opens_plugin();
	__asm__("" : "+r"(h));
#endif
	if (!h)
		return 1;
	((void (*)(void))dlsym(h, "plugin_run"))();
	return 0;
}
#endif
