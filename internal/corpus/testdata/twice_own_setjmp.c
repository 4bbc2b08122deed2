// A home-made setjmp without a known name: a function that stores its own return
// address, and one that loads it. The second return has another value and finds other stack slots.
//
// BUILD: gcc -O{{0|1|2}} {{free}} {{src}} -o {{out}}
// BUILD: gcc -O2 {{pie}} {{src}} -o {{out}}
// WANT: getppid
// COVER: sysinfo
// TRAP: 4
#include "rt.h"

__attribute__((returns_twice)) long mark_point(long *buf);
__attribute__((noreturn)) void go_back(long *buf);
__asm__(".text\n"
	".type mark_point,@function\n"
	"mark_point:\n"
	"	mov (%rsp),%rax\n"
	"	mov %rax,(%rdi)\n"
	"	lea 8(%rsp),%rax\n"
	"	mov %rax,8(%rdi)\n"
	"	mov %rbx,16(%rdi)\n"
	"	mov %rbp,24(%rdi)\n"
	"	mov %r12,32(%rdi)\n"
	"	mov %r13,40(%rdi)\n"
	"	xor %eax,%eax\n"
	"	ret\n"
	".size mark_point,.-mark_point\n"
	".type go_back,@function\n"
	"go_back:\n"
	"	mov $1,%eax\n"
	"	mov 8(%rdi),%rsp\n"
	"	mov 16(%rdi),%rbx\n"
	"	mov 24(%rdi),%rbp\n"
	"	mov 32(%rdi),%r12\n"
	"	mov 40(%rdi),%r13\n"
	"	jmp *(%rdi)\n"
	".size go_back,.-go_back\n");

static long buf[8];

int prog(int argc, char **argv)
{
	volatile long nr = __NR_getpid;
	if (mark_point(buf) == 0) {
		nr = __NR_sysinfo;
		go_back(buf);
	} else {
		MARK(getppid);
	}
	SYS3(nr, 0, 0, 0);
	return 0;
}
