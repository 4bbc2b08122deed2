/* libkvmplat: memory, console, interrupts, the end. */
#ifdef PKU
#include "pku.h"
#else
#include "uk.h"
#endif

#ifndef PKU
struct ukplat_memregion_desc { u64 pbase, vbase, pg_off, len, pg_count; u16 type, flags; u32 pad; };
struct ukplat_bootinfo {
	u32 magic;
	u8 version, pad[3];
	char bootloader[16], bootprotocol[16];
	u64 cmdline, cmdline_len, dtb, efi_st;
	u32 capacity, count;
	struct ukplat_memregion_desc mrds[32];
};
static struct ukplat_bootinfo bi_bootinfo __attribute__((used, section(".uk_bootinfo")));
enum { MRT_FREE = 1, MRT_KERNEL = 4 };
#else
static struct ukplat_memregion_desc { u64 base, len; } regions[2];
#endif

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }

void ukplat_coutk(const char *s, size_t n)
{
	while (n--) {
		while (!(inb(0x3fd) & 0x20))
			;
		outb(0x3f8, *s++);
	}
}

static void puts_k(const char *s) { ukplat_coutk(s, strlen(s)); }

/* The exit status of QEMU's isa-debug-exit is 2 * value + 1. */
void ukplat_terminate(int request)
{
	asm volatile("cli");
	outb(0x501, request);
	for (;;)
		asm volatile("hlt");
}

static void puthex(u64 v)
{
	char b[16];

	for (int i = 15; i >= 0; i--, v >>= 4)
		b[i] = "0123456789abcdef"[v & 15];
	ukplat_coutk(b, 16);
}

struct regs { u64 gpr[15], ec, rip, cs, rflags, rsp, ss; };

noinline void do_unhandled_trap(struct regs *r, int nr)
{
	wrpkru(0);
	puts_k("trap ");
	ukplat_coutk(&"0123456789abcdef"[nr], 1);
	puts_k(" at ");
	puthex(r->rip);
	puts_k("\n");
	ukplat_terminate(5);
}

static volatile u64 ticks;
static void (*irq_handlers[4])(void);

noinline int uk_intctlr_xpic_handle_irq(struct regs *r, u64 irq)
{
#ifdef PKU
	u32 pkru = rdpkru();
#endif

	wrpkru(0);
	ticks++;
	for (int i = 0; i < 4; i++)
		if (irq_handlers[i])
			irq_handlers[i]();
	outb(0x20, 0x20);
#ifdef PKU
	wrpkru(pkru);
#endif
	return irq != 0 && r->cs != 8;
}

u64 ukplat_ticks(void) { return ticks; }

int ukplat_irq_register(void (*fn)(void))
{
	for (int i = 0; i < 4; i++)
		if (!irq_handlers[i]) {
			irq_handlers[i] = fn;
			return 0;
		}
	return -ENOMEM;
}

#ifdef PKU
/* What the processor reads on its own is subject to PKRU, too: FlexOS has it where its stack of interrupts is, which all may write. */
#define DESCRIPTORS __attribute__((section(".intrstack,\"aw\",@nobits#"), aligned(16)))
#else
#define DESCRIPTORS
#endif
static struct { u16 lo, sel; u8 ist, type; u16 mid; u32 hi, zero; } idt[64] DESCRIPTORS;
void cpu_irq_0(void);
void cpu_trap_int3(void);
void cpu_trap_invalid_op(void);
void cpu_trap_double_fault(void);
void cpu_trap_gp_fault(void);
void cpu_trap_page_fault(void);

static void idt_set(int nr, void (*fn)(void))
{
	u64 a = (u64)fn;

	idt[nr].lo = a;
	idt[nr].sel = 8;
	idt[nr].type = 0x8e;
#ifdef PKU
	idt[nr].ist = 1;
#endif
	idt[nr].mid = a >> 16;
	idt[nr].hi = a >> 32;
}

#ifdef PKU
/* Handlers run on a stack that all compartments share. */
static u64 gdt[5] DESCRIPTORS;
static u32 tss[26] DESCRIPTORS;
char interrupt_stack[16384] DESCRIPTORS;

static void stacks_init(void)
{
	struct __attribute__((packed)) { u16 limit; u64 base; } p = { sizeof(gdt) - 1, (u64)gdt };
	u64 base = (u64)tss, top = (u64)interrupt_stack + sizeof(interrupt_stack);

	tss[9] = top;		/* IST 1 */
	tss[10] = top >> 32;
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	gdt[3] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
	gdt[4] = base >> 32;
	asm volatile("lgdt %0\n\tltr %w1" : : "m"(p), "r"(24));
}
#endif

