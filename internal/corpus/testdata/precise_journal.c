// What a library logs where nothing connects to the journal or to syslog.
//
// BUILD: gcc -O2 -shared -fPIC -DLIB -D{{STRUCT|MESSAGE|SYSLOG}} {{src}} -Wl,-soname,libudev.so.1 -o {{dir}}/libx.so && gcc -O2 {{src}} {{dir}}/libx.so -Wl,-rpath,{{dir}} -o {{out}} && ln -sf libx.so {{dir}}/libudev.so.1
// NOT: sendmsg
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/socket.h>

#ifdef LIB
static int fd = -1;
__attribute__((noipa)) static void log_send(void)
{
	struct msghdr m = {0};
#ifdef STRUCT
	puts("log_struct_internal");
#elif defined MESSAGE
	fputs("MESSAGE=", stdout);
#else
	fputs("[%i]: ", stdout);
#endif
	if (fd >= 0)
		sendmsg(fd, &m, MSG_NOSIGNAL);
}
void close_it(void) { fd = -1; }
void report(void) { log_send(); }
#else
void report(void);
int main(void)
{
	report();
	return 0;
}
#endif
