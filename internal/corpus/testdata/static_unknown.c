// A static program loads a file, and asks for a symbol, under names that are not known: that is said, and the file
// beside it is taken.
//
// BUILD: gcc -O2 -shared -fPIC -nostdlib -DLIB {{src}} -o {{dir}}/x.so && gcc -O2 -static{{|-pie}} -w {{src}} -o {{out}}
// RUN: {{dir}}/x.so
// DOUBT: own-libraries
// WANT: keyctl request_key
// DLOPEN: unknown x.so
// NOTE: dlsym
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void plugged(void) { MARK(SYS_request_key); }
#else
int main(int argc, char **argv)
{
	char name[16];
	void *h = dlopen(argv[1], RTLD_LAZY);
	if (!h)
		return 2;
	strcpy(name, argc > 5 ? "other" : "plug");
	strcat(name, "ged");
	((void (*)(void))dlsym(h, name))();
	return 0;
}
#endif
