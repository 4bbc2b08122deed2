// Arguments of 64 bits that pass through parameters of 32: widened with the sign, and without. And those of 32 bits
// with something above.
//
// BUILD: gcc -O{{1|2}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{free}} {{src}} -o {{out}}
// ARGS: prctl.option=0x3,0x17,0x18 lseek.whence=0x2 unshare.unshare_flags=0x0
// UNRESOLVED: none
#include "rt.h"

static OPAQUE long with_sign(int x) { return SYS3(__NR_prctl, 23, (long)x, 0); }
static OPAQUE long without(unsigned x) { return SYS3(__NR_prctl, 24, (unsigned long)x, 0); }
static OPAQUE long whole(long x) { return SYS3(__NR_prctl, 3, x, 0); }
static OPAQUE long seek(long x) { return SYS3(__NR_lseek, -1, 0, x); }
static OPAQUE long share(long x) { return SYS3(__NR_unshare, x, 0, 0); }

int prog(int argc, char **argv)
{
	with_sign(-1);
	without(-1);
	whole(-2);
	whole(0x123456789abcdef0);
	seek(0x7700000002);
	share(0);
	return 0;
}
