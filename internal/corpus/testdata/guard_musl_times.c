// Waits until a time, by each function that has one, and clocks for other purposes. (The vDSO answers for the clock.)
//
// BUILD: musl-gcc -O2 -w {{|-static}} -D{{SEMAPHORE|MUTEX|CONDITION|READ|WRITE|C11|AIO|POINTER|TEMPORARY}} {{src}} -o {{out}}
// ELSEWHERE: clock_gettime
#define _GNU_SOURCE
#include <aio.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

int (*volatile pointer)(sem_t *restrict, const struct timespec *restrict) = sem_timedwait;

int main(void)
{
	struct timespec soon = {1, 0};
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_rwlock_t r = PTHREAD_RWLOCK_INITIALIZER;
	sem_t s;
	mtx_t x;
#if defined SEMAPHORE
	sem_init(&s, 0, 0);
	sem_timedwait(&s, &soon);
#elif defined POINTER
	sem_init(&s, 0, 0);
	pointer(&s, &soon);
#elif defined MUTEX
	pthread_mutex_lock(&m);
	pthread_mutex_timedlock(&m, &soon);
#elif defined CONDITION
	pthread_mutex_lock(&m);
	pthread_cond_timedwait(&c, &m, &soon);
#elif defined READ
	pthread_rwlock_wrlock(&r);
	pthread_rwlock_timedrdlock(&r, &soon);
#elif defined WRITE
	pthread_rwlock_rdlock(&r);
	pthread_rwlock_timedwrlock(&r, &soon);
#elif defined C11
	mtx_init(&x, mtx_timed);
	mtx_lock(&x);
	mtx_timedlock(&x, &soon);
#elif defined AIO
	static struct aiocb cb;
	const struct aiocb *l[] = {&cb};
	aio_suspend(l, 1, &soon);
#else
	char name[] = "/tmp/gofind-XXXXXX";
	int fd = mkstemp(name);
	unlink(name);
#endif
	return 0;
}
