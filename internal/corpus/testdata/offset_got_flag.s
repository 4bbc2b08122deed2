# An offset from itself to a word of the GOT, with a flag in its lowest bit, as Swift marks references to symbols
# of other files: what it holds and where it is come from different functions.
#
# BUILD: gcc -c {{src}} -o {{dir}}/x.o && gcc -pie {{dir}}/x.o -o {{out}}
# WANT: personality
# TRAP: 3
	.text
	.globl main
	.type main,@function
main:	.cfi_startproc
	sub $8,%rsp
	.cfi_adjust_cfa_offset 8
	xor %edi,%edi
	call offset
	test $1,%al
	jz 1f
	and $-2,%eax
	movslq %eax,%rax
	lea field(%rip),%rcx
	add %rax,%rcx
	mov (%rcx),%rax
	mov $0xffffffff,%edi
	call *%rax
1:	xor %eax,%eax
	add $8,%rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size main,.-main
	.type offset,@function
offset:	.cfi_startproc
	lea field(%rip),%rax
	movslq %edi,%rdi
	mov (%rax,%rdi,4),%eax
	ret
	.cfi_endproc
	.size offset,.-offset
	.section .rodata
	.balign 32
field:	.long personality@GOTPCREL + 1
	.section .note.GNU-stack,"",@progbits
