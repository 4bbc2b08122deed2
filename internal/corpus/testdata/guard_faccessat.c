// faccessat where it is not known whether the kernel has faccessat2: with constants, with a mode or flags that the run
// chooses, by a function that passes them on, through a pointer, and by a function that is looked up.
//
// BUILD: gcc -O2 -D{{CONSTANT|MODE|FLAGS|LINK|PASSED|DEEP|POINTER|FOUND}} {{src}} -o {{out}}
// WANT: faccessat2
// ELSEWHERE: faccessat getgroups getegid
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

__attribute__((noipa)) static int ask(int mode, int flags) { return faccessat(AT_FDCWD, "/", mode, flags); }
__attribute__((noipa)) static int d4(int flags, int mode) { return ask(mode, flags) + 1; }
__attribute__((noipa)) static int d3(int flags, int mode) { return d4(flags, mode) + 1; }
__attribute__((noipa)) static int d2(int flags, int mode) { return d3(flags, mode) + 1; }
__attribute__((noipa)) static int d1(int flags, int mode) { return d2(flags, mode) + 1; }

int main(int argc, char **argv)
{
#ifdef CONSTANT
	return faccessat(AT_FDCWD, "/", R_OK, AT_EACCESS);
#elif defined MODE
	return faccessat(AT_FDCWD, "/", argc << 2, AT_EACCESS);
#elif defined FLAGS
	return faccessat(AT_FDCWD, "/", R_OK, argc << 9);
#elif defined LINK
	return faccessat(AT_FDCWD, "/", R_OK | 8, AT_SYMLINK_NOFOLLOW) && 0;
#elif defined PASSED
	return ask(F_OK, AT_EACCESS) || ask(R_OK, 0) || ask(R_OK, AT_EACCESS);
#elif defined DEEP
	return d1(AT_EACCESS, R_OK) != 4;
#else
	int (*volatile f)(int, const char *, int, int);
#ifdef FOUND
	f = dlsym(RTLD_DEFAULT, "faccessat");
#else
	f = faccessat;
#endif
	return f(AT_FDCWD, "/", R_OK, AT_EACCESS);
#endif
}
