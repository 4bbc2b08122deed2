// As in systemd 245: the sockets that a library logs to are not texts by themselves, but parts of constant addresses.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB -D{{JOURNAL|SYSLOG}} {{src}} -Wl,-soname,libudev.so.1 -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,{{dir}} -o {{out}} && ln -sf libx.so {{dir}}/libudev.so.1
// WANT: sendmsg
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifdef LIB
#ifdef JOURNAL
#define PATH "/run/systemd/journal/socket"
#define TEXT "log_struct_internal"
#else
#define PATH "/dev/log"
#define TEXT "[%i]: "
#endif
static int fd = -1;
__attribute__((noipa)) static void log_open(void)
{
	static const struct sockaddr_un a = {AF_UNIX, PATH};
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	connect(fd, (struct sockaddr *)&a, sizeof a);
}
__attribute__((noipa)) static void log_send(void)
{
	struct msghdr m = {0};
	fputs(TEXT, stdout);
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
