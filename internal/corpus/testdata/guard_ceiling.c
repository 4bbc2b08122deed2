// A mutex with a priority ceiling changes the thread's priority: code in libc that most programs cannot
// reach. Here the attribute is set by a call, and by a function found by name.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -DBY_NAME {{src}} -o {{out}}
// NEEDS: root
// WANT: sched_get_priority_max sched_setscheduler
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>

int main(void)
{
	pthread_mutex_t m;
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
#ifdef BY_NAME
	int (*set)(pthread_mutexattr_t *, int) = (int (*)(pthread_mutexattr_t *, int))dlsym(RTLD_DEFAULT, "pthread_mutexattr_setprotocol");
	set(&a, PTHREAD_PRIO_PROTECT);
#else
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT);
#endif
	pthread_mutexattr_setprioceiling(&a, 5);
	pthread_mutex_init(&m, &a);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return 0;
}
