// A table that a library exports without its size, found under a name that is put together.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && strip {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")
void check(void);
#ifdef LIB
__asm__(".data\n.globl table\ntable: .zero 256\n.text\n");
extern int table[64] __attribute__((visibility("protected")));
void check(void)
{
	if (table[40])
		MARK(SYS_keyctl);
}
#else
int main(int argc, char **argv)
{
	char name[20];
	snprintf(name, sizeof name, "%s%c", "tabl", argc + 'd');
	int *t = dlsym(RTLD_DEFAULT, name);
	t[argc + 39] = 1;
	check();
	return 0;
}
#endif
