// A restartable sequence: when it is interrupted, the kernel continues at an
// address that stands in a descriptor in data, in the middle of the function.
//
// BUILD: gcc -O{{1|2}} {{free}} {{src}} -o {{out}}
// WANT: getppid
// TRAP: 8
#include "rt.h"
#include <linux/rseq.h>
#include <asm/signal.h>

static struct rseq area ALIGN(32);
static void handler(int sig) {}
void restore(void);
__asm__(".text\n.type restore,@function\nrestore: mov $15,%eax\n syscall\n.size restore,.-restore\n");

int prog(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTORER, .sa_restorer = restore};
	register long size __asm__("r10") = 8, signature __asm__("r10");
	long r, timer[4] = {0, 0, 0, 20000};
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)__NR_rt_sigaction), "D"(SIGALRM), "S"(&sa), "d"(0L), "r"(size) : "rcx", "r11", "memory");
	signature = 0x53053053;
	__asm__ volatile("syscall" : "=a"(r) : "0"((long)__NR_rseq), "D"(&area), "S"(32L), "d"(0L), "r"(signature) : "rcx", "r11", "memory");
	if (r)
		return 1;
	SYS3(__NR_setitimer, 0, timer, 0);
	__asm__ volatile(".pushsection .data.rel,\"aw\"\n"
			 "	.balign 32\n"
			 "descriptor:\n"
			 "	.long 0,0\n"
			 "	.quad 1f,2f-1f,3f\n"
			 "	.popsection\n"
			 "	lea descriptor(%%rip),%%rax\n"
			 "	mov %%rax,%0\n"
			 "1:	pause\n"
			 "	jmp 1b\n"
			 "2:	ud2\n"
			 "	.long 0x53053053\n"
			 "3:	mov $110,%%eax\n"
			 "	xor %%edi,%%edi\n"
			 "	syscall\n"
			 : "=m"(area.rseq_cs)
			 :
			 : "rax", "rcx", "rdi", "r11", "memory");
	return 0;
}
