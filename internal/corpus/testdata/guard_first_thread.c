// The first thread ends and the process lives on in another: by pthread_exit, by cancelling itself, by a name.
// (The other thread's own end is the same call, so the answer may name it for that one alone.)
//
// BUILD: gcc -O2 -pthread {{-DEXIT|-DCANCEL|-DBY_NAME}} {{src}} -o {{out}}
// BUILD: gcc -O2 -pthread -static {{-DEXIT|-DCANCEL}} {{src}} -o {{out}}
// WANT: exit
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

static void *later(void *p)
{
	usleep(50000);
	return p;
}

int main(void)
{
	pthread_t t;
	if (pthread_create(&t, 0, later, 0))
		return 1;
#ifdef EXIT
	pthread_exit(0);
#elif defined CANCEL
	pthread_cancel(pthread_self());
	pthread_testcancel();
#else
	((void (*)(void *))dlsym(RTLD_DEFAULT, "pthread_exit"))(0);
#endif
	return 1;
}
