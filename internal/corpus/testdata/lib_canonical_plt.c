// In a program at a fixed address the address of an imported function is that of its PLT entry, also for
// libraries: the program's symbol is undefined but has a value, which relocations of others (not
// their calls) bind to.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -no-pie -fno-pie -Wl,-z,{{lazy|now}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key
// NOT: quotactl
// UNRESOLVED: none
// PITFALL: 13
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

typedef void (*func)(void);
void imported(void);
void run(func f);
#ifdef LIB
void imported(void) { MARK(SYS_keyctl); }
void unused(void) { MARK(SYS_quotactl); }
static func table[] = {imported};
void run(func f)
{
	if (*(func volatile *)table == f)
		MARK(SYS_request_key);
	(*(func volatile *)table)();
}
#else
int main(void)
{
	run(imported);
	return 0;
}
#endif
