// A ceiling is set in attributes that have no protocol: what priorities there are is asked for that.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// WANT: sched_get_priority_max sched_get_priority_min
#include <pthread.h>

int main(void)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	return pthread_mutexattr_setprioceiling(&a, 5);
}
