# A word of eight bytes that is loaded whole, of which the lower half alone is compared, as 64 bits: what the
# comparison sees is not what the word holds.
#
# BUILD: gcc {{free}} {{src}} -o {{out}}
# BUILD: gcc {{pie}} {{src}} -o {{out}}
# WANT: getppid sysinfo getpgrp
# UNRESOLVED: none
	.include "rt.inc"
	.text
func _start
	mov upper(%rip),%rax
	mov %eax,%eax
	test %rax,%rax
	jne 1f
	mov $110,%eax
	syscall
1:	mov upper(%rip),%rax
	movslq %eax,%rcx
	test %rcx,%rcx
	jne 1f
	xor %edi,%edi
	mov $99,%eax
	syscall
1:	mov sign(%rip),%rax
	movslq %eax,%rcx
	cmp $-1,%rcx
	jne 1f
	mov $111,%eax
	syscall
1:	xor %edi,%edi
	mov $231,%eax
	syscall
	hlt
endfunc _start
	.data
	.balign 8
upper:	.quad 0x100000000
sign:	.quad 0x1ffffffff
