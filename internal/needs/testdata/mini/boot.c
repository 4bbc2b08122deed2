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
#ifdef START // as FlexOS has it: the entry goes on in a second function, by a jump, on a stack of its own; an address there is pushed for a far return, and that of the entry is kept as one of memory
void _start(void), start64(void);
struct region { long base, len; } regions[2];
NOINLINE void region(struct region *r, long at) { r->base = (long)_start + at; r->len = 4096; sink += r->base >> 12; }
static int boot_regions(void) {
	region(regions, 0);
#if START == 2 // a way back: by a call
	if (sink == 77) _start();
#elif START == 3 // the second function is in a table, too
	static void (*const again[2])(void) = {start64, start64};
	if (sink == 77) again[sink & 1]();
#elif START == 4 // a place within the first
	extern char within[];
	((struct region *volatile)regions)->len = (long)within;
#elif START == 5 // the second function may be kept
	regions[1].base = (long)start64;
	((struct region *volatile)regions)->len = (long)start64;
#endif
	return 0;
}
static int (*const init_regions)(void) __attribute__((section(".uk_inittab"), used)) = boot_regions;
__asm__(".globl _start\n.type _start,@function\n_start: cld\nwithin: jmp start64\n.size _start,.-_start\n"
	".globl start64\n.type start64,@function\nstart64: mov $start_stack,%rsp\n push $8\n push $1f\n lretq\n1: call ukplat_entry\n hlt\n.size start64,.-start64\n"
	".comm start_stack,64,16\n");
#else
__asm__(".globl _start\n.type _start,@function\n_start: call ukplat_entry\n hlt\n.size _start,.-_start\n");
#endif
