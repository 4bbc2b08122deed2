// A thread with a policy of its own.
//
// BUILD: musl-gcc -O2 {{|-static}} {{src}} -o {{out}}
// WANT: sched_setscheduler
#include <pthread.h>
#include <sched.h>

static void *f(void *p) { return p; }

int main(void)
{
	pthread_t t;
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&a, SCHED_OTHER);
	return pthread_create(&t, &a, f, 0) || pthread_join(t, 0);
}
