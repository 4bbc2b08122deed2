// dlopen of a file that only the caller knows: its name comes from the command line. It is given as a
// module, and the entry that the program looks up in it is found by name.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/x.so && gcc -O2 {{src}} -o {{out}}
// MODULE: {{dir}}/x.so
// RUN: {{dir}}/x.so
// WANT: keyctl request_key
// IMAGE: x.so
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
	void (*f)(void) = (void (*)(void))dlsym(h, "module_entry");
	f();
	return 0;
}
#endif
