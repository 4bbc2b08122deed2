/* Between compartments that memory keys separate. */
#ifndef PKU_H
#define PKU_H
#include "uk.h"

#define COMP1 __attribute__((section(".data_comp1")))
#define COMP2 __attribute__((section(".data_comp2")))
#define SHARED __attribute__((section(".data_shared")))

extern char _end[], _intrstack_start[], _sshared[], _eshared[], _comp1[], _ecomp1[], _comp2[], _ecomp2[], _text[], _etext[];
extern char stack_comp1[8192], stack_comp2[8192];
struct uk_thread_status_block { u64 sp, bp; };
extern struct uk_thread_status_block tsb_comp0[32], tsb_comp1[32], tsb_comp2[32];
void uk_pt_build(u64 kernel_end, u64 memory_end);
int uk_page_set_prot(u64 vaddr, u64 prot);
int flexos_intelpku_mem_set_key(void *addr, u64 npages, u8 key);
void *sw_ctx_create(u64 sp);
struct sw_ctx;
extern void (*const ctx_switch_cb)(struct sw_ctx *, struct sw_ctx *);

static inline u64 read_sp(void)
{
	u64 sp;

	asm volatile("movq %%rsp, %0" : "=r"(sp));
	return sp;
}

/* Gates are part of who calls: PKRU, compared after it was set, and the stack become those of the other compartment. On the stack
   of interrupts a gate is only a call. */
#define PKRU_0 "0x3ffffffc"
#define PKRU_1 "0x3ffffff3"
#define PKRU_2 "0x3fffffcf"
#define SET_PKRU(n) "7:\tmovq $" PKRU_##n ", %%rax\n\txorq %%rcx, %%rcx\n\txorq %%rdx, %%rdx\n\twrpkru\n\tlfence\n\t" \
	"cmpq $" PKRU_##n ", %%rax\n\tjne 7b\n\t"
#define SET_STACK(n) "movq $tsb_comp" #n ", %%rsp\n\tmovq %%rsp, %%rbp\n\tmovq (%%rsp), %%rsp\n\tmovq 8(%%rbp), %%rbp\n\t"
#define GATE(from, to, ret, fn, args, a, b, c, d) do {							\
	if (read_sp() >= (u64)_intrstack_start && read_sp() <= (u64)_end) {					\
		ret = fn args;											\
	} else {												\
		register long a0 asm("rdi") = (long)(a);							\
		register long a1 asm("rsi") = (long)(b);							\
		register long a2 asm("r12") = (long)(c);							\
		register long a3 asm("r13") = (long)(d);							\
		long out;											\
		asm volatile("pushq %%rbp\n\tpushq tsb_comp" #from "\n\tpushq tsb_comp" #from "+8\n\t"		\
			     "movq %%rsp, tsb_comp" #from "\n\tmovq %%rbp, tsb_comp" #from "+8\n\t"		\
			     SET_PKRU(to)									\
			     "movq %%r12, %%rdx\n\tmovq %%r13, %%rcx\n\t"					\
			     SET_STACK(to)									\
			     "andq $-16, %%rsp\n\tcall " #fn "\n\tmovq %%rax, %%rsi\n\t"			\
			     SET_PKRU(from)									\
			     SET_STACK(from)									\
			     "popq tsb_comp" #from "+8\n\tpopq tsb_comp" #from "\n\tpopq %%rbp\n\tmovq %%rsi, %%rax"	\
			     : "=&a"(out), "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3) :				\
			     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");			\
		ret = out;											\
	}													\
} while (0)

struct call { u64 addr; long a[5]; };
extern struct call calls[4];	/* shared */
extern int call_count;

/* Gates to what calls any function there. */
long flexos_gate_0_1(void *fn, long a, long b, long c);
long flexos_gate_0_2(void *fn, long a, long b, long c);
long flexos_gate_1_0(void *fn, long a, long b, long c);
long flexos_gate_2_0(void *fn, long a, long b, long c);
long app_call(void *fn, long a, long b, long c);
long net_call(void *fn, long a, long b, long c);
long plugin_call(void *fn, long a, long b, long c);

long net_hole(const struct call *, int);
long net_libc(const struct call *, int);	/* calls through the gate into compartment 0 */
long plugin_hole(const struct call *, int);
int net_serve(int n);
void net_irq(void);
int plugin_serve(int n);
#endif
