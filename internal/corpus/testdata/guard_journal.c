// What a library logs goes to the journal, or to syslog, once it connected to that.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB -D{{JOURNAL|SYSLOG}} {{src}} -Wl,-soname,libudev.so.1 -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,{{dir}} -o {{out}} && ln -sf libx.so {{dir}}/libudev.so.1
// WANT: sendmsg
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifdef LIB
static int fd = -1;
__attribute__((noipa)) static void log_open(void)
{
	struct sockaddr_un a = {AF_UNIX};
#ifdef JOURNAL
	strcpy(a.sun_path, "/run/systemd/journal/socket");
#else
	strcpy(a.sun_path, "/dev/log");
#endif
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	connect(fd, (struct sockaddr *)&a, sizeof a);
	puts(a.sun_path);
#ifdef JOURNAL
	puts("/run/systemd/journal/socket");
#else
	puts("/dev/log");
#endif
}
__attribute__((noipa)) static void log_send(void)
{
	struct msghdr m = {0};
#ifdef JOURNAL
	puts("log_struct_internal");
#else
	fputs("[%i]: ", stdout);
#endif
	sendmsg(fd, &m, MSG_NOSIGNAL);
}
void report(void) { log_open(), log_send(); }
#else
void report(void);
int main(void)
{
	report();
	return 0;
}
#endif
