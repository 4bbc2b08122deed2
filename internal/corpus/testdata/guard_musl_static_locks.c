// Two threads, of the library or not, write to a stream whose lock one of them has.
//
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// WANT: futex
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *f(void *p)
{
	putc('x', stdout);
	return p;
}

int main(void)
{
	pthread_t t;
	flockfile(stdout);
	if (pthread_create(&t, 0, f, 0))
		return 1;
	usleep(20000);
	funlockfile(stdout);
	return pthread_join(t, 0);
}
