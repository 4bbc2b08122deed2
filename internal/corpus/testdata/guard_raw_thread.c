// Code that runs in the same memory is started by number: with constant flags, with ones that the run chooses, by a function
// that passes them on, through a pointer, and by a function that is looked up.
//
// BUILD: gcc -O2 -D{{CONSTANT|MASKED|RUN_TIME|PASSED|POINTER|FOUND}} {{src}} -o {{out}}
// COVER: clone
// ELSEWHERE: sched_yield
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noipa)) static long make(long nr, long flags) { return syscall(nr, flags, 0, 0, 0, 0); }

int main(int argc, char **argv)
{
	long pid;
#ifdef CONSTANT
	pid = syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
#elif defined MASKED
	pid = syscall(SYS_clone, argc << 8 & (CLONE_VM | CLONE_FS) | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
#elif defined RUN_TIME
	pid = syscall(SYS_clone, argc << 8 | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
#elif defined PASSED
	make(SYS_getpgid, 0);
	pid = make(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD);
#else
	long (*volatile f)(long, ...);
#ifdef FOUND
	f = (long (*)(long, ...))dlsym(RTLD_DEFAULT, "syscall");
#else
	f = syscall;
#endif
	pid = f(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
#endif
	if (pid == 0) // on the stack of the other
		__asm__ volatile("syscall" : : "a"(SYS_exit), "D"(0));
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}
