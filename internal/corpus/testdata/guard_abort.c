// A handler for a signal, in a program that calls abort: set by sigaction, through a pointer to it, by another function of the
// C library, by one that is looked up.
//
// BUILD: gcc -O2 -D{{CALL|POINTER|SIGNAL|FOUND}} {{src}} -o {{out}}
// WANT: rt_sigreturn
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>

static void handle(int s) {}

int main(int argc, char **argv)
{
	struct sigaction a = {.sa_handler = handle};
	if (argc > 5)
		abort();
#ifdef CALL
	sigaction(SIGUSR1, &a, NULL);
#elif defined SIGNAL
	signal(SIGUSR1, handle);
#else
	int (*volatile f)(int, const struct sigaction *, struct sigaction *);
#ifdef FOUND
	f = dlsym(RTLD_DEFAULT, "sigaction");
#else
	f = sigaction;
#endif
	f(SIGUSR1, &a, NULL);
#endif
	raise(SIGUSR1);
	return 0;
}
