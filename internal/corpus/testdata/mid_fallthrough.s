# Code that is reached only because the function before it does not end: between two
# FDEs, from an FDE into bytes without one, and from there into an FDE again.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
# PITFALL: 1 3
	.include "rt.inc"
	.text
func _start
	call first
	exit0
endfunc _start
func first
	mov $110,%eax
	syscall
endfunc first
func second
	mov $99,%eax
endfunc second
	xor %edi,%edi
	syscall
	nop
func third
	mov $111,%eax
	syscall
	ret
endfunc third
