# Symbols of different sizes at one address, and one inside another (as glibc's
# sys_errlist of several versions): the small one is not the end of the object.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# PITFALL: 7
	.text
	.globl _start
	.type _start,@function
_start:
	.cfi_startproc
	lea old(%rip),%rbx
	mov $3,%r12d
1:	call *(%rbx)
	add $8,%rbx
	dec %r12d
	jne 1b
	xor %edi,%edi
	mov $231,%eax
	syscall
	.cfi_endproc
	.size _start,.-_start

	.macro marker name number
	.type \name,@function
\name:	.cfi_startproc
	xor %edi,%edi
	mov $\number,%eax
	syscall
	ret
	.cfi_endproc
	.size \name,.-\name
	.endm
	marker f0 110
	marker f1 99
	marker f2 111

	.section .data.rel,"aw"
	.balign 32
	.globl old,new,inner
	.type old,@object
	.type new,@object
	.type inner,@object
	.size old,8
	.size inner,8
	.size new,24
old:
new:	.quad f0
inner:	.quad f1
	.quad f2
