// The same without the module: a file of which nothing is known may do anything.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/x.so && gcc -O2 {{src}} -o {{out}}
// RUN: {{dir}}/x.so
// COVER: keyctl request_key
// DLOPEN: unknown
// UNRESOLVED: any
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__attribute__((constructor)) static void start(void) { MARK(SYS_keyctl); }
void module_entry(void) { MARK(SYS_request_key); }
#else
int main(int argc, char **argv)
{
	void *h = dlopen(argv[1], RTLD_LAZY);
	((void (*)(void))dlsym(h, "module_entry"))();
	return 0;
}
#endif
