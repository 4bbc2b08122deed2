// Values that are made of flags, masks and small numbers, in the function that makes the call and in what
// calls it: each is one of few.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// BUILD: clang -O{{1|2}} {{free}} {{src}} -o {{out}}
// ARGS: socketpair.type=0x1,0x801,0x80001,0x80801 lseek.whence=0x0,0x1 flock.cmd=0x5,0x7,0x8 fallocate.mode=0x10,0x11,0x12
// ARGS: madvise.behavior=0x3,0x4 umask.mask=0xfd,0xff
#include "rt.h"

volatile int given = 0x80800;

static OPAQUE long pair(int flags) { return SYS3(__NR_socketpair, 99, 1 | flags & 0x80800, 0); }
static OPAQUE long seek(int flag) { return SYS3(__NR_lseek, -1, 0, flag != 3); }
static OPAQUE long lock(int with) { return SYS3(__NR_flock, -1, with | 5, 0); }
static OPAQUE long allocate(unsigned which)
{
	if (which > 2)
		return 0;
	return SYS3(__NR_fallocate, -1, 16 + which, 0);
}
static OPAQUE long advise(long what) { return SYS3(__NR_madvise, 0, 0, what + 3); }
static OPAQUE long mask(unsigned m) { return SYS3(__NR_umask, m ^ 0xff, 0, 0); }

int prog(int argc, char **argv)
{
	for (int i = 0; i < 4; i++)
		pair(given * (i == 3) | (i & 1) << 11 | (i >> 1) << 19);
	seek(given);
	seek(3);
	lock(0);
	lock(2);
	SYS3(__NR_flock, -1, 8, 0);
	for (int i = 0; i < 40; i++)
		allocate(HIDE(i));
	advise(0);
	advise(1);
	mask(0);
	mask(2);
	return 0;
}