static void traps_init(void)
{
	struct __attribute__((packed)) { u16 limit; u64 base; } p = { sizeof(idt) - 1, (u64)idt };
#ifdef PKU
	stacks_init();
#endif

	idt_set(3, cpu_trap_int3);
	idt_set(6, cpu_trap_invalid_op);
	idt_set(8, cpu_trap_double_fault);
	idt_set(13, cpu_trap_gp_fault);
	idt_set(14, cpu_trap_page_fault);
	idt_set(32, cpu_irq_0);
	asm volatile("lidt %0" : : "m"(p));
}

#if !defined(PKU) && !defined(VMEPT)
void _ukplat_syscall(void);
static void wrmsr(u32 msr, u64 v) { asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))); }

/* The syscall instruction, which turns interrupts off. */
static void syscalls_init(void)
{
	wrmsr(0xc0000081, 8UL << 32);
	wrmsr(0xc0000082, (u64)_ukplat_syscall);
	wrmsr(0xc0000084, 0x200);
}
#endif

/* The timer, 2000 times a second, through the legacy controllers. */
void ukplat_irq_init(void)
{
	outb(0x20, 0x11); outb(0x21, 32); outb(0x21, 4); outb(0x21, 1);
	outb(0xa0, 0x11); outb(0xa1, 40); outb(0xa1, 2); outb(0xa1, 1);
	outb(0x21, 0xfe); outb(0xa1, 0xff);
	outb(0x43, 0x34);
	outb(0x40, 596 & 255); outb(0x40, 596 >> 8);
	asm volatile("sti");
}

void ukplat_tlsp_set(u64 p)
{
	asm volatile("wrmsr" : : "c"(0xc0000100), "a"((u32)p), "d"((u32)(p >> 32)));
}

extern char _tls_start[], _etdata[], _tls_end[];

/* Variables of a thread lie below its thread pointer, which points to itself. */
u64 ukarch_tls_area_new(void)
{
	u64 size = (_tls_end - _tls_start + 15) & -16;
	char *area = uk_malloc(size + 16);
	u64 *tp = (u64 *)(area + size);

	memset(area, 0, size);
	memcpy(area, _tls_start, _etdata - _tls_start);
	*tp = (u64)tp;
	return (u64)tp;
}

static char cmdline[4096];
const char *ukplat_cmdline(void) { return cmdline; }

static void keep_cmdline(u32 *mi)
{
	const char *c = (mi[0] & 4) ? (const char *)(u64)mi[4] : "";

	for (size_t i = 0; i < sizeof(cmdline) - 1 && c[i]; i++)
		cmdline[i] = c[i];
}

#ifdef PKU
/* Memory of the image: the text begins where the image does. */
noinline void ukplat_memregion_get(int i, struct ukplat_memregion_desc *m)
{
	m->base = i ? (u64)_sshared : (u64)_text;
	m->len = i ? (u64)_eshared - (u64)_sshared : (u64)_etext - (u64)_text;
}

/* Free memory starts behind the image, whose end is an address in the code. */
noreturn void _libkvmplat_entry(u32 *mi)
{
	u64 heap = ((u64)_end + 0xfff) & -0x1000;

	for (int i = 0; i < 2; i++)
		ukplat_memregion_get(i, &regions[i]);
	if (regions[0].base != regions[1].base + regions[1].len)
		ukplat_terminate(4);
	traps_init();
	keep_cmdline(mi);
	uk_pt_build(((u64)_end + 0x1fffff) & -0x200000, 16 << 20);
	uk_alloc_init(heap, heap + (8 << 20));
	uk_boot_entry();
}
#else
noreturn void _ukplat_entry(u32 *mi)
{
	u64 end = 0;

	if (bi_bootinfo.magic != 0xb007b0b0) {
		puts_k("no boot information\n");
		ukplat_terminate(4);
	}
	keep_cmdline(mi);
	for (u32 i = 0; i < bi_bootinfo.count; i++) {
		struct ukplat_memregion_desc *m = &bi_bootinfo.mrds[i];

		if (m->type == MRT_KERNEL && m->vbase + m->len > end)
			end = m->vbase + m->len;
	}
	traps_init();
#if !defined(PKU) && !defined(VMEPT)
	syscalls_init();
#endif
	uk_alloc_init(end, end + (8 << 20));
	uk_boot_entry();
}
#endif
