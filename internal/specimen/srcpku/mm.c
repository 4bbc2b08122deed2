/* libkvmplat: page tables, which the image makes as it starts and changes as it runs; contexts of threads. */
#include "pku.h"

enum { POOL = 48 << 20, TABLES = 256 };
#define BOOKKEEP_AREA_START (1UL << 32)
#define PTE_ADDR 0xffffffffff000UL
#define PTE_NX (1UL << 63)
#define PROT_EXEC 4UL

/* Page tables are mapped so much above where they lie. */
u64 _virt_offset;
static u64 used;

static u64 *table(u64 pt) { return (u64 *)((pt & PTE_ADDR) + _virt_offset); }

static u64 read_pt_base(void)
{
	u64 v;

	asm volatile("movq %%cr3, %0" : "=r"(v));
	return v;
}

static u64 pt_alloc(void)
{
	u64 pt = POOL + 4096 * used++;

	if (used > TABLES)
		ukplat_terminate(8);
	memset(table(pt), 0, 4096);
	return pt;
}

static u64 *pte_of(u64 pt, u64 vaddr, int make)
{
	for (int shift = 39;; shift -= 9) {
		u64 *e = &table(pt)[vaddr >> shift & 511];

		if (shift == 12)
			return e;
		if (!(*e & 1)) {
			if (!make)
				return NULL;
			*e = pt_alloc() | 0x67;
		}
		pt = *e;
	}
}

static u64 pte_create(u64 paddr, u64 prot)
{
	return (paddr & PTE_ADDR) | 0x25 | (prot & 2) | (prot & PROT_EXEC ? 0 : PTE_NX) | (prot >> 4 & 15) << 59;
}

static void map(u64 pt, u64 vaddr, u64 paddr, u64 end, u64 prot)
{
	for (; paddr < end; vaddr += 4096, paddr += 4096)
		*pte_of(pt, vaddr, 1) = pte_create(paddr, prot);
}

noinline void uk_pt_build(u64 kernel_end, u64 memory_end)
{
	u64 pt = pt_alloc();

	map(pt, 0x9000, 0x9000, 0xa000, 1);
	map(pt, 0x100000, 0x100000, kernel_end, 7);
	map(pt, kernel_end, kernel_end, memory_end, 3);
	map(pt, BOOKKEEP_AREA_START, POOL, POOL + 4096 * TABLES, 3);
	asm volatile("movq %0, %%cr3" : : "r"(pt) : "memory");
	_virt_offset = BOOKKEEP_AREA_START - POOL;
}

noinline int uk_page_set_prot(u64 vaddr, u64 prot)
{
	u64 *e = pte_of(read_pt_base(), vaddr, 0);

	if (!e || !(*e & 1))
		return -EINVAL;
	*e = pte_create(*e, prot);
	asm volatile("invlpg (%0)" : : "r"(vaddr) : "memory");
	return 0;
}

/* As it was, and with a key: the bit of users stands where that of execution is asked for. */
noinline int flexos_intelpku_mem_set_key(void *addr, u64 npages, u8 key)
{
	for (u64 v = (u64)addr; npages--; v += 4096) {
		u64 *e = pte_of(read_pt_base(), v, 0);
		int err = e ? uk_page_set_prot(v, (*e & ~0xf0UL) | (u64)key << 4) : -EINVAL;

		if (err)
			return err;
	}
	return 0;
}

struct sw_ctx { u64 sp, ip; u8 *ext; u8 area[2816 + 64]; };
void asm_sw_ctx_switch(struct sw_ctx *, struct sw_ctx *);
void asm_thread_starter(void);

/* States of the processor are kept with all that a processor with PKRU has. */
static noinline void sw_ctx_switch(struct sw_ctx *p, struct sw_ctx *n)
{
	u32 pkru = rdpkru();

	wrpkru(0);
	asm volatile("xsave (%0)" : : "r"(p->ext), "a"(-1), "d"(-1) : "memory");
	asm volatile("xrstor (%0)" : : "r"(n->ext), "a"(-1), "d"(-1) : "memory");
	asm_sw_ctx_switch(p, n);
	wrpkru(pkru);
}

void (*const ctx_switch_cb)(struct sw_ctx *, struct sw_ctx *) = sw_ctx_switch;

void *sw_ctx_create(u64 sp)
{
	struct sw_ctx *c = uk_malloc(sizeof(*c));

	memset(c, 0, sizeof(*c));
	c->sp = sp;
	c->ip = (u64)asm_thread_starter;
	c->ext = (u8 *)(((u64)c->area + 63) & -64);
	asm volatile("xsave (%0)" : : "r"(c->ext), "a"(3), "d"(0) : "memory");
	return c;
}
