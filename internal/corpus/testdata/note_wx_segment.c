// A segment that is writable and executable: the program may change its code.
//
// BUILD: gcc -O2 {{free}} -Wl,-N {{src}} -o {{out}}
// WANT: getppid
// NOTE: wx-segment
// TRAP: 7
#include "rt.h"

int prog(int argc, char **argv)
{
	MARK(getppid);
	return 0;
}
