// As guard_static_names.c, for musl.
//
// BUILD: musl-gcc -O2 {{|-static}} {{src}} -o {{out}}
// WANT: futex readv sendmsg set_robust_list clock_nanosleep
// ELSEWHERE: clock_gettime
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define OWN static __attribute__((noinline, noclone)) long
#define CALL(nr, a, b, c) ({ long r_; __asm__ volatile("syscall" : "=a"(r_) : "0"((long)(nr)), "D"((long)(a)), "S"((long)(b)), "d"((long)(c)) : "rcx", "r11", "memory"); r_; })
static int word;
OWN __lock(void) { return CALL(SYS_futex, &word, 1, 1); }
OWN __stdio_close(void) { return CALL(SYS_readv, -1, 0, 0); }
OWN __nscd_query(void) { return sendmsg(socket(0, 0, 0), 0, 0) + connect(-1, 0, 0); }
OWN __pthread_mutex_trylock_owner(void) { return CALL(SYS_set_robust_list, 0, 1, 0) + CALL(SYS_futex, &word, 1, 1); }
OWN __timedwait_cp(void) { struct timespec t, s = {0, 1}; return clock_gettime(0, &t) + CALL(SYS_clock_nanosleep, 0, 0, &s); }

int main(void)
{
	printf("%ld\n", __lock() + __stdio_close() + __nscd_query() + __pthread_mutex_trylock_owner() + __timedwait_cp());
	return 0;
}
