# Numbers that go through places that are seldom followed: a vector register, the x87
# stack, a byte swap, a lock xadd, a string instruction, cmpxchg, a division, a push and a
# pop of another width. Each is named or unresolved; none may be left at a stale value.
#
# BUILD: gcc {{free|pie}} {{src}} -o {{out}}
# COVER: getppid sysinfo getpgrp times getsid getpriority umask getuid getgid geteuid
# PITFALL: 14
	.include "rt.inc"
	.text
func _start
	xor %edi,%edi
	xor %esi,%esi
	xor %edx,%edx

	mov $110,%eax		# stale value: getpid
	movd %eax,%xmm0
	mov $39,%eax
	movd %xmm0,%eax
	syscall

	mov $99<<24,%ecx
	mov $39,%eax
	bswap %ecx
	mov %ecx,%eax
	bswap %eax
	shr $24,%eax
	syscall

	movl $111,-8(%rsp)
	mov $39,%eax
	lock xadd %eax,-8(%rsp)
	syscall

	lea one_hundred(%rip),%rsi
	mov $39,%eax
	lodsl
	syscall
	xor %esi,%esi

	mov $39,%eax
	pushw $124
	pop %ax
	syscall

	mov $39,%eax
	fildl value(%rip)
	fistpl -8(%rsp)
	mov -8(%rsp),%eax
	syscall

	mov $39,%eax
	mov $95,%ecx
	cmpxchg %ecx,%eax
	xchg %ecx,%eax
	syscall

	mov $39,%eax
	mov $102*2+1,%ecx
	rorx $1,%rcx,%rax
	shl %rax
	shr %rax
	syscall

	mov $39,%eax
	mov $104,%edx
	mov %edx,%eax
	cltq
	xor %edx,%edx
	syscall

	mov $39,%eax
	mov $107*3,%eax
	xor %edx,%edx
	mov $3,%ecx
	div %ecx
	syscall
	exit0
endfunc _start
	.section .rodata
	.balign 4
one_hundred: .long 100
	.data
value:	.long 140
