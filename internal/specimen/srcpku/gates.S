/* Gates: PKRU and the stack become those of the other compartment. PKRU is compared after each wrpkru, so that
   a jump to one with another value ends the image. On the stack of interrupts, a gate is only a call. */
.macro set_pkru value
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	movl	$\value, %eax
	wrpkru
	cmpl	$\value, %eax
	jne	gate_fail
.endm

.macro gate from, to, from_value, to_value
.globl flexos_gate_\from\()_\to
.type flexos_gate_\from\()_\to, @function
.p2align 4
flexos_gate_\from\()_\to:
	movq	%rdi, %r11
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %r10
	movq	%rsp, %rax
	subq	$interrupt_stack, %rax
	cmpq	$16384, %rax
	jbe	1f
	pushq	%rbp
	movq	%rsp, tsb_comp\from(%rip)
	set_pkru \to_value
	movq	tsb_comp\to(%rip), %rsp
	movq	%r10, %rdx
	call	*%r11
	movq	%rsp, tsb_comp\to(%rip)
	movq	%rax, %r8
	set_pkru \from_value
	movq	tsb_comp\from(%rip), %rsp
	popq	%rbp
	movq	%r8, %rax
	ret
1:	movq	%r10, %rdx
	jmp	*%r11
.size flexos_gate_\from\()_\to, . - flexos_gate_\from\()_\to
.endm

.text
gate 0, 1, 0x3ffffffc, 0x3ffffff3
gate 0, 2, 0x3ffffffc, 0x3fffffcf
gate 1, 0, 0x3ffffff3, 0x3ffffffc
gate 2, 0, 0x3fffffcf, 0x3ffffffc

.globl gate_fail
.type gate_fail, @function
gate_fail:
	cli
	ud2
.size gate_fail, . - gate_fail

/* Stacks: where that of a compartment goes on when it is entered. */
.data
.p2align 3
.globl tsb_comp0
tsb_comp0: .quad 0

.section .data_comp1, "aw", @progbits
.p2align 4
	.space 8192
stack_comp1:
.globl tsb_comp1
tsb_comp1: .quad stack_comp1

.section .data_comp2, "aw", @progbits
.p2align 4
	.space 8192
stack_comp2:
.globl tsb_comp2
tsb_comp2: .quad stack_comp2
.section .note.GNU-stack, "", @progbits
