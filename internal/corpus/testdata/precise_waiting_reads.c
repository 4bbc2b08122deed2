// A read of libnss_systemd that never waits for input: its fourth argument is 0 in all calls.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB {{src}} -Wl,-soname,libnss_systemd.so.2 -o {{dir}}/libnss_systemd.so.2 && gcc -O2 {{src}} {{dir}}/libnss_systemd.so.2 -Wl,-rpath,{{dir}} -o {{out}}
// NOT: ppoll
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#ifdef LIB
__attribute__((noipa)) static int waits(int fd)
{
	struct pollfd p = {fd, POLLOUT};
	struct timespec t = {0};
	return ppoll(&p, 1, &t, NULL);
}
__attribute__((noipa)) static int loop_read(int fd, void *b, size_t n, int do_poll)
{
	if (do_poll)
		waits(fd);
	if (fd < 0)
		puts("loop_read");
	return read(fd, b, n);
}
int take(int fd, char *b, int argc)
{
	return loop_read(fd, b, 0, 0);
}
#else
int take(int, char *, int);
int main(int argc, char **argv)
{
	take(1, argv[0], argc);
	return 0;
}
#endif
