// Looking up a version of a symbol that is not the default, in the program's own scope, by dlopen of
// nothing, and a name that lies on the stack.
//
// BUILD: printf 'V1 { global: f; };\nV2 { global: f; g; h; } V1;\n' >map && gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,--version-script=map -o {{dir}}/libx.so && gcc -O2 -Wl,--no-as-needed {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// COVER: ioprio_get
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
__asm__(".symver f_one,f@V1\n.symver f_two,f@@V2\n");
__attribute__((used)) void f_one(void) { MARK(SYS_keyctl); }
__attribute__((used)) void f_two(void) { MARK(SYS_kcmp); }
void g(void) { MARK(SYS_request_key); }
void h(void) { MARK(SYS_ioprio_get); }
#else
int main(void)
{
	((void (*)(void))dlvsym(RTLD_DEFAULT, "f", "V1"))();
	void *self = dlopen(0, RTLD_NOW);
	((void (*)(void))dlsym(self, "g"))();
	volatile char name[] = "h";
	((void (*)(void))dlsym(self, (char *)name))();
	return 0;
}
#endif
