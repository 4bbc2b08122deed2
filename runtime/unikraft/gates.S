/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026, the gofind authors. All rights reserved. */

/*
 * What stands between hooks (gofind_rules.S) and gofind.c. Hooks are called before
 * the first instruction of a function, so that all registers are preserved, those
 * too that a function may clobber; only arithmetic flags are not.
 */

/* 80 bytes on the stack, interrupts off */
.macro save
	pushfq
	cli
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
.endm

.macro restore
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	popfq
.endm

.macro function name
.globl \name
.type \name, @function
.p2align 4
\name:
.endm

.macro done name
.size \name, . - \name
.endm

.text

/* Opens a gate. On the stack: the mask, the address to go on at, the return address. */
function gofind_enter
	save
	leaq	96(%rsp), %rdi
	movl	80(%rsp), %esi
	call	gofind_open
	restore
	leaq	8(%rsp), %rsp
	ret
done gofind_enter

/* Gated functions return to here. */
function gofind_leave
	leaq	-8(%rsp), %rsp		/* the return address, once more */
	save
	leaq	80(%rsp), %rdi
	call	gofind_close
	restore
	ret
done gofind_leave

/* On the stack: the return address, an offset. The context is at that from %rsi. */
function gofind_thread
	save
	movq	88(%rsp), %rdi
	addq	%rsi, %rdi
	call	gofind_add
	restore
	ret
done gofind_thread

/* On the stack: the return address, an offset. The stack pointer to be is at that from %rdi. */
function gofind_longjmp
	save
	addq	88(%rsp), %rdi
	leaq	88(%rsp), %rsi
	call	gofind_jump
	restore
	ret
done gofind_longjmp

/* How calls fail. With _hooked, the address to go on at is dropped. */
function gofind_refuse_hooked
	leaq	8(%rsp), %rsp
done gofind_refuse_hooked
function gofind_refuse
	movslq	gofind_errno(%rip), %rax
	negq	%rax
	ret
done gofind_refuse

function gofind_refuse_errno_hooked
	leaq	8(%rsp), %rsp
done gofind_refuse_errno_hooked
function gofind_refuse_errno
	save
	call	gofind_set_errno
	restore
	movq	$-1, %rax
	ret
done gofind_refuse_errno

.section .note.GNU-stack, "", @progbits
