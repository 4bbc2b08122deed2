# A call of the function that is right behind it, as the last instruction of a function: not the way to read the
# program counter, which is a call of the next instruction too. With unwind information, with a symbol only,
# and with neither.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times
# NOT: reboot
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	call 1f
1:	pop %rax
	lea first-1b(%rax),%rbx
	call first
endfunc _start

func first
	push %rax
	call second
endfunc first
func second
	mov $110,%eax
	syscall
	call third
	hlt
endfunc second
	marker dead 169

	.type third,@function
third:	push %rax
	call fourth
	.size third,.-third
	.type fourth,@function
fourth:	mov $99,%eax
	xor %edi,%edi
	syscall
	call fifth
	hlt
	.size fourth,.-fourth

fifth:	push %rax
	call sixth
sixth:	mov $111,%eax
	syscall
	mov $100,%eax
	xor %edi,%edi
	syscall
	exit0
