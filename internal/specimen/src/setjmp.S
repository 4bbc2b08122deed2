.text
.globl setjmp
.type setjmp, @function
.p2align 4
setjmp:
	movq	%rbx, (%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	leaq	8(%rsp), %rdx
	movq	%rdx, 48(%rdi)
	movq	(%rsp), %rdx
	movq	%rdx, 56(%rdi)
	xorl	%eax, %eax
	ret
.size setjmp, . - setjmp
.globl longjmp
.type longjmp, @function
.p2align 4
longjmp:
	xorl	%eax, %eax
	cmpl	$1, %esi
	adcl	%esi, %eax
	movq	(%rdi), %rbx
	movq	8(%rdi), %rbp
	movq	16(%rdi), %r12
	movq	24(%rdi), %r13
	movq	32(%rdi), %r14
	movq	40(%rdi), %r15
	movq	48(%rdi), %rsp
	jmp	*56(%rdi)
.size longjmp, . - longjmp
#ifndef PKU
/* The instruction with the registers of the caller. */
.globl syscall_raw
.type syscall_raw, @function
.p2align 4
syscall_raw:
	syscall
	ret
.size syscall_raw, . - syscall_raw
.p2align 4
#endif
.section .note.GNU-stack, "", @progbits
