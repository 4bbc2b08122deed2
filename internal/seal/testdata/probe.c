// What a test asks it to do, by its first argument.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int before_main;
__attribute__((constructor)) static void constructor(void) { before_main = 1; }
static void at_exit(void) { puts("exit handler"); fflush(stdout); }

// call makes a call and says what came of it.
static int call(long nr, long a, long b, long c) {
	long r = syscall(nr, a, b, c);
	if (r == -1)
		printf("errno %d\n", errno);
	else
		printf("returned\n");
	fflush(stdout);
	return 0;
}

static long arg[4];
static void *thread(void *unused) { call(arg[0], arg[1], arg[2], arg[3]); return unused; }

static void trapped(int sig, siginfo_t *info, void *context) {
	(void)sig, (void)context;
	char text[64];
	int n = snprintf(text, sizeof text, "trapped %d\n", info->si_syscall);
	if (write(1, text, n) != n) _exit(9);
	_exit(7);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "hello";
	for (int i = 0; i < 4; i++)
		arg[i] = argc > 2 + i ? strtol(argv[2 + i], 0, 0) : 0;
	if (!strcmp(what, "hello")) {
		atexit(at_exit);
		char *heap = malloc(300000); // above M_MMAP_THRESHOLD and not
		char *small = malloc(3000);
		memset(heap, 1, 300000), memset(small, 1, 3000);
		free(heap), free(small);
		char *end = (char *)syscall(SYS_brk, 0); // musl has no sbrk
		if ((char *)syscall(SYS_brk, end + (1 << 20)) != end + (1 << 20))
			return 8;
		memset(end, 7, 1 << 20);
		printf("hello %d %d %s %s\n", argc, before_main, getenv("MARK") ? getenv("MARK") : "-", argc > 2 ? argv[2] : "-");
		return 3;
	}
	if (!strcmp(what, "call"))
		return call(arg[0], arg[1], arg[2], arg[3]);
	if (!strcmp(what, "trap")) {
		struct sigaction sa = {0};
		sa.sa_sigaction = trapped;
		sa.sa_flags = SA_SIGINFO;
		sigaction(SIGSYS, &sa, 0);
		return call(arg[0], arg[1], arg[2], arg[3]);
	}
	if (!strcmp(what, "thread")) {
		pthread_t t;
		pthread_create(&t, 0, thread, 0);
		pthread_join(t, 0);
		return 0;
	}
	if (!strcmp(what, "int80")) {
		long r;
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(arg[0]), "b"(arg[1]) : "memory");
		printf(r < 0 && r > -4096 ? "errno %ld\n" : "returned\n", -r);
		return 0;
	}
	if (!strcmp(what, "exec")) { // argv[2...]
		execve(argv[2], argv + 2, environ);
		printf("exec: errno %d\n", errno);
		return 1;
	}
	if (!strcmp(what, "again")) { // itself, so many times
		if (arg[0] == 0) {
			int filters = -1;
			char line[200];
			FILE *f = fopen("/proc/self/status", "r");
			while (f && fgets(line, sizeof line, f))
				sscanf(line, "Seccomp_filters: %d", &filters);
			printf("filters %d no_new_privs %d\n", filters, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
			return 0;
		}
		char n[20];
		snprintf(n, sizeof n, "%ld", arg[0] - 1);
		execl("/proc/self/exe", argv[0], "again", n, (char *)0);
		return 1;
	}
	if (!strcmp(what, "fork")) {
		if (fork() == 0)
			return call(arg[0], arg[1], arg[2], arg[3]);
		int status;
		wait(&status);
		printf("child %d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
		return 0;
	}
	return 2;
}
