# Addresses in position-dependent code that are sums of numbers which are none: of one number, and of
# one of two.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# TRAP: 2
	.include "rt.inc"
	.set key,0x1cf9124
	.text
func _start
	mov $f0-key,%rax
	add $key,%rax
	mov %rax,%rcx
	cmp $1,%rsp
	jne 1f
	mov $1,%ecx
1:	call *%rcx
	mov $2,%edx
2:	mov $f1-key,%rbx
	cmp $1,%rdx
	je 3f
	mov $f2-key,%rbx
3:	push %rdx
	add $key,%rbx
	call *%rbx
	pop %rdx
	dec %rdx
	jz 4f
	mov $1,%edx
	jmp 2b
4:	exit0
endfunc _start
	marker f0 110
	marker f1 99
	marker f2 111
