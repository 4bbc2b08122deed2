// Symbol lookup in files that have just one of the two hash tables.
//
// BUILD: gcc -O2 -shared -fPIC -Wl,--hash-style={{sysv|gnu|both}} -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -Wl,--hash-style=sysv {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl
// UNRESOLVED: none
// TRAP: 10
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#ifdef LIB
void back(void);
void f(void) { MARK(SYS_keyctl); back(); }
void g(void) { MARK(SYS_quotactl); }
#else
void back(void) { MARK(SYS_request_key); }
int main(void)
{
	f();
	return 0;
}
#endif
