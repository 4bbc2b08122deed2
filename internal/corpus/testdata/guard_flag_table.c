// A private function that passes a byte on, whose address is in a table that another image calls it through: what its
// file passes through pointers (nothing) is not all that it gets. The branch for the byte that the other image passes is
// live, and so is what depends on a mode and on flags that it passes to faccessat.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O{{1|2}} {{-no-pie|-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: getpgrp getppid
// ELSEWHERE: getgroups
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct operations {
	void (*call)(void *, unsigned char, int, int);
	void *data;
};
void use(const struct operations *o, int mode, int flags);

#ifdef LIB
void use(const struct operations *o, int mode, int flags) { o->call(o->data, 1, mode, flags); }
#else
#define MARK(nr) __asm__ volatile("syscall" : : "a"(nr) : "rcx", "r11", "memory")

__attribute__((noipa)) static void by_byte(unsigned char on)
{
	if (on)
		MARK(SYS_getpgrp);
	else
		MARK(SYS_getppid);
}
__attribute__((noipa)) static void call(void *data, unsigned char on, int mode, int flags)
{
	by_byte(on);
	faccessat(AT_FDCWD, data, mode, flags);
}
static const struct operations table = { call, "/" };
int main(void)
{
	by_byte(0);
	use(&table, R_OK, AT_EACCESS);
	return 0;
}
#endif
