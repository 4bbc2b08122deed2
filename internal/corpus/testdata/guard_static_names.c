// The program's own static functions have names of the C library's, and do without any condition what those do under one.
//
// BUILD: gcc -O2 -static {{src}} -o {{out}}
// BUILD: gcc -O2 -static-pie {{src}} -o {{out}}
// ELSEWHERE: sched_getaffinity
// WANT: madvise readv setpgid sched_get_priority_max sched_yield
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#define OWN static __attribute__((noinline, noclone)) int
OWN arena_get2(void) { return get_nprocs(); }
OWN _int_free(void) { return madvise(0, 0, 0); }
OWN sysmalloc(void) { return madvise(0, 0, 1); }
OWN __readvall(void) { return readv(-1, 0, 0); }
OWN __spawni_child(void) { return fchdir(-1) + setpgid(-1, 0) + setsid(); }
OWN __init_sched_fifo_prio(void) { return sched_get_priority_max(0); }
OWN _IO_cleanup(void) { return sched_yield(); }

int main(void)
{
	printf("%d\n", arena_get2() + _int_free() + sysmalloc() + __readvall() + __spawni_child() + __init_sched_fifo_prio() + _IO_cleanup());
	return 0;
}
