# Instructions that write to more, or to other, memory than their operand says.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# BUILD: gcc {{pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp times getuid getgid geteuid getegid getpriority getsid umask
# UNRESOLVED: none
	.include "rt.inc"
	.text
	.macro guard name number
	cmpl $0,\name(%rip)
	je 8f
	xor %edi,%edi
	xor %esi,%esi
	xor %edx,%edx
	mov $\number,%eax
	syscall
8:
	.endm
func _start
	mov $512,%ecx
	bts %rcx,bits(%rip)		# the bit 64 bytes behind
	mov $-1,%rcx
	lock btcl %ecx,negative+4(%rip)	# the bit before
	lea stosd+64(%rip),%rdi
	std
	mov $1,%eax
	mov $10,%ecx
	rep stosl
	cld
	fnsave saved(%rip)
	pcmpeqd %xmm0,%xmm0
	fxsave fx(%rip)
	movdqa %xmm0,%xmm1
	lea masked(%rip),%rdi
	maskmovdqu %xmm1,%xmm0
	movntdq %xmm0,vector(%rip)
	mov $1,%eax
	movnti %eax,direct(%rip)
	mov %rsp,%rbx
	lea stack+128(%rip),%rsp
	mov $1,%ebp
	enter $16,$0
	push $1
	mov %rbx,%rsp
	lea frame+128(%rip),%rsp
	call 1f
1:	mov %rbx,%rsp
	stmxcsr control(%rip)
	guard bits+64 110
	guard negative 99
	guard stosd+60 111
	guard saved+4 100
	guard fx+160 102
	guard masked+12 104
	guard vector+12 107
	guard direct 108
	guard stack+120 140
	guard frame+120 124
	guard control 95
	exit0
endfunc _start
	.bss
	.balign 64
bits: .zero 128
negative: .zero 64
stosd: .zero 128
saved: .zero 128
	.balign 64
fx: .zero 512
masked: .zero 64
vector: .zero 64
direct: .zero 64
stack: .zero 128
frame: .zero 128
control: .zero 64
