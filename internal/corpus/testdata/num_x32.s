# Bit 30 of the number selects the x32 ABI, whose numbers from 512 up are its own.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: x32/getppid getpgrp
# NOT: getppid
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	mov $0x40000000|110,%eax
	syscall
	mov $111,%eax
	syscall
	exit0
endfunc _start
