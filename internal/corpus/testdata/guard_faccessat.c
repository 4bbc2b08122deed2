// faccessat where it is not known whether the kernel has faccessat2.
//
// BUILD: gcc -O2 {{src}} -o {{out}}
// WANT: faccessat2
// ELSEWHERE: faccessat getgroups getegid geteuid
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

int main(void) { return faccessat(AT_FDCWD, "/", R_OK, AT_EACCESS); }
