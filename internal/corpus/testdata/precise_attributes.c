// system and a thread without attributes change no session, group, identity or scheduling;
// mkstemp makes no directory.
//
// BUILD: gcc -O2 -pthread {{src}} -o {{out}}
// WANT: clone3 execve
// NOT: setsid setpgid fchdir setresuid setresgid close_range sched_setscheduler sched_setaffinity sched_setparam mkdir
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *nothing(void *p) { return p; }

int main(void)
{
	pthread_t t;
	char name[] = "/tmp/preciseXXXXXX";
	if (mkstemp(name) < 0 || unlink(name))
		return 1;
	return system("exit 0") || pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}
