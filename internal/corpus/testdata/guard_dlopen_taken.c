// A program calls dlopen with a constant, and through a pointer in memory with a name that is not known: that is said,
// and the file beside the program is taken.
//
// BUILD: gcc -O2 -shared -fPIC -nostdlib -DLIB {{src}} -o {{dir}}/x.so && gcc -O{{0|2}} -w -D{{ALONE|CALLED}} {{src}} -o {{out}}
// RUN: {{dir}}/x.so
// DOUBT: own-libraries
// WANT: keyctl request_key
// DLOPEN: unknown x.so
#include <dlfcn.h>
#include <sys/syscall.h>

#ifdef LIB
__attribute__((constructor)) static void start(void)
{
	__asm__ volatile("syscall" : : "a"(SYS_keyctl), "D"(-1) : "rcx", "r11", "memory");
	__asm__ volatile("syscall" : : "a"(SYS_request_key), "D"(0) : "rcx", "r11", "memory");
}
#else
static void *(*volatile load)(const char *, int);

int main(int argc, char **argv)
{
#ifdef CALLED
	if (!dlopen("libc.so.6", RTLD_NOW))
		return 1;
#endif
	load = dlopen;
	return argc < 2 || !load(argv[1], RTLD_NOW);
}
#endif
