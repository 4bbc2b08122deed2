# What clang makes of virtual calls with relative vtables: an object points at
# the address point of its table, whose entries are 32-bit offsets from there. The object is
# passed to a function that knows neither, and one table is pointed at from .data.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# TRAP: 3
	.include "rt.inc"
	.text
func _start
	lea vtable1+8(%rip),%rax
	push %rax
	mov %rsp,%rdi
	call use
	lea object(%rip),%rdi
	call use
	exit0
endfunc _start
func use
	push %rbx
	mov %rdi,%rbx
	mov (%rbx),%rax
	movslq (%rax),%rcx
	add %rax,%rcx
	call *%rcx
	mov (%rbx),%rax
	movslq 4(%rax),%rcx
	add %rax,%rcx
	call *%rcx
	pop %rbx
	ret
endfunc use
	marker a0 110
	marker a1 99
	marker b0 111
	marker b1 100
	.section .rodata
	.balign 4
vtable1: .long 0,0
	.long a0-(vtable1+8),a1-(vtable1+8)
vtable2: .long 0,0
	.long b0-(vtable2+8),b1-(vtable2+8)
	.section .data.rel,"aw"
	.balign 8
object:	.quad vtable2+8
