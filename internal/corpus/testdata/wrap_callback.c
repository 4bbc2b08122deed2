// A wrapper that is private to the program, whose address goes to a library, which calls it with a number
// of its own.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-pie|-no-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// COVER: keyctl
// TRAP: 6
#include <sys/syscall.h>

typedef long (*caller)(long nr);
void run(caller f);
#ifdef LIB
void run(caller f) { f(SYS_keyctl); }
#else
static long call(long nr)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory");
	return nr;
}
int main(void)
{
	run(call);
	return 0;
}
#endif
