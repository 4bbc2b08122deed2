// A shared library of many functions, of which the program uses one: its other functions, and what
// their slots in the GOT and the PLT refer to, are dead.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{-pie -Wl,-z,now|-no-pie -Wl,-z,lazy|-fno-plt}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl
// NOT: quotactl request_key add_key
// UNRESOLVED: none
// PITFALL: 6
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

extern __thread int counter;
void used(void);
void unused(void);
#ifdef LIB
__thread int counter;
void used(void) { counter++; MARK(SYS_keyctl); }
void unused(void) { MARK(SYS_quotactl); }
void unused_too(void) { unused(); MARK(SYS_request_key); }
static void in_table(void) { MARK(SYS_add_key); }
void (*const exported_table[])(void) = {in_table, unused_too};
#else
__attribute__((used)) static void dead(void) { unused(); }
int main(void)
{
	used();
	counter++;
	return 0;
}
#endif
