// Threads that each make three calls, some of which fork, and executions from threads.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *work(void *arg) {
	for (int i = 0; i < 3; i++)
		syscall(SYS_getppid);
	if ((long)arg % 100 == 0) {
		int pid = fork();
		if (pid == 0) {
			syscall(SYS_getpgrp);
			_exit(0);
		}
		waitpid(pid, 0, 0);
	}
	return 0;
}

static void *become(void *arg) {
	char *argv[] = {arg, "exec", 0};
	execv("/proc/self/exe", argv);
	return 0;
}

int main(int argc, char **argv) {
	enum { max = 3000 };
	static pthread_t t[max];
	pthread_attr_t a;
	if (argc > 1 && !strcmp(argv[1], "exec")) {
		syscall(SYS_getpgrp);
		return 9;
	}
	int n = atoi(argv[1]);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (long i = 0; i < n; i++)
		if (pthread_create(&t[i], &a, work, (void *)i))
			return 1;
	for (int i = 0; i < n; i++)
		pthread_join(t[i], 0);
	pthread_create(&t[0], &a, become, argv[0]); // all others end
	pause();
	return 1;
}
