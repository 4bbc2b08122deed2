// A library linked with -Bsymbolic binds to itself what it defines, although the program defines it too.
//
// BUILD: gcc -O2 -shared -fPIC -fsemantic-interposition -Wl,-Bsymbolic -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// BUILD: gcc -O2 -shared -fPIC -fsemantic-interposition -Wl,-Bsymbolic-functions -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void call(void);
#ifdef LIB
void both(void) { MARK(SYS_keyctl); }
void call(void) { both(); }
#else
void both(void) { MARK(SYS_request_key); }
int main(void)
{
	call();
	return 0;
}
#endif
