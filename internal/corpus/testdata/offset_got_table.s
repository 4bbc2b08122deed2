# A table of offsets from itself to words of the GOT, as relative references to symbols of other files are made, without and
# with the same flag in the lowest bit of all: what it holds and where it is come from different functions.
#
# BUILD: gcc -c -Wa,--defsym,FLAG={{0|1}} {{src}} -o {{dir}}/x.o && gcc -pie {{dir}}/x.o -o {{out}}
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
	.if FLAG
	dec %eax
	.endif
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
table:	.long getpgid@GOTPCREL + FLAG, getsid@GOTPCREL + 4 + FLAG, personality@GOTPCREL + 8 + FLAG
	.section .note.GNU-stack,"",@progbits
