// Variadic functions: a command that is a named parameter, what follows it only sometimes.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free}} {{src}} -o {{out}}
// ARGS: fcntl.cmd=0x1,0x2 ioctl.cmd=0x5401,0x541b
// UNRESOLVED: none
#include "rt.h"
#include <stdarg.h>

static OPAQUE long control(int fd, int cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	long a = va_arg(ap, long);
	va_end(ap);
	return SYS3(__NR_fcntl, fd, cmd, a);
}

static OPAQUE long device(int fd, unsigned long cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	long a = va_arg(ap, long);
	va_end(ap);
	return SYS3(__NR_ioctl, fd, cmd, a);
}

int prog(int argc, char **argv)
{
	control(-1, 1);
	control(-1, 2, 1L);
	device(-1, 0x5401, 0L);
	device(-1, 0x541b, 0L);
	return 0;
}
