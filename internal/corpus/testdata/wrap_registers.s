# Gates that take the number in a register of their own: rax, rbx, the stack, and one that is called
# through a pointer with the number in rax, as programs of old called the kernel's entry.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# COVER: times getsid
# NOT: reboot
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	mov $110,%eax
	call by_rax
	mov $99,%ebx
	call by_rbx
	push $111
	call by_stack
	add $8,%rsp
	mov $100,%eax
	call *gate(%rip)
	mov $124,%eax
	jmp *shared(%rip)
endfunc _start
func dead
	mov $169,%eax
	call by_rax
	mov $169,%ebx
	jmp by_rbx
endfunc dead
func by_rax
	syscall
	ret
endfunc by_rax
func by_rbx
	push %rbx
	xchg %rbx,%rax
	syscall
	pop %rbx
	ret
endfunc by_rbx
func by_stack
	mov 8(%rsp),%rax
	syscall
	ret
endfunc by_stack
func pointed
	syscall
	ret
endfunc pointed
func last
	syscall
	exit0
endfunc last
	.section .data.rel,"aw"
	.balign 8
gate:	.quad pointed
shared:	.quad last
