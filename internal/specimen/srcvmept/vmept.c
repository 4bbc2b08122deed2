/* libflexos_core: the memory that the machines share, and the server of calls. */
#include "vmept.h"

u64 shmem_rpc_page;
volatile u8 flexos_vmept_comp_id = FLEXOS_VMEPT_COMP_ID;

enum { CTRL = 256, COMPS = 16, THREADS = 256 };

static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline u32 inl(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static u32 pci(u32 device, u32 reg)
{
	outl(0xcf8, 1u << 31 | device << 11 | reg);
	return inl(0xcfc);
}

/* Without FlexOS's device of its own: ivshmem-plain, whose memory is BAR 2. */
static int shmem_init(void)
{
	for (u32 d = 0; d < 32; d++)
		if (pci(d, 0) == 0x11101af4) {
			u64 bar = pci(d, 0x18) & ~15u;

			bar |= (u64)pci(d, 0x1c) << 32;
			outl(0xcf8, 1u << 31 | d << 11 | 4);
			outl(0xcfc, 2);			/* memory accesses */
			shmem_rpc_page = bar;
		}
	return !shmem_rpc_page || shmem_rpc_page >> 32;
}
UK_INIT_PRIO(shmem_init, 10);

/* The control block of the one thread of compartment 0: that of the masters of all compartments come first. */
rpc_ctrl *flexos_vmept_ctrl(void) { return (rpc_ctrl *)(shmem_rpc_page + CTRL * COMPS); }
char *flexos_vmept_shared(void) { return (char *)(shmem_rpc_page + CTRL * COMPS + CTRL * COMPS * THREADS); }

static int flexos_vmept_eval_func(rpc_ctrl *c, u64 *ret)
{
	u64 info = c->f_info;
	register u64 f asm("rax") = (u64)c->f_ptr;

	asm volatile("movq 0(%1), %%rdi\n\tmovq 8(%1), %%rsi\n\tmovq 16(%1), %%rdx\n\tmovq 24(%1), %%rcx\n\t"
		     "movq 32(%1), %%r8\n\tmovq 40(%1), %%r9\n\tcall *%0\n\tmovq %%rax, %0"
		     : "+&r"(f) : "b"(c->parameters) : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
	*ret = f;
	return info >> 8 & 1;
}

/* Answers a call that is for this compartment. */
static inline int serve(rpc_ctrl *c)
{
	u64 s = c->extended_state, ret;
	u8 from = s >> 32, to = s >> 40;

	if ((u8)s != RPC_CALLED || to != flexos_vmept_comp_id)
		return 0;
	if (flexos_vmept_eval_func(c, &ret))
		c->ret = ret;
	c->extended_state = rpc_state(to, from, RPC_RETURNED);
	return 1;
}

void flexos_vmept_wait_for_rpc(rpc_ctrl *c)
{
	for (;;) {
		u64 s = c->extended_state;

		if ((u8)s == RPC_RETURNED && (u8)(s >> 40) == flexos_vmept_comp_id)
			return;
		if (!serve(c))
			uk_sched_yield();
	}
}

void flexos_vmept_rpc_loop(void)
{
	printf("compartment %d serves\n", (long)flexos_vmept_comp_id);
	for (;;)
		if (!serve(flexos_vmept_ctrl()))
			uk_sched_yield();
}
