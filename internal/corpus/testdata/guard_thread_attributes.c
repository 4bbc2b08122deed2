// A thread sets its own scheduling only if its attributes ask for it, which calls of other functions bring about:
// directly, and for the affinity through the attributes of another thread.
//
// BUILD: gcc -O2 -pthread {{|-static|-static-pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -pthread -DBY_NAME {{src}} -o {{out}}
// WANT: sched_setscheduler sched_setaffinity
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>

static void *nothing(void *p) { return p; }

int main(void)
{
	pthread_t t;
	pthread_attr_t a, b;
	struct sched_param p = {0};
	if (pthread_getattr_np(pthread_self(), &a) || pthread_attr_init(&b))
		return 1;
#ifdef BY_NAME
	int (*set)(pthread_attr_t *, int) = (int (*)(pthread_attr_t *, int))dlsym(RTLD_DEFAULT, "pthread_attr_setinheritsched");
	set(&b, PTHREAD_EXPLICIT_SCHED);
#else
	pthread_attr_setinheritsched(&b, PTHREAD_EXPLICIT_SCHED);
#endif
	pthread_attr_setschedpolicy(&b, SCHED_OTHER);
	pthread_attr_setschedparam(&b, &p);
	if (pthread_create(&t, &b, nothing, NULL) || pthread_join(t, NULL))
		return 1;
	cpu_set_t set1;
	sched_getaffinity(0, sizeof set1, &set1);
	pthread_attr_t c;
	pthread_attr_init(&c);
	pthread_attr_setaffinity_np(&c, sizeof set1, &set1);
	return pthread_create(&t, &c, nothing, NULL) || pthread_join(t, NULL);
}
