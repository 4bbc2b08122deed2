/* Entry by multiboot through the addresses in its header, 32 bit, to C in 64 bit; the page table of the start; interrupts. */
.section .data.boot, "aw"
.align 4
_multiboot_header:
	.long	0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
	.long	_multiboot_header, 0x100000, _edata, _end, _libkvmplat_start32
.align 16
gdt64:	.quad 0
	.quad 0x00af9b000000ffff		/* 8: 64-bit code */
	.quad 0x00cf93000000ffff		/* 16: data */
gdt64_ptr:
	.word gdt64_ptr - gdt64 - 1
	.quad gdt64
/* The first GiB one to one in 2 MiB pages, of the supervisor. */
.align 4096
cpu_pd:
	.set a, 0
	.rept 512
	.quad a + 0x83
	.set a, a + 0x200000
	.endr
cpu_pdpt:
	.quad cpu_pd + 3
	.fill 511, 8, 0
.globl cpu_pml4
cpu_pml4:
	.quad cpu_pdpt + 3
	.fill 511, 8, 0

.section .text.boot, "ax"
.code32
.globl _libkvmplat_start32
.type _libkvmplat_start32, @function
_libkvmplat_start32:
	cmpl	$0x2badb002, %eax
	jne	2f
	movl	$0x20, %eax			/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	xorl	%edx, %edx
	movl	$0x900, %eax			/* LME, NXE */
	wrmsr
	movl	$cpu_pml4, %eax
	movl	%eax, %cr3
	movl	$0x80010003, %eax		/* PG, WP, MP, PE */
	movl	%eax, %cr0
	jmp	_libkvmplat_start64
2:	cli
	hlt
	jmp	2b
.size _libkvmplat_start32, . - _libkvmplat_start32
.code64
.globl _libkvmplat_start64
.type _libkvmplat_start64, @function
_libkvmplat_start64:
	movq	$bootstack, %rsp		/* still 32 bit, in which these bytes do the same, and so do the next */
	lgdt	(gdt64_ptr)
	pushq	$8
	pushq	$1f
	lretq
1:	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%ebp, %ebp
	movq	%cr4, %rax
	orl	$0x440600, %eax			/* PKE, OSXSAVE, OSXMMEXCPT, OSFXSR */
	movq	%rax, %cr4
	xorl	%ecx, %ecx
	xgetbv
	orl	$0x202, %eax			/* SSE, PKRU */
	xsetbv
	movl	%ebx, %edi
	call	_libkvmplat_entry
	ud2
.size _libkvmplat_start64, . - _libkvmplat_start64

.bss
.align 16
	.space 16384
bootstack:

.macro push_all
	pushq %rdi; pushq %rsi; pushq %rdx; pushq %rcx; pushq %rax; pushq %r8; pushq %r9; pushq %r10; pushq %r11
	pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15
.endm
.macro pop_all
	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
	popq %r11; popq %r10; popq %r9; popq %r8; popq %rax; popq %rcx; popq %rdx; popq %rsi; popq %rdi
.endm

.macro handler name, nr, has_ec, to
.globl \name
.type \name, @function
\name:
	cld
.if !\has_ec
	pushq	$0
.endif
	push_all
	movq	%rsp, %rdi
	movl	$\nr, %esi
	call	\to
	pop_all
	addq	$8, %rsp
	iretq
.size \name, . - \name
.endm
.text
handler cpu_irq_0, 0, 0, uk_intctlr_xpic_handle_irq
handler cpu_trap_int3, 3, 0, do_unhandled_trap
handler cpu_trap_invalid_op, 6, 0, do_unhandled_trap
handler cpu_trap_double_fault, 8, 1, do_unhandled_trap
handler cpu_trap_gp_fault, 13, 1, do_unhandled_trap
handler cpu_trap_page_fault, 14, 1, do_unhandled_trap

/* Contexts: a stack pointer and where to go on. */
.globl asm_sw_ctx_switch
.type asm_sw_ctx_switch, @function
.p2align 4
asm_sw_ctx_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, 0(%rdi)
	movq	0(%rsi), %rsp
	leaq	1f(%rip), %rbx
	movq	%rbx, 8(%rdi)
	pushq	8(%rsi)
	ret
1:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
.size asm_sw_ctx_switch, . - asm_sw_ctx_switch

/* A fresh context starts here: its argument and its function are on its stack. */
.globl asm_thread_starter
.type asm_thread_starter, @function
.p2align 4
asm_thread_starter:
	xorl	%ebp, %ebp
	popq	%rdi
	ret
.size asm_thread_starter, . - asm_thread_starter
.section .note.GNU-stack, "", @progbits
