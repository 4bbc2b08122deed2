/* libflexos_core: turns keys on, and gives the first compartment its rights. */
#define UK_SYSCALL_CALLER
#include "pku.h"

static int flexos_intelpku_init(void)
{
	u64 cr4;

	asm volatile("movq %%cr4, %0" : "=r"(cr4));
	asm volatile("movq %0, %%cr4" : : "r"(cr4 | 1UL << 22) : "memory");
	asm volatile("wrpkru\n\tcmpl $0x3ffffffc, %%eax\n\tjne gate_fail" : : "a"(0x3ffffffc), "c"(0), "d"(0) : "memory", "cc");
	return 0;
}
UK_INIT_PRIO(flexos_intelpku_init, 20);

/* Before keys are on. */
static int early_init(void) { return uk_syscall_r_getppid(0, 0, 0, 0, 0, 0) == 7 ? 0 : 1; }
UK_INIT_PRIO(early_init, 10);
