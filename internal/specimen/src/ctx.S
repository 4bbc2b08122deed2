/* Contexts: a stack pointer and where to go on. */
.text
.globl ukarch_ctx_switch
.type ukarch_ctx_switch, @function
.p2align 4
ukarch_ctx_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, 8(%rdi)
	movq	8(%rsi), %rsp
	leaq	1f(%rip), %rbx
	movq	%rbx, 0(%rdi)
	pushq	0(%rsi)
	ret
1:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
.size ukarch_ctx_switch, . - ukarch_ctx_switch

/* A fresh context starts here: its argument and its function are on its stack. */
.globl _ctx_x86_call1
.type _ctx_x86_call1, @function
.p2align 4
_ctx_x86_call1:
	xorl	%ebp, %ebp
	popq	%rdi
	ret
.size _ctx_x86_call1, . - _ctx_x86_call1
.section .note.GNU-stack, "", @progbits
