// A function of the C library that is called directly, and under a name that comes from outside.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// RUN: flock
// UNLESS: module-arguments
// ARGS: flock.cmd=0x8
// NOTE: dlsym
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/file.h>

int main(int argc, char **argv)
{
	flock(-1, LOCK_UN);
	int (*f)(int, int) = dlsym(RTLD_DEFAULT, argv[1]);
	return f ? f(-1, LOCK_SH | LOCK_NB) != -1 : 1;
}
