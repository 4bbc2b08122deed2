# Parts of registers as no compiler uses them: a number moved through a high byte, a high byte
# cleared, a byte of memory in the middle of a word, a rotation.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# COVER: getppid sysinfo getpgrp times
# PITFALL: 8
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	mov $110 << 8,%eax
	mov %ah,%al
	movzbl %al,%eax
	syscall
	mov $99 | 0xff00,%eax
	xor %ah,%ah
	syscall
	movl $0,-8(%rsp)
	movb $111,-7(%rsp)
	mov -8(%rsp),%eax
	shr $8,%eax
	syscall
	mov $100<<4,%eax
	ror $4,%eax
	syscall
	exit0
endfunc _start
