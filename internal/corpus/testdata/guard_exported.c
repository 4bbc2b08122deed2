// Variables that others may write: exported by a library and written by the program through a COPY
// relocation, written under another name of the same variable, thread-local and written through its
// address, found by dlsym.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -o {{dir}}/libx.so && gcc -O2 -rdynamic {{-no-pie -fno-pie|-pie}} {{src}} {{dir}}/libx.so -Wl,-rpath,'$ORIGIN' -o {{out}}
// WANT: keyctl request_key ioprio_get kcmp
// PITFALL: 7 11
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

extern int copied, alias, found;
int *local(void);
void check(void);
#ifdef LIB
int copied, original, found;
extern int alias __attribute__((weak, alias("original")));
static __thread int tls;
int *local(void) { return &tls; }
void check(void)
{
	if (copied)
		MARK(SYS_keyctl);
	if (original)
		MARK(SYS_request_key);
	if (tls)
		MARK(SYS_ioprio_get);
	if (found)
		MARK(SYS_kcmp);
}
#else
int main(void)
{
	copied = 1;
	alias = 1;
	*local() = 1;
	*(int *)dlsym(RTLD_DEFAULT, "found") = 1;
	check();
	return 0;
}
#endif
