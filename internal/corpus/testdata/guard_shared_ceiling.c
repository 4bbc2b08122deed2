// A mutex with a priority ceiling that another program made, in memory that it shares with this one: nothing here
// calls what gives a mutex such a ceiling. The file that is mapped (by a function, a number, an instruction), or the segment, stands for that program.
//
// BUILD: gcc -O2 {{|-static}} -D{{FILE|SEGMENT|CALL|INLINE}} {{src}} -o {{out}}
// NEEDS: root
// DOUBT: shared-ceilings
// WANT: sched_get_priority_max sched_setscheduler
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	int made[10] = {0};
	made[0] = 5 << 19;  // __lock: the ceiling
	made[4] = 64 | 128; // __kind: PTHREAD_MUTEX_PRIO_PROTECT_NP, shared
#ifndef SEGMENT
	char name[] = "/tmp/sharedXXXXXX";
	int fd = mkstemp(name);
	unlink(name);
	write(fd, made, sizeof made);
#ifdef FILE
	pthread_mutex_t *m = mmap(0, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
#elif defined CALL
	pthread_mutex_t *m = (void *)syscall(SYS_mmap, 0L, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
#else
	pthread_mutex_t *m;
	register long flags __asm__("r10") = MAP_SHARED, file __asm__("r8") = fd, from __asm__("r9") = 0;
	__asm__ volatile("syscall" : "=a"(m) : "0"(SYS_mmap), "D"(0L), "S"(sizeof *m), "d"(PROT_READ | PROT_WRITE), "r"(flags), "r"(file), "r"(from) : "rcx", "r11", "memory");
#endif
#else
	int id = shmget(IPC_PRIVATE, sizeof(pthread_mutex_t), 0600);
	pthread_mutex_t *m = shmat(id, 0, 0);
	shmctl(id, IPC_RMID, 0);
	memcpy(m, made, sizeof made);
#endif
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
	return 0;
}
