# The ways in which compilers and people load a number. The pitfall is the write of a part of
# a register, and an analysis that keeps a stale value for a form that it does not know.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getsid getpriority umask getuid getgid geteuid getegid sched_yield getpgid alarm personality getitimer
# UNRESOLVED: none
# PITFALL: 8
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	xor %esi,%esi
	xor %edx,%edx
	xor %eax,%eax		# a byte
	mov $110,%al
	syscall
	xor %eax,%eax		# a word
	mov $99,%ax
	syscall
	or $-1,%rax		# all ones, then a byte and
	and $111,%eax
	syscall
	push $100
	pop %rax
	syscall
	xor %edi,%edi		# an address without memory
	lea 124(%rdi),%eax
	syscall
	mov $139,%ecx
	inc %ecx
	mov %ecx,%eax
	syscall
	mov $96,%eax
	dec %eax
	syscall
	mov $51,%eax		# 51 * 2 = 102
	shl $1,%eax
	syscall
	mov $208,%eax
	shr %eax
	syscall
	mov $10,%eax		# 107
	add $97,%eax
	syscall
	mov $200,%eax		# 108
	sub $92,%eax
	syscall
	xor %eax,%eax
	add $24,%rax
	syscall
	mov $~121,%eax
	not %eax
	syscall
	mov $-37,%eax
	neg %eax
	syscall
	imul $27,%esi,%eax	# 0
	or $135,%eax
	syscall
	movb $36,-8(%rsp)
	movzbl -8(%rsp),%eax
	syscall
	exit0
endfunc _start
