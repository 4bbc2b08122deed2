// The same with the wrapper of libc, syscall(), reached through a pointer with
// a number that is known only at run time; and reached directly with a constant.
//
// BUILD: gcc -O2 {{-static|-pie}} {{src}} -o {{out}}
// BUILD: gcc -O2 -fno-plt {{src}} -o {{out}}
// BUILD: musl-gcc -O2 {{-static|-no-pie}} {{src}} -o {{out}}
// COVER: keyctl
// WANT: request_key
// UNRESOLVED: number
// TRAP: 6
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

long (*volatile call)(long, ...) = syscall;

int main(int argc, char **argv)
{
	syscall(SYS_request_key, 0, 0, 0, 0);
	call(SYS_keyctl - 1 + argc, -1);
	return 0;
}
