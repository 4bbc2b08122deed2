// Records for audit of users without a host: libaudit looks up no addresses. The null pointer is an argument of a
// function of the program, too.
//
// BUILD: gcc -O2 {{src}} /lib/x86_64-linux-gnu/libaudit.so.1 -o {{out}}
// WANT: sendto
// NOT: getsockname sendmmsg
#include <fcntl.h>
#include <stddef.h>

int audit_log_acct_message(int, int, const char *, const char *, const char *, unsigned, const char *, const char *, const char *, int);
int audit_log_user_message(int, int, const char *, const char *, const char *, const char *, int);

__attribute__((noipa)) static int record(int fd, const char *host)
{
	return audit_log_acct_message(fd, 1100, NULL, "test", "root", -1, host, NULL, NULL, 1);
}

int main(void)
{
	int fd = open("/dev/null", O_RDWR);
	audit_log_user_message(fd, 1100, "test", NULL, NULL, NULL, 1);
	record(fd, NULL);
	return 0;
}
