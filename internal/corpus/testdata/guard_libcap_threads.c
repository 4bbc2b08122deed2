// Threads that use libcap at once wait for its lock, if they meet.
//
// BUILD: gcc -O2 -pthread {{src}} /lib/x86_64-linux-gnu/libcap.so.2 -o {{out}}
// ELSEWHERE: sched_yield
#include <pthread.h>

typedef struct _cap_struct *cap_t;
cap_t cap_init(void), cap_dup(cap_t);
int cap_free(void *);

static cap_t shared;
static void *work(void *p)
{
	for (int i = 0; i < 2000; i++)
		cap_free(cap_dup(shared));
	return 0;
}

int main(void)
{
	pthread_t t[8];

	shared = cap_init();
	for (int i = 0; i < 8; i++)
		if (pthread_create(&t[i], 0, work, 0))
			return 1;
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], 0);
	return 0;
}
