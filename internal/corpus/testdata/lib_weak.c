// Weak references: one that nobody defines, one that a library further along defines, and a
// weak definition that a strong one of another file does not replace, since the loader takes the first.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-pie -fPIE|-no-pie -fPIC}} -Wl,-z,dynamic-undefined-weak {{src}} -Wl,--no-as-needed {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl add_key
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

__attribute__((weak)) void nowhere(void);
__attribute__((weak)) void in_library(void);
void both(void);

#ifdef LIB
void in_library(void) { MARK(SYS_keyctl); both(); }
void both(void) { MARK(SYS_quotactl); }
#else
__attribute__((weak)) void both(void) { MARK(SYS_request_key); }
int main(void)
{
	if (nowhere)
		nowhere();
	if (in_library)
		in_library();
	return 0;
}
#endif
