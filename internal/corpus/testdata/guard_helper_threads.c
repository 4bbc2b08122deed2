// Threads that the C library makes for itself, and what they make the allocator do: timers, message queues,
// asynchronous input, look-ups. Each allocates and ends.
//
// BUILD: gcc -O2 -D{{TIMER|AIO|LOOKUP|QUEUE}} {{src}} -o {{out}} -lrt -lanl
// BUILD: gcc -O2 -w -static -D{{TIMER|AIO|QUEUE}} {{src}} -o {{out}} -lrt -lanl
// WANT: madvise
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

static sem_t done;
static void notified(union sigval v)
{
	char *p[64];
	for (int i = 0; i < 64; i++)
		memset(p[i] = malloc(100000), 1, 100000);
	for (int i = 0; i < 64; i++)
		free(p[i]);
	sem_post(&done);
}

int main(int argc, char **argv)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
	sem_init(&done, 0, 0);
#ifdef TIMER
	timer_t t;
	struct itimerspec soon = {.it_value = {0, 1000}};
	if (timer_create(CLOCK_MONOTONIC, &e, &t) || timer_settime(t, 0, &soon, 0))
		return 1;
#elif defined AIO
	static char text[10];
	static struct aiocb cb = {.aio_buf = text, .aio_nbytes = 4};
	cb.aio_fildes = open("/proc/self/exe", O_RDONLY);
	cb.aio_sigevent = e;
	if (aio_read(&cb))
		return 1;
#elif defined LOOKUP
	static struct gaicb g = {.ar_name = "127.0.0.1"};
	struct gaicb *list[] = {&g};
	if (getaddrinfo_a(GAI_NOWAIT, list, 1, &e))
		return 1;
#else
	struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 8};
	mqd_t q = mq_open("/gofind-guard", O_CREAT | O_RDWR, 0600, &a);
	mq_unlink("/gofind-guard");
	if (q == -1 || mq_notify(q, &e) || mq_send(q, "text", 4, 0)) {
		madvise(0, 0, 0);
		return 0; // no message queues here
	}
#endif
	sem_wait(&done);
	usleep(100000);
	madvise(0, 0, 0);
	return 0;
}
