// A library that is found only on the library path, where another of the same name hides the one next to
// the program.
//
// BUILD: mkdir -p path && gcc -O2 -shared -fPIC -DLIB {{src}} -o path/libx.so && gcc -O2 -shared -fPIC -DHIDDEN {{src}} -o libx.so && gcc -O2 {{src}} libx.so -Wl,--enable-new-dtags,-rpath,'$ORIGIN' -o {{out}}
// LIBPATH: {{dir}}/path
// ENV: LD_LIBRARY_PATH={{dir}}/path
// WANT: keyctl
// NOT: quotactl
// IMAGE: libx.so
// UNRESOLVED: none
// TRAP: 10
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#ifdef LIB
void f(void) { MARK(SYS_keyctl); }
#elif defined HIDDEN
void f(void) { MARK(SYS_quotactl); }
#else
int main(void)
{
	f();
	return 0;
}
#endif
