// A mutex that processes may share, on the list of those that a thread has.
//
// BUILD: musl-gcc -O2 {{|-static}} {{src}} -o {{out}}
// WANT: set_robust_list
#include <pthread.h>
int main(void)
{
	pthread_mutex_t m;
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&m, &a);
	return pthread_mutex_lock(&m) || pthread_mutex_unlock(&m);
}
