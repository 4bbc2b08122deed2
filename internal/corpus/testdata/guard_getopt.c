// A flag that only libc writes, through a pointer in a table in data: struct option.
//
// BUILD: gcc -O2 {{-static|-pie|-no-pie}} {{src}} -o {{out}}
// BUILD: musl-gcc -O2 -static {{src}} -o {{out}}
// RUN: --verbose
// WANT: keyctl
#include <getopt.h>
#include <sys/syscall.h>

#define MARK(nr) __asm__ volatile("syscall" : : "a"((long)(nr)), "D"(-1L), "S"(-1L), "d"(0L) : "rcx", "r11", "memory")

static int verbose;
static const struct option options[] = {{"verbose", no_argument, &verbose, 1}, {0}};

int main(int argc, char **argv)
{
	while (getopt_long(argc, argv, "", options, 0) != -1)
		;
	if (verbose)
		MARK(SYS_keyctl);
	return 0;
}
