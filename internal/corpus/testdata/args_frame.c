// Words of the frame whose addresses are in other words of the frame: what they hold is known until one
// of those goes elsewhere: in a register, on the stack, in a copy of a structure, or to the kernel.
//
// BUILD: gcc -O{{0|1|2}} {{free|pie}} {{src}} -o {{out}}
// BUILD: clang -O{{0|2}} {{free}} {{src}} -o {{out}}
// UNRESOLVED: none
// NOT: reboot
// WANT: getpriority ioprio_get flock fallocate umask lseek
#include "rt.h"

struct view {
	int *at;
	long more[3];
};

static OPAQUE void by_register(int *p) { *p = 1; }
static OPAQUE void by_structure(struct view v) { *v.at = 1; }
static OPAQUE void by_stack(long a, long b, long c, long d, long e, long f, int *p) { *p = 1; }
static OPAQUE void behind(struct view *v) { *v->at = 1; }
static OPAQUE long nothing(long a) { return a + 1; }
static struct view copy;
static OPAQUE void by_copy(void) { *copy.at = 1; }
static OPAQUE int *returned(int *p) { return p; }

int prog(int argc, char **argv)
{
	int a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
	struct view v = {&a, {1, 2, 3}};
	nothing(argc);
	SYS3(__NR_getpriority, a, 0, 0);
	by_structure(v);
	SYS3(__NR_getpriority, a, 0, 0);
	v.at = &b;
	behind(&v);
	SYS3(__NR_ioprio_get, b, 0, 0);
	by_stack(1, 2, 3, 4, 5, 6, &c);
	SYS3(__NR_flock, -1, c, 0);
	v.at = &d;
	copy = v;
	by_copy();
	SYS3(__NR_fallocate, -1, d, 0);
	int *p = argc ? &e : &f;
	by_register(p);
	SYS3(__NR_umask, e, 0, 0);
	*returned(&f) = 1;
	SYS3(__NR_lseek, -1, 0, f);
	return 0;
}
