// Mutexes in memory that may be shared, however it came about, have no priority ceiling if nobody here gives them one: those
// that another program made there are an assumption.
//
// BUILD: gcc -O2 {{|-static}} -D{{FUNCTION|CALL|INLINE|ANY}} {{src}} -o {{out}}
// WANT: mmap
// NOT: sched_get_priority_max sched_setscheduler sched_getparam
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
#ifdef FUNCTION
	pthread_mutex_t *m = mmap(0, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#elif defined CALL
	pthread_mutex_t *m = (void *)syscall(SYS_mmap, 0L, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
#elif defined ANY
	pthread_mutex_t *m = (void *)syscall(SYS_mmap + (argc > 5), 0L, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
#else
	pthread_mutex_t *m;
	register long flags __asm__("r10") = MAP_SHARED | MAP_ANONYMOUS, file __asm__("r8") = -1, from __asm__("r9") = 0;
	__asm__ volatile("syscall" : "=a"(m) : "0"(SYS_mmap), "D"(0L), "S"(sizeof *m), "d"(PROT_READ | PROT_WRITE), "r"(flags), "r"(file), "r"(from) : "rcx", "r11", "memory");
#endif
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
	return 0;
}
