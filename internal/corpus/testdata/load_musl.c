// A program of another libc, found by its own path file: musl's libc.so is its loader
// too, and has practically no unwind information. The search path stands in a file below /etc.
//
// BUILD: mkdir -p root/etc root/lib root/opt && musl-gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,-soname,libx.so -o root/opt/libx.so && musl-gcc -O2 {{src}} root/opt/libx.so -o root/prog && cp /lib/ld-musl-x86_64.so.1 root/lib && echo /opt >root/etc/ld-musl-x86_64.path
// ROOT: {{dir}}/root
// NEEDS: root
// WANT: keyctl request_key
// UNRESOLVED: none
// STRIP: no
// TRAP: 10
#include <stdlib.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

void f(void);
#ifdef LIB
static int compare(const void *a, const void *b) { MARK(SYS_request_key); return 0; }
void f(void)
{
	int v[2] = {2, 1};
	MARK(SYS_keyctl);
	qsort(v, 2, sizeof *v, compare);
}
#else
int main(void)
{
	f();
	return 0;
}
#endif
