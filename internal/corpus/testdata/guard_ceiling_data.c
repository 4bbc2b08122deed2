// The same without any call that sets the attribute: the mutex is initialised in place, as a lock in shared
// memory or a file would be.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// NEEDS: root
// WANT: sched_get_priority_max
// UNLESS: priority-ceilings
#include <pthread.h>

static pthread_mutex_t m = {{.__kind = 0x40, .__lock = 5 << 19}}; // PTHREAD_MUTEX_PP_NORMAL_NP, ceiling 5

int main(void)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return 0;
}
