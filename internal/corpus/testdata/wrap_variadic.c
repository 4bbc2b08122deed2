// A variadic wrapper: at -O0 the number goes through the register save area,
// the arguments through va_arg.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo
// UNRESOLVED: none
#include "rt.h"
#include <stdarg.h>

static OPAQUE long call(long n, ...)
{
	va_list ap;
	va_start(ap, n);
	long a = va_arg(ap, long), b = va_arg(ap, long), c = va_arg(ap, long);
	va_end(ap);
	return SYS3(n, a, b, c);
}

int prog(int argc, char **argv)
{
	call(__NR_getppid, 0, 0, 0);
	call(__NR_sysinfo, 0, 0, 0);
	return 0;
}
