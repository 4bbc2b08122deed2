/* What every freestanding input shares: system calls as inline assembly, and a
   _start that calls prog(argc, argv) and exits with its result. It refers to no
   memory but the initial stack, so that it adds exit_group and nothing else. */
#ifndef RT_H
#define RT_H
#include <asm/unistd.h>
#include <stddef.h>

/* A system call with zero arguments, expanded in place: one site, one number. */
#define MARK(name) ((void)SYS3(__NR_##name, 0, 0, 0))
#define SYS3(nr, a, b, c)                                                    \
	({                                                                   \
		long r_;                                                     \
		register long r10_ __asm__("r10") = 0;                       \
		__asm__ volatile("syscall"                                   \
				 : "=a"(r_)                                  \
				 : "0"((long)(nr)), "D"((long)(a)),          \
				   "S"((long)(b)), "d"((long)(c)), "r"(r10_) \
				 : "rcx", "r11", "memory");                  \
		r_;                                                          \
	})

/* noipa: no inlining, cloning, or knowledge of the callee's registers. */
#ifdef __clang__
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif
#define NOINLINE __attribute__((noinline))
#define KEEP __attribute__((used))
#define ALIGN(n) __attribute__((aligned(n)))

/* HIDE(x): x, but the compiler no longer knows its value. */
#define HIDE(x)                                   \
	({                                        \
		__typeof__(x) h_ = (x);           \
		__asm__ volatile("" : "+r"(h_)); \
		h_;                               \
	})

#ifndef RT_NOSTART
#ifdef __cplusplus
extern "C"
#endif
int prog(int argc, char **argv);
__asm__(".text\n"
	".globl _start\n"
	".type _start,@function\n"
	"_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	xor %ebp,%ebp\n"
	"	mov (%rsp),%rdi\n"
	"	lea 8(%rsp),%rsi\n"
	"	and $-16,%rsp\n"
	"	call prog\n"
	"	mov %eax,%edi\n"
	"	mov $231,%eax\n" /* exit_group */
	"	syscall\n"
	"	hlt\n"
	"	.cfi_endproc\n"
	"	.size _start,.-_start\n");

/* The compiler may call these. */
static inline void *rt_copy(void *d, const void *s, unsigned long n)
{
	void *r = d;
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return r;
}
#endif
#endif
