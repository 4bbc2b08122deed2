# Data in .text that decodes as a call: constants behind a function, read as data, and one that
# linear disassembly would fall into.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid
# NOT: reboot swapon
# UNRESOLVED: none
# PITFALL: 9
	.include "rt.inc"
	.text
func _start
	mov constant(%rip),%ecx
	lea table(%rip),%rdx
	mov 4(%rdx),%ecx
	xor %ecx,%ecx
	xor %edx,%edx
	mov $110,%eax
	xor %edi,%edi
	syscall
	exit0
endfunc _start
	.balign 16
constant:
	.byte 0xb8,169,0,0,0,0x0f,0x05,0xc3	# mov $169,%eax; syscall; ret
	.balign 16
table:	.byte 0xb8,167,0,0,0,0x0f,0x05,0xc3
	.byte 0xb8,88,0,0,0,0xcd,0x80,0xc3
	.ascii "text\017\005more text\017\064"
