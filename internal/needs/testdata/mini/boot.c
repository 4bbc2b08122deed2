#include "uk.h"
LIB(libukboot)
LIB(libkvmplat)
// The scheduler: a thread begins in a function that its stack holds.
struct thread { void *(*f)(void *); void *arg; struct thread *next; } threads[8]; int nthreads;
NOINLINE void uk_sched_thread_create_fn(void *(*f)(void *), void *arg) { threads[nthreads].f = f; threads[nthreads++ & 7].arg = arg; }
NOINLINE void run(void) { for (int i = 0; i < nthreads; i++) threads[i].f(threads[i].arg); }

extern int (*const uk_inittab_start[])(void), (*const uk_inittab_end[])(void);
int main(int, char **);
static void *main_thread(void *a) { main(1, a); return a; }
static int boot_cpio(void) { return uk_syscall_r_open(0, 0, 0) + uk_syscall_r_write(0, (long)"x", 1); }
static int (*const init_cpio)(void) __attribute__((section(".uk_inittab"), used)) = boot_cpio;
#ifdef TRAP
void _ukplat_syscall(void);
static NOINLINE void wrmsr(unsigned msr, unsigned long v) { __asm__ volatile("wrmsr" :: "c"(msr), "a"((unsigned)v), "d"((unsigned)(v >> 32))); }
#else
#define _ukplat_syscall 0
static void wrmsr(unsigned msr, unsigned long v) {}
#endif
void ukplat_entry(void) {
	wrmsr(0xc0000082, (unsigned long)_ukplat_syscall);
	for (int (*const *f)(void) = uk_inittab_start; f < uk_inittab_end; f++) (*f)();
	uk_sched_thread_create_fn(main_thread, NULL);
	run();
	exit(0);
}
__asm__(".globl _start\n.type _start,@function\n_start: call ukplat_entry\n hlt\n.size _start,.-_start\n");
