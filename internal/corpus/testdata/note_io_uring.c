// With io_uring the kernel does for the program what it would have to call for: reported apart.
//
// BUILD: gcc -O2 {{free|pie}} {{src}} -o {{out}}
// WANT: io_uring_setup io_uring_enter
// NOTE: io_uring
// UNRESOLVED: none
#include "rt.h"

int prog(int argc, char **argv)
{
	MARK(io_uring_setup);
	SYS3(__NR_io_uring_enter, -1, 0, 0);
	return 0;
}
