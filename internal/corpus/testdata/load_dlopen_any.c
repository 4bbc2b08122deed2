// A file whose name is constant, and looks like that of no library; as a constant, in a variable that only the loader writes, by way of
// a wrapper, and among variable arguments.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/filter.mod && {{gcc -O2|gcc -O0|gcc -O2 -no-pie}} {{-DDIRECT|-DPOINTER|-DWRAPPED|-DSPACE|-DVARIADIC}} {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// IMAGE: filter.mod
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define OPAQUE __attribute__((noinline, noclone))

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void run_filter(void) { MARK(SYS_request_key); }
#else
extern const char *const name;
const char *const name = "filter.mod";

OPAQUE void *wrapped(const char *file) { return dlopen(file, RTLD_NOW); }

OPAQUE void *either(int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	void *h = 0;
	const char *file;
	while (!h && (file = va_arg(ap, const char *)))
		h = dlopen(file, flags);
	va_end(ap);
	return h;
}

int main(void)
{
#ifdef DIRECT
	void *h = dlopen("filter.mod", RTLD_NOW);
#elif defined POINTER
	void *h = dlopen(*(const char *const volatile *)&name, RTLD_NOW);
#elif defined WRAPPED
	void *h = wrapped("filter.mod");
#elif defined SPACE
	void *h = dlmopen(LM_ID_NEWLM, "filter.mod", RTLD_NOW);
#else
	void *h = either(RTLD_NOW, "filter.none", "filter.mod", (char *)0);
#endif
	if (!h)
		return 1;
	((void (*)(void))dlsym(h, "run_filter"))();
	return 0;
}
#endif
