/* libflexos: gives memory its keys, and has the stacks of compartments. */
#define UK_SYSCALL_CALLER
#include "pku.h"

struct uk_thread_status_block tsb_comp0[32] __attribute__((used));
struct uk_thread_status_block tsb_comp1[32] COMP1 __attribute__((used)) = { { (u64)stack_comp1 + 8192, (u64)stack_comp1 + 8192 } };
struct uk_thread_status_block tsb_comp2[32] COMP2 __attribute__((used)) = { { (u64)stack_comp2 + 8192, (u64)stack_comp2 + 8192 } };
char stack_comp1[8192] COMP1 __attribute__((aligned(16))) = { 1 };
char stack_comp2[8192] COMP2 __attribute__((aligned(16))) = { 1 };

static void protect(char *start, char *end, u8 key)
{
	if (flexos_intelpku_mem_set_key(start, (end - start) / 4096, key))
		ukplat_terminate(9);
}

static void flexos_protect(void)
{
	protect(_intrstack_start, _end, 15);
	protect(_sshared, _eshared, 15);
	protect(_comp1, _ecomp1, 1);
	protect(_comp2, _ecomp2, 2);
}
UK_CTOR_PRIO(flexos_protect, 0);

/* Before keys are turned on. */
static int early_init(void) { return uk_syscall_r_getppid(0, 0, 0, 0, 0, 0) == 7 ? 0 : 1; }
UK_INIT_PRIO(early_init, 10);

/* Sets a key's rights, as programs might: nothing calls it. */
noinline int flexos_intelpku_set_perm(u8 key, int perm)
{
	u32 pkru = rdpkru();

	wrpkru((pkru & ~(3u << 2 * key)) | (u32)perm << 2 * key);
	return 0;
}
