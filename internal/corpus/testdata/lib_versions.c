// Two versions of one symbol: an old program binds to the old one, a new one to the default, and each
// must get its own. Here one program uses both.
//
// BUILD: printf 'V1 { global: f; };\nV2 { global: f; } V1;\n' >map && gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,--version-script=map -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
void g(void);
#ifdef LIB
__asm__(".symver f_one,f@V1\n.symver f_two,f@@V2\n");
__attribute__((used)) void f_one(void) { MARK(SYS_keyctl); }
__attribute__((used)) void f_two(void) { MARK(SYS_request_key); }
#else
// One reference to each version.
__asm__(".symver g,f@V1\n");
int main(void)
{
	f();
	g();
	return 0;
}
#endif
