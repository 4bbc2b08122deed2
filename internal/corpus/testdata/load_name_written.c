// A name of a file that is in a buffer is not constant, whatever it holds when the program starts.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libplugin.so && gcc -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// COVER: keyctl
// UNLESS: modules
// DLOPEN: unknown
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
#else
static char name[32] = "libnone.so";

int main(void)
{
	memcpy(name + 3, (char[]){'p', 'l', 'u', 'g', 'i', 'n', '.', 's', 'o', 0}, 10);
	return !dlopen(name, RTLD_NOW);
}
#endif
