// A mutex that another program made, in memory that it shares with this one: its kind and its ceiling are what that
// program set, and nothing here calls what sets them. The file that is mapped stands for that program.
//
// BUILD: musl-gcc -O2 {{|-static}} {{src}} -o {{out}}
// WANT: set_robust_list
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	char name[] = "/tmp/sharedXXXXXX";
	int fd = mkstemp(name), made[10] = {128 | 2}; // _m_type: shared, PTHREAD_MUTEX_ERRORCHECK
	unlink(name);
	write(fd, made, sizeof made);
	pthread_mutex_t *m = mmap(0, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return pthread_mutex_lock(m) || pthread_mutex_unlock(m);
}
