// Values that are joined, computed, loaded from a table, from variables that are written, or too many; and
// arguments that are cut: to a byte, to 16 bits (a mode), to 32.
//
// BUILD: gcc -O{{0|1|2}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O{{1|2}} {{free}} {{src}} -o {{out}}
// ARGS: fchmod.mode=0x1ff fallocate.mode=0x1 getpriority.which=unknown ioprio_get.which=unknown
// ARGS: umask.mask=unknown flock.cmd=unknown
#include "rt.h"

static volatile int written = 3;
static volatile int table[] = {1, 2, 9};
static int *where;

static OPAQUE long mode(unsigned short m) { return SYS3(__NR_fchmod, -1, m, 0); }
static OPAQUE long allocate(long m) { return SYS3(__NR_fallocate, -1, m, 0); }
static OPAQUE long from_memory(int *p)
{
	*p = 7; // after the caller's store
	return SYS3(__NR_ioprio_get, *(volatile int *)p, 0, 0);
}

#define FOUR(m) m(0) m(1) m(2) m(3)
#define CALL(i) SYS3(__NR_flock, -1, k * 16 + i, 0);

int prog(int argc, char **argv)
{
	mode(0777 | 0x10000);
	allocate(0x500000001);
	for (int i = 0; i < argc + 2; i++)
		SYS3(__NR_getpriority, table[i], 0, 0);
	written = argc + 4;
	SYS3(__NR_umask, written, 0, 0);
	int x = 1;
	where = &x;
	from_memory(where);
	for (int k = 0; k < 10; k++) {
		FOUR(CALL)
	}
	return 0;
}
