// GCC's crtstuff.c compares the end of .data with itself, subtracts it from itself and shifts the difference, in
// every file (register_tm_clones): in a stripped library that makes nothing of its .data live.
//
// BUILD: gcc -O2 -shared -fPIC -s -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -o {{out}}
// WANT: keyctl
// NOT: add_key request_key
#include <sys/syscall.h>
#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

#ifdef LIB
static void dead(void) { MARK(SYS_add_key); }
static void dead2(void) { MARK(SYS_request_key); }
struct ops { long n; void (*f)(void), (*g)(void); long pad[5]; };
struct ops *never_called(void)
{
	static struct ops table[2] = {{1, dead, dead2}, {2, dead2, dead}};
	return table;
}
void called(void) { MARK(SYS_keyctl); }
#else
void called(void);
int main(void)
{
	called();
	return 0;
}
#endif
