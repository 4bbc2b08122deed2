/* Entry by multiboot, 32 bit, to C in 64 bit; the boot page table; interrupts. */
#define PTE_RW 0x3
#define PTE_PSE 0x80

.section .data.boot.32, "aw"
.align 16
gdt64:	.quad 0
	.quad 0x00af9a000000ffff		/* 8: 64-bit code */
	.quad 0x00cf92000000ffff		/* 16: data */
gdt64_ptr:
	.word gdt64_ptr - gdt64 - 1
	.quad gdt64

.section .text.boot.32, "ax"
.code32
.globl _multiboot_entry
.type _multiboot_entry, @function
_multiboot_entry:
	cmpl	$0x2badb002, %eax
	jne	2f
	movl	$0x620, %eax			/* PAE, OSFXSR, OSXMMEXCPT */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	xorl	%edx, %edx
	movl	$0x101, %eax			/* LME, SCE */
	wrmsr
	movl	$x86_bpt_pml4, %eax
	movl	%eax, %cr3
	movl	$0x80010003, %eax		/* PG, WP, MP, PE */
	movl	%eax, %cr0
	lgdt	gdt64_ptr
	ljmp	$8, $1f
2:	cli
	hlt
	jmp	2b
.code64
1:	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	leaq	lcpu_bootstack(%rip), %rsp
	xorl	%ebp, %ebp
	movl	%ebx, %edi
	call	_ukplat_entry
	ud2
.size _multiboot_entry, . - _multiboot_entry

.bss
.align 16
	.space 16384
lcpu_bootstack:

/* The first 4 GiB one to one: 2 MiB pages, the first 2 MiB in 4 KiB pages, the first page absent. */
.data
.align 4096
x86_bpt_pt0_0_0:
	.quad 0
	.set a, 0x1000
	.rept 511
	.quad a + PTE_RW
	.set a, a + 0x1000
	.endr
x86_bpt_pd0_0:
	.quad x86_bpt_pt0_0_0 + PTE_RW
	.set a, 0x200000
	.rept 2047
	.quad a + PTE_RW + PTE_PSE
	.set a, a + 0x200000
	.endr
x86_bpt_pdpt0:
	.quad x86_bpt_pd0_0 + PTE_RW
	.quad x86_bpt_pd0_0 + 0x1000 + PTE_RW
	.quad x86_bpt_pd0_0 + 0x2000 + PTE_RW
	.quad x86_bpt_pd0_0 + 0x3000 + PTE_RW
	.fill 508, 8, 0
.globl x86_bpt_pml4
x86_bpt_pml4:
	.quad x86_bpt_pdpt0 + PTE_RW
	.fill 511, 8, 0

.macro push_all
	pushq %rdi; pushq %rsi; pushq %rdx; pushq %rcx; pushq %rax; pushq %r8; pushq %r9; pushq %r10; pushq %r11
	pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15
.endm
.macro pop_all
	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
	popq %r11; popq %r10; popq %r9; popq %r8; popq %rax; popq %rcx; popq %rdx; popq %rsi; popq %rdi
.endm

.text
.globl cpu_irq_0
.type cpu_irq_0, @function
cpu_irq_0:
	cld
	pushq	$0
	push_all
	movq	%rsp, %rdi
	xorl	%esi, %esi
	call	uk_intctlr_xpic_handle_irq
	pop_all
	addq	$8, %rsp
	iretq
.size cpu_irq_0, . - cpu_irq_0

#ifndef PKU
/* What the processor enters for a syscall instruction, interrupts off: %rcx is where it goes on, %r11 its flags. */
.globl _ukplat_syscall
.type _ukplat_syscall, @function
.p2align 4
_ukplat_syscall:
	pushq	%r11
	pushq	%rcx
	pushq	%r9; pushq %r8; pushq %r10; pushq %rdx; pushq %rsi; pushq %rdi; pushq %rax
	movq	%rsp, %rdi
	sti
	pushq	%rbp
	movq	%rsp, %rbp
	andq	$-16, %rsp
	call	ukplat_syscall_handler
	movq	%rbp, %rsp
	popq	%rbp
	popq	%rax
	popq	%rdi; popq %rsi; popq %rdx; popq %r10; popq %r8; popq %r9; popq %rcx
	popfq
	jmp	*%rcx
.size _ukplat_syscall, . - _ukplat_syscall
#endif

.macro trap name, nr, has_ec
.globl cpu_trap_\name
.type cpu_trap_\name, @function
cpu_trap_\name:
	cld
.if !\has_ec
	pushq	$0
.endif
	push_all
	movq	%rsp, %rdi
	movl	$\nr, %esi
	call	do_unhandled_trap
	pop_all
	addq	$8, %rsp
	iretq
.size cpu_trap_\name, . - cpu_trap_\name
.endm
trap int3, 3, 0
trap invalid_op, 6, 0
trap double_fault, 8, 1
trap gp_fault, 13, 1
trap page_fault, 14, 1
.section .note.GNU-stack, "", @progbits
