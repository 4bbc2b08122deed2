# Writes what the kernel, and the stub, left in the registers and on the stack, as bytes.
	.intel_syntax noprefix
	.globl _start
	.text
_start:
	pushfq
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rbp
	push	rdi
	push	rsi
	push	rdx
	push	rcx
	push	rbx
	push	rax
	mov	rax, [rsp+128]			# argc
	push	rax
	mov	eax, 1
	mov	edi, 1
	mov	rsi, rsp
	mov	edx, 136
	syscall
	mov	eax, 60
	mov	edi, 5
	syscall
