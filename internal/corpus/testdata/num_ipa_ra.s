# What -fipa-ra makes of it: 110 stays in r9d over the call of a function that
# does not write r9, while 169 (reboot) in r8d is overwritten by the callee of the callee.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
# COVER: getpgrp
# NOT: reboot
# PITFALL: 4
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	mov $110,%r9d
	mov $169,%r8d
	call outer
	mov %r9d,%eax
	syscall
	mov %r8d,%eax
	syscall
	exit0
endfunc _start
	.type outer,@function
outer:	.cfi_startproc
	push %rbx
	mov $1,%ebx
	call inner
	pop %rbx
	ret
	.cfi_endproc
	.size outer,.-outer
	.type inner,@function
inner:	.cfi_startproc
	mov $111,%r8d
	ret
	.cfi_endproc
	.size inner,.-inner
