// Arguments through wrappers with several callers, wrappers of wrappers, tail calls, a recursive one, and
// through one that passes the number as well: each number has the arguments of its own callers.
//
// BUILD: gcc -O{{1|2|3}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free|pie}} {{src}} -o {{out}}
// ARGS: getpriority.which=0x0,0x1,0x2 getpriority.who=0x0,0x5,0x7 lseek.whence=0x1,0x4 umask.mask=0x12
// ARGS: prctl.option=0x3,0x17 flock.cmd=0x8
// UNRESOLVED: none
#include "rt.h"

static OPAQUE long priority(int which, int who) { return SYS3(__NR_getpriority, which, who, 0); }
static OPAQUE long swapped(int who, int which) { return priority(which, who); }
static OPAQUE long more(long n, int a, int which) { return priority(which, 7) + n + a; }

static OPAQUE long any(long n, long a, long b, long c) { return SYS3(n, a, b, c); }
static OPAQUE long prctl(int option, long arg) { return any(__NR_prctl, option, arg, 0); }
static OPAQUE long deep(int depth, int cmd) { return depth ? deep(depth - 1, cmd) + 1 : SYS3(__NR_flock, -1, cmd, 0); }

int prog(int argc, char **argv)
{
	priority(0, 0);
	swapped(5, 1);
	more(argc, 1, 2);
	any(__NR_lseek, -1, 0, 1);
	any(__NR_lseek, -1, 0, 4);
	any(__NR_umask, 022 - 020 + 020 - 022 + 18, 77, 88);
	prctl(3, 0);
	prctl(23, 1);
	deep(3, 8);
	return 0;
}
