// Ordinary use of libc, for the trace to be a subset of the answer: files, directories, time, users,
// processes, threads, sockets, locale, memory.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 {{-static|-no-pie}} {{src}} -o {{out}}
// WANT: socket getdents64 wait4
// UNRESOLVED: none
// PITFALL: 1 2 4
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *thread(void *p) { return malloc(100000); }
static void handler(int sig) {}

int main(void)
{
	setlocale(LC_ALL, "");
	FILE *f = tmpfile();
	fprintf(f, "%d %s %f\n", 1, "x", 1.5);
	fflush(f);
	rewind(f);
	char line[100];
	fgets(line, sizeof line, f);
	fclose(f);
	DIR *d = opendir("/");
	while (readdir(d))
		;
	closedir(d);
	time_t now = time(0);
	strftime(line, sizeof line, "%c", localtime(&now));
	struct timespec ts = {0, 1000};
	nanosleep(&ts, 0);
	clock_getres(CLOCK_REALTIME, &ts);
	setuid(getuid()), setgid(getgid());
	pthread_t t;
	pthread_create(&t, 0, thread, 0);
	pthread_join(t, 0);
	signal(SIGALRM, handler);
	alarm(0);
	kill(getpid(), 0);
	int pid = fork();
	if (!pid)
		_exit(0);
	waitpid(pid, 0, 0);
	char *args[] = {"none", 0};
	if (!posix_spawn(&pid, "/gofind-none", 0, 0, args, args))
		waitpid(pid, 0, 0);
	int s = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	send(pair[0], "x", 1, 0);
	recv(pair[1], line, 1, 0);
	shutdown(pair[0], SHUT_RDWR);
	close(s);
	struct stat st;
	stat("/", &st);
	access("/", R_OK);
	getcwd(line, sizeof line);
	void *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, 4096, PROT_NONE);
	munmap(p, 4096);
	free(realloc(malloc(1 << 20), 1 << 22));
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	struct timeval tv = {0, 1};
	select(0, 0, 0, 0, &tv);
	sched_yield();
	system(":");
	return 0;
}
