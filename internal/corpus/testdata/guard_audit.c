// Records for audit of users with a host: libaudit looks its address up. The host is a constant, a choice of the
// run, an argument of a function of the program; the call is made through a pointer, and by a function that is looked up.
//
// BUILD: gcc -O2 -D{{CONSTANT|CHOICE|PASSED|POINTER|FOUND}} {{src}} -Wl,--no-as-needed /lib/x86_64-linux-gnu/libaudit.so.1 -o {{out}}
// WANT: getsockname
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>

typedef int log_message(int, int, const char *, const char *, const char *, unsigned, const char *, const char *, const char *, int);
log_message audit_log_acct_message;

__attribute__((noipa)) static int record(int fd, const char *host)
{
	return audit_log_acct_message(fd, 1100, NULL, "test", "root", -1, host, NULL, NULL, 1);
}

int main(int argc, char **argv)
{
	int fd = open("/dev/null", O_RDWR);
#ifdef CONSTANT
	audit_log_acct_message(fd, 1100, NULL, "test", "root", -1, "localhost", NULL, NULL, 1);
#elif defined CHOICE
	audit_log_acct_message(fd, 1100, NULL, "test", "root", -1, argc > 1 ? NULL : "localhost", NULL, NULL, 1);
#elif defined PASSED
	record(fd, NULL);
	record(fd, "localhost");
#else
	log_message *volatile f;
#ifdef FOUND
	f = (log_message *)dlsym(RTLD_DEFAULT, "audit_log_acct_message");
#else
	f = audit_log_acct_message;
#endif
	f(fd, 1100, NULL, "test", "root", -1, "localhost", NULL, NULL, 1);
#endif
	return 0;
}
