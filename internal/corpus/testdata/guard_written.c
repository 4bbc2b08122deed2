// Variables that look as if they were never written, in front of a call: each is written in a way
// that does not name it. By a pointer in a table, through an enclosing structure, by the
// kernel, as part of a vector, by rep stos, by a push, by one of its bytes, by a locked operation.
//
// BUILD: gcc -O{{1|2|3}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// BUILD: clang -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid sysinfo getpgrp times getsid getpriority umask getuid
// UNRESOLVED: none
#include "rt.h"
#include <emmintrin.h>

static volatile int by_table, by_kernel, by_vector[8], by_stos[8], by_byte;
static struct { int first; volatile int second; } outer;
static volatile long by_push[8], by_atomic;
struct { long n; volatile int *flag; } options[] = {{7, &by_table}};

static OPAQUE void set_options(long n)
{
	while (n--)
		*options[n].flag = options[n].n;
}
static OPAQUE void set_second(int *first) { first[1] = 1; }

int prog(int argc, char **argv)
{
	set_options(argc);
	set_second(&outer.first);
	struct { void *base; long n; } vector = {(void *)&by_kernel, 4};
	int fd[2];
	SYS3(__NR_pipe, fd, 0, 0);
	SYS3(__NR_write, fd[1], "text", 4);
	SYS3(__NR_readv, fd[0], &vector, 1);
	_mm_storeu_si128((void *)&by_vector[2], _mm_set1_epi32(argc));
	void *p = (void *)by_stos;
	long n = 8;
	__asm__ volatile("rep stosl" : "+D"(p), "+c"(n) : "a"(1) : "memory");
	((volatile char *)&by_byte)[1] = 1;
	__asm__ volatile("mov %%rsp,%%rcx\n	lea %0,%%rsp\n	push %%rcx\n	mov %%rcx,%%rsp\n" : : "m"(by_push[4]) : "rcx", "memory");
	__atomic_fetch_or(&by_atomic, 1, __ATOMIC_SEQ_CST);

	if (by_table)
		MARK(getppid);
	if (outer.second)
		MARK(sysinfo);
	if (by_kernel)
		MARK(getpgrp);
	if (by_vector[4])
		MARK(times);
	if (by_stos[7])
		MARK(getsid);
	if (by_byte)
		MARK(getpriority);
	if (by_push[3])
		MARK(umask);
	if (by_atomic)
		MARK(getuid);
	return 0;
}
