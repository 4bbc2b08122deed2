// Threads that are made through a name that is looked up, through a pointer in a structure, and by C11's
// functions: many, that allocate, so that heaps shrink.
//
// BUILD: gcc -O2 -D{{FOUND|POINTER|C11}} {{src}} -o {{out}}
// BUILD: gcc -O2 -static -D{{POINTER|C11}} {{src}} -o {{out}}
// WANT: madvise
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#define THREADS 40
static pthread_barrier_t all;
static void *work(void *arg)
{
	char *p[64];
	for (int i = 0; i < 64; i++)
		memset(p[i] = malloc(100000), 1, 100000);
	pthread_barrier_wait(&all);
	for (int i = 0; i < 64; i++)
		free(p[i]);
	return 0;
}
static int work11(void *arg) { return !work(arg); }
struct table { long n; int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *); };
static struct table pointers = {7, pthread_create};

int main(int argc, char **argv)
{
	pthread_barrier_init(&all, 0, THREADS);
#ifdef C11
	thrd_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		thrd_create(&t[i], work11, 0);
	for (int i = 0; i < THREADS; i++)
		thrd_join(t[i], 0);
#else
	pthread_t t[THREADS];
	struct table *volatile p = &pointers;
#ifdef FOUND
	p->create = dlsym(RTLD_DEFAULT, "pthread_create");
#endif
	for (int i = 0; i < THREADS; i++)
		p->create(&t[i], 0, work, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
#endif
	return 0;
}
