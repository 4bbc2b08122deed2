// faccessat on a kernel that has faccessat2: the C library does not do its work.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// HOST: system
// WANT: faccessat2
// NOT: faccessat getgroups getegid
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

int main(void) { return faccessat(AT_FDCWD, "/", R_OK, AT_EACCESS); }
