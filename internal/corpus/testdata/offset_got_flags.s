# A table of offsets from itself to words of the GOT, all with the same flag in their lowest bit: what it holds and where
# it is come from different functions.
#
# BUILD: gcc -c {{src}} -o {{dir}}/x.o && gcc -pie {{dir}}/x.o -o {{out}}
# WANT: personality getpgid getsid
# TRAP: 3
	.text
	.globl main
	.type main,@function
main:	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rbx,-16
	xor %ebx,%ebx
1:	mov %ebx,%edi
	call offset
	dec %eax
	movslq %eax,%rax
	lea table(%rip),%rcx
	add %rax,%rcx
	mov (%rcx),%rax
	mov $0xffffffff,%edi
	cmp $2,%ebx
	je 2f
	xor %edi,%edi
2:	call *%rax
	inc %ebx
	cmp $3,%ebx
	jne 1b
	xor %eax,%eax
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size main,.-main
	.type offset,@function
offset:	.cfi_startproc
	lea table(%rip),%rax
	movslq %edi,%rdi
	mov (%rax,%rdi,4),%eax
	ret
	.cfi_endproc
	.size offset,.-offset
	.section .rodata
	.balign 32
table:	.long getpgid@GOTPCREL + 1, getsid@GOTPCREL + 5, personality@GOTPCREL + 9
	.section .note.GNU-stack,"",@progbits
