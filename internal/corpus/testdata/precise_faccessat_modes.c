// Where it is not known whether the kernel has faccessat2: who the process is does not matter for whether a file is
// there, as realpath asks, nor without flags. A function that passes both on never gets a mode and flags at once.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// WANT: faccessat2
// NOT: getgroups getegid geteuid
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noipa)) static int ask(int mode, int flags) { return faccessat(AT_FDCWD, "/", mode, flags); }

__attribute__((noipa)) static int here(const char *file, int mode) { return faccessat(AT_FDCWD, file, mode, 0); }

int main(int argc, char **argv)
{
	char *path = realpath("/..", NULL);
	return !path || ask(F_OK, AT_EACCESS) || ask(R_OK, 0) || here("/", argc > 1 ? W_OK : X_OK);
}
