// A library in two builds: one for every machine, one that the loader takes on a better one. Where the
// program will run is not known.
//
// BUILD: mkdir -p glibc-hwcaps/x86-64-v2 glibc-hwcaps/x86-64-v4 && gcc -O2 -shared -fPIC -DNR=SYS_keyctl {{src}} -o libx.so && gcc -O2 -shared -fPIC -DNR=SYS_request_key {{src}} -o glibc-hwcaps/x86-64-v2/libx.so && gcc -O2 -shared -fPIC -DNR=SYS_kcmp {{src}} -o glibc-hwcaps/x86-64-v4/libx.so && gcc -O2 {{src}} libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: write
// ELSEWHERE: keyctl request_key kcmp
// NOT: add_key
// UNRESOLVED: none
// TRAP: 10
#include <sys/syscall.h>
#include <unistd.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#ifdef NR
void f(void) { MARK(NR); }
#else
int main(void)
{
	f();
	return write(1, "", 0);
}
#endif
