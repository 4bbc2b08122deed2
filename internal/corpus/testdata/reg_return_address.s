# A function that pops its return address and goes on somewhere near: past the bytes of a string
# behind the call, as position-independent code of old did, or past a marker instruction.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# COVER: getppid sysinfo
# TRAP: 5
	.include "rt.inc"
	.text
func _start
	call print
	.asciz "text behind the call"
	mov $110,%eax
	syscall
	call get_pc
here:	add $target-here,%rax
	jmp *%rax
	ud2
target:	mov $99,%eax
	xor %edi,%edi
	syscall
	exit0
endfunc _start
func print
	pop %rsi
1:	lodsb
	test %al,%al
	jne 1b
	jmp *%rsi
endfunc print
func get_pc
	mov (%rsp),%rax
	ret
endfunc get_pc
