# The kernel looks at 32 bits only: what the upper half of rax holds is no part of the
# number. And a 32-bit operation clears the upper half, so that adding wraps around.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid
# NOT: reboot
# UNRESOLVED: none
# PITFALL: 8
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	movabs $0xffffffff0000006e,%rax
	syscall
	movabs $0x1234567800000063,%rax
	mov %eax,%eax
	syscall
	mov $0xffffffff,%eax
	add $112,%eax
	syscall
	mov $0xffffffffffffffff,%rax
	add $101,%rax
	syscall
	mov $-1,%rax
	shl $32,%rax
	or $124,%rax
	syscall
	exit0
endfunc _start
