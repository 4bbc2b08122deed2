# Code behind instructions that do not go on: dead inside a function with unwind information
# unless something else leads there, but live when a handler skips the trap, when it is a function of
# its own without an FDE, or behind a call that may return.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# PITFALL: 3
	.include "rt.inc"
	.text
func _start
	call behind_ud2
	lea behind_hlt(%rip),%rax
	call *%rax
	call returns
	mov $111,%eax
	syscall
	exit0
	ud2
endfunc _start
behind_ud2:
	mov $110,%eax
	xor %edi,%edi
	syscall
	ret
	hlt
behind_hlt:
	mov $99,%eax
	xor %edi,%edi
	syscall
	ret
	int3
func returns	# looks as if it did not: its only visible end is a trap
	push %rbp
	pop %rbp
	pop %rax
	jmp *%rax
	ud2
endfunc returns
