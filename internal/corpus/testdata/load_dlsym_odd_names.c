// Names for dlsym in a table that are one letter, longer than those of C, or no identifiers.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && {{gcc|clang}} -O2 {{src}} -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key add_key
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
#define TEN(x) x x x x x x x x x x
#define LONG "_ZN" TEN("10namespace_") TEN("5class") "3runEv"

#ifdef LIB
void g(void) { MARK(SYS_keyctl); }
void named(void) __asm__(LONG);
void named(void) { MARK(SYS_request_key); }
void rust(void) __asm__("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE.llvm.42$s");
void rust(void) { MARK(SYS_add_key); }
#else
static const char *const names[] = {"g", LONG, "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE.llvm.42$s"};

int main(void)
{
	void *h = dlopen("libx.so", RTLD_NOW);
	for (int i = 0; i < 3; i++)
		((void (*)(void))dlsym(h, names[i]))();
	return 0;
}
#endif
