// A program linked against an old version of the library, run with a new one, whose default
// version of the symbol is another function: only the old one is called.
//
// BUILD: printf 'V1 { global: f; };\n' >map1 && gcc -O2 -shared -fPIC -DLIB -DOLD {{src}} -Wl,--version-script=map1 -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}} && printf 'V1 { global: f; };\nV2 { global: f; } V1;\n' >map2 && gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,--version-script=map2 -o {{dir}}/libx.so
// WANT: keyctl
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#if defined LIB && defined OLD
void f(void) { MARK(SYS_keyctl); }
#elif defined LIB
__asm__(".symver f_one,f@V1\n.symver f_two,f@@V2\n");
__attribute__((used)) void f_one(void) { MARK(SYS_keyctl); }
__attribute__((used)) void f_two(void) { MARK(SYS_quotactl); }
#else
int main(void)
{
	f();
	return 0;
}
#endif
