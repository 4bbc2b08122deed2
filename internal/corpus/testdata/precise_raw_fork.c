// A process that is made by number, with flags that the run chooses among those that share no memory, through a function
// that passes other numbers on: it is no thread.
//
// BUILD: gcc -O2 -D{{CHOICE|PASSED}} {{src}} -o {{out}}
// WANT: clone
// NOT: sched_yield
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noipa)) static long make(long nr, long flags) { return syscall(nr, flags, 0, 0, 0, 0); }

int main(int argc, char **argv)
{
	long flags = argc > 1 ? 1 << (argc & 7) : 0;
#ifdef CHOICE
	long pid = syscall(SYS_clone, SIGCHLD | (flags & 2 ? CLONE_NEWUTS : 0) | (flags & 4 ? CLONE_NEWNS : 0), 0, 0, 0, 0);
#else
	make(SYS_getpgid, CLONE_VM);
	long pid = make(SYS_clone, SIGCHLD);
#endif
	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}
