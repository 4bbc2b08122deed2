/* Calls between compartments that are virtual machines: a page of memory that all share has a control block
   for each thread. Names and layout are those of FlexOS's vmept. */
#ifndef VMEPT_H
#define VMEPT_H
#include "uk.h"

struct flexos_vmept_rpc_ctrl {
	u64 extended_state;	/* state, from << 32, to << 40 */
	int recursion;
	void *f_ptr;
	u64 f_info;		/* how many arguments, and 0x100 if it returns something */
	u64 parameters[6];
	u64 ret;
};
enum { RPC_IDLE, RPC_FROZEN, RPC_CALLED, RPC_RETURNED };
typedef volatile struct flexos_vmept_rpc_ctrl rpc_ctrl;

extern u64 shmem_rpc_page;
extern volatile u8 flexos_vmept_comp_id;
rpc_ctrl *flexos_vmept_ctrl(void);
void flexos_vmept_wait_for_rpc(rpc_ctrl *);
void flexos_vmept_rpc_loop(void) noreturn;
char *flexos_vmept_shared(void);	/* 256 KiB for anything */

static inline u64 rpc_state(u64 from, u64 to, u32 state) { return from << 32 | to << 40 | state; }

/* The gate: fname is called in another compartment with up to six integers. */
#define flexos_vmept_gate_r(from, to, retval, fname, ...)			\
do {										\
	rpc_ctrl *_c = flexos_vmept_ctrl();					\
	u64 _a[] = { __VA_ARGS__ };						\
	_c->f_ptr = (void *)(fname);						\
	_c->f_info = sizeof(_a) / 8 | 0x100;					\
	for (size_t _i = 0; _i < sizeof(_a) / 8; _i++)				\
		_c->parameters[_i] = _a[_i];					\
	_c->recursion++;							\
	_c->extended_state = rpc_state(from, to, RPC_CALLED);			\
	flexos_vmept_wait_for_rpc(_c);						\
	(retval) = _c->ret;							\
	_c->recursion--;							\
	_c->extended_state = rpc_state(from, to, RPC_IDLE);			\
} while (0)

/* compartment 1 */
int plugin_load(const char *path, char *out, size_t n);
long plugin_sum(long a, long b, long c, long d, long e, long f);
/* compartment 0 */
long app_scale(long);
#endif
