// A library whose constructor starts a thread before the program's entry, with a filter of its own if
// asked to. The thread calls sync when told.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int go;
static volatile int ready;

static void *run(void *unused) {
	if (getenv("EARLY_FILTER")) {
		struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		struct sock_fprog prog = {1, &allow};
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
	}
	ready = 1;
	while (!go)
		usleep(1000);
	if (syscall(SYS_sync) < 0)
		printf("thread: errno %d\n", errno);
	else
		puts("thread: returned");
	fflush(stdout);
	_exit(0);
	return unused;
}

__attribute__((constructor)) static void start(void) {
	pthread_t t;
	pthread_create(&t, 0, run, 0);
	while (!ready)
		usleep(1000);
}

void early_go(void) { go = 1; }
