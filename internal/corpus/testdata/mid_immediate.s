# A jump into the immediate of another instruction, where the bytes 0f 05 stand: the
# instruction is live at one offset and an operand at another. The second immediate of that kind is
# never jumped to.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
# NOT: reboot
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	mov $110,%eax
	jmp 1f+1
1:	mov $0x9090050f,%eax	# b8 0f 05 90 90
	mov $169,%eax
	jmp 2f
2:	mov $0x9090050f,%ecx
	exit0
endfunc _start
