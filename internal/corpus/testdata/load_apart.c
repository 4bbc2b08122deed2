// A module that is opened with RTLD_DEEPBIND binds to what it brings before the program's own symbols; one that is opened by dlmopen
// knows nothing of the program's, and a library that was there at startup is loaded for it once more.
//
// BUILD: gcc -O2 -shared -fPIC -DOWN {{src}} -o {{dir}}/libown.so && gcc -O2 -shared -fPIC -DPLUGIN {{src}} {{dir}}/libown.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libplugin.so && gcc -O2 -rdynamic {{-DDEEP|-DSPACE|-DLINKED -Wl,--no-as-needed}} {{src}} {{dir}}/libown.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -DOWN {{src}} -o {{dir}}/libown.so && gcc -O2 -shared -fPIC -DPLUGIN {{src}} {{dir}}/libown.so -Wl,-rpath,'$ORIGIN' -o {{dir}}/libplugin.so && gcc -O2 -rdynamic -DLATER {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void serve(void);
extern void (*table[1])(void);

#ifdef OWN
static void in_table(void) { MARK(SYS_request_key); }
void (*table[1])(void) = {in_table};
void serve(void) { MARK(SYS_keyctl); }
void go(void) { serve(); table[0](); }
#elif defined PLUGIN
void run(void) { serve(); table[0](); }
#else
static void none(void) {}
void (*table[1])(void) = {none};
void serve(void) {}

static void *first(void)
{
#ifdef LATER
	void *h = dlopen("libplugin.so", RTLD_NOW | RTLD_LOCAL);
	if (!h)
		return h;
	((void (*)(void))dlsym(h, "run"))();
	dlclose(h); // and all that it brought
	void *name = dlsym(RTLD_DEFAULT, "again");
	return ((void *(*)(void))name)();
#elif defined DEEP
	return dlopen("libplugin.so", RTLD_NOW | RTLD_DEEPBIND);
#elif defined SPACE
	return dlmopen(LM_ID_NEWLM, "libplugin.so", RTLD_NOW);
#else
	return dlmopen(LM_ID_NEWLM, "libown.so", RTLD_NOW);
#endif
}

void *again(void) { return dlopen("libplugin.so", RTLD_NOW | RTLD_DEEPBIND); }

int main(void)
{
	void *h = first();
	if (!h)
		return 1;
#ifdef LINKED
	((void (*)(void))dlsym(h, "go"))();
#else
	((void (*)(void))dlsym(h, "run"))();
#endif
	return 0;
}
#endif
