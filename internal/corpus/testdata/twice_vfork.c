// After vfork the child runs on the parent's stack: what it stored is what the
// parent finds, in a libc's vfork and as a bare system call.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// BUILD: gcc -O{{0|2}} -DBARE -static {{src}} -o {{out}}
// WANT: keyctl
// COVER: request_key
// TRAP: 4
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline __attribute__((always_inline)) long call(long nr)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(-1L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
	return r;
}

#ifdef BARE
#define vfork() (int)call(SYS_vfork)
#endif

int main(void)
{
	volatile long nr = SYS_getpid;
	int pid = vfork();
	if (pid == 0) {
		nr = SYS_request_key;
		call(SYS_exit); // status -1
	}
	call(SYS_keyctl);
	call(nr);
	return wait(0) == pid ? 0 : 1;
}
